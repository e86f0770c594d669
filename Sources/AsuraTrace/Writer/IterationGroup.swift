import AsuraTensor

/// An `NXdata` group whose first axis is the iteration, being written: it grows by a row an iteration.
///
/// Chunks go to the file as they come. Series of a few numbers an iteration, and the iterations' numbers, are
/// kept until `settle`: writing each by itself would cost more than a large chunk.
struct IterationGroup: Sendable {
  private struct Member: Sendable {
    let dataset: H5Dataset
    /// How many numbers a row has, if they are kept until `settle`.
    let seriesWidth: Int?
    /// The rows the file has.
    var rows = 0
    var waiting: [Double] = []
  }

  private(set) var data: NXDataGroup
  /// The names of the groups from the root to this one.
  let path: [String]
  private var arrays: [Member] = []
  private let scale: H5Dataset
  /// The iterations that have a row, in order.
  private(set) var iterations: [Int] = []
  /// How many of them the file has.
  private var written = 0

  init(_ data: NXDataGroup, at path: [String]) throws {
    self.data = data
    self.path = path
    scale = try self.data.addAxis("iteration", growable: true)
  }

  mutating func addAxis(_ axis: TraceAxis) throws { try data.addAxis(axis.name, axis.values) }

  /// Adds an array over the iteration and `axes`, each chunk of one iteration; returns its place.
  mutating func addArray(
    _ name: String, axes: [String], chunk: [Int], _ encoding: ChunkEncoding, unit: String = "",
    longName: String
  ) throws -> Int {
    let layout = H5Layout(growable: true, deflate: encoding.deflate, chunk: [1] + chunk)
    let dataset = try data.addArray(
      name, encoding.number, axes: ["iteration"] + axes, unit: unit, longName: longName,
      layout: layout)
    arrays.append(Member(dataset: dataset, seriesWidth: nil))
    return arrays.count - 1
  }

  /// Adds a series of 64-bit numbers over the iteration and `axes`.
  mutating func addSeries(_ name: String, axes: [TraceAxis] = [], longName: String) throws {
    let width = axes.reduce(1) { $0 * $1.count }
    let layout = H5Layout(
      growable: true, chunk: [max(1, 512 / width)] + axes.map(\.count), hasChecksums: false)
    let dataset = try data.addArray(
      name, .float64, axes: ["iteration"] + axes.map(\.name), longName: longName, layout: layout)
    arrays.append(Member(dataset: dataset, seriesWidth: width))
  }

  func setAttribute(_ name: String, _ value: TraceAttribute, of array: Int) throws {
    try arrays[array].dataset.setAttribute(name, value)
  }

  /// The path of an array from the root.
  func path(of array: Int) -> String {
    "/" + (path + [arrays[array].dataset.name]).joined(separator: "/")
  }

  private mutating func row(of iteration: Int) -> Int {
    if let row = iterations.lastIndex(of: iteration) { return row }
    iterations.append(iteration)
    return iterations.count - 1
  }

  /// Writes one encoded chunk of an array at an iteration. A group's iterations come in rising order.
  mutating func write(
    _ chunk: ChunkBuffer, array: Int, iteration: Int, offset: [Int]
  ) throws {
    let row = row(of: iteration)
    try grow(array, to: row + 1)
    try arrays[array].dataset.writeChunk(
      UnsafeRawBufferPointer(chunk.bytes), offset: [row] + offset)
  }

  /// Adds a row to all series, each with its numbers.
  mutating func append(_ values: [[Double]], iteration: Int) {
    _ = row(of: iteration)
    for (array, values) in values.enumerated() {
      precondition(values.count == arrays[array].seriesWidth, "\(values.count) numbers")
      arrays[array].waiting += values
    }
  }

  private mutating func grow(_ array: Int, to rows: Int) throws {
    guard arrays[array].rows < rows else { return }
    try arrays[array].dataset.resize(firstAxisTo: rows)
    arrays[array].rows = rows
  }

  /// Writes what has been kept.
  mutating func settle() throws {
    guard written < iterations.count else { return }
    let new = iterations[written...].map { Int64($0) }
    try scale.resize(firstAxisTo: iterations.count)
    try new.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      try scale.write(base, as: .int64, start: [written], count: [new.count])
    }
    for index in arrays.indices {
      let start = arrays[index].rows
      try grow(index, to: iterations.count)
      guard arrays[index].seriesWidth != nil else { continue }
      let dataset = arrays[index].dataset
      let shape = try dataset.shape().dropFirst()
      try arrays[index].waiting.withUnsafeBytes { bytes in
        guard let base = bytes.baseAddress else { return }
        try dataset.write(
          base, as: .float64, start: [start] + shape.map { _ in 0 },
          count: [iterations.count - start] + shape)
      }
      arrays[index].waiting = []
    }
    written = iterations.count
  }

  /// Takes over the rows of iterations up to `last` from the same group of another file.
  mutating func takeOver(from other: H5Group, upTo last: Int) throws {
    iterations = try RecordedArray.iterations(of: other, upTo: last)
    for index in arrays.indices {
      let target = arrays[index].dataset
      let source = try other.dataset(target.name)
      let shape = [iterations.count] + (try target.shape().dropFirst())
      if arrays[index].seriesWidth != nil {
        let values: Tensor<Double> = try source.tensor(
          Double.self, start: shape.map { _ in 0 }, count: shape)
        arrays[index].waiting = values.elements
        continue
      }
      let (old, new) = (try source.storage(), try target.storage())
      guard old.chunk == new.chunk, old.filters == new.filters, let chunk = new.chunk,
        try source.kind() == target.kind()
      else {
        throw TraceError(
          .misuse, "\(path(of: index)) is stored otherwise than it would be now",
          advice: "Go on with the same options of storage")
      }
      try grow(index, to: iterations.count)
      for block in H5Blocks(of: shape, in: chunk) {
        try source.copyChunk(at: block.start, to: target)
      }
    }
  }

  /// How many rows are left when those after an iteration are dropped; nil if none is dropped.
  func rows(upTo last: Int?) -> Int? {
    let kept = iterations.prefix { iteration in last.map { iteration <= $0 } ?? false }.count
    return kept < iterations.count ? kept : nil
  }
}

extension H5Group {
  /// Cuts everything in a group that grows along the iteration to some rows.
  func cut(toRows rows: Int) throws {
    for name in try names() {
      guard case .dataset(let member) = try member(name), try member.isGrowable(),
        let first = try member.shape().first, first > rows
      else { continue }
      try member.resize(firstAxisTo: rows)
    }
  }

  /// The group at the end of a path of names.
  func group(at path: [String]) throws -> H5Group {
    try path.reduce(self) { try $0.group($1) }
  }
}
