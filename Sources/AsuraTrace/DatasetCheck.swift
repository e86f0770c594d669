/// Reads datasets chunk by chunk for `TraceReader.verify`.
struct DatasetCheck {
  /// A dataset to read.
  struct Item {
    let path: String
    let dataset: H5Dataset
    let kind: H5Kind
    let shape: [Int]
    /// The iterations of the rows that count; nil where rows are no iterations.
    let iterations: [Int]?
    /// Whether NaN stands for a value that there is not.
    let mayBeNaN: Bool
    /// What stands for what attention must not see: −∞ in scores and their means, ∞ in norms; nil elsewhere.
    let masked: Double?

    /// The shape of the part that counts.
    var extent: [Int] { iterations.map { [$0.count] + shape.dropFirst() } ?? shape }
    var bytes: Int {
      guard case .number(let number) = kind else { return 0 }
      return elementCount(extent + [number.size]) ?? .max
    }
  }

  let last: Int
  private(set) var items: [Item] = []
  var sums = SelfCheck()
  private var done = 0

  init(last: Int) { self.last = last }

  /// Finds the datasets below `run`.
  mutating func list(_ run: H5Group) throws {
    var found: [Item] = []
    var iterations: [String: [Int]] = [:]
    try run.walk { path, member in
      switch member {
      case .group(let group):
        if try group.contains("iteration") {
          iterations[path] = try RecordedArray.iterations(of: group, upTo: last)
        }
      case .dataset(let dataset):
        let parent = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
        let shape = try dataset.shape()
        let rows = dataset.name == "neighbour_key" ? nil : iterations[parent]
        let isAlong =
          if let rows, let first = shape.first {
            try first >= rows.count
              && (dataset.name == "iteration"
                || !dataset.isScale()
                  && dataset.isAttached(run.dataset(at: parent + "/iteration"), axis: 0))
          } else { false }
        found.append(
          Item(
            path: "/run/" + path, dataset: dataset, kind: try dataset.kind(), shape: shape,
            iterations: isAlong ? rows : nil,
            mayBeNaN: parent == "summary" || parent == "readout" && dataset.name != "logits",
            masked: parent.contains(".attn.scores")
              ? dataset.name == "norm" ? .infinity : -.infinity : nil))
      }
    }
    items = found
  }

  /// Reads one dataset, adding what is wrong to `result`.
  mutating func read(
    _ item: Item, _ result: inout TraceVerification, progress: (Int) throws -> Void
  ) throws {
    result.datasets += 1
    guard case .number(let number) = item.kind else {
      do { _ = try item.dataset.texts() } catch let error as TraceError {
        result.add(.init(kind: .chunk, message: Self.words(error), path: item.path))
      }
      return
    }
    let blocks: H5Blocks
    do {
      let storage = try item.dataset.storage()
      try item.dataset.checkStored(bytes: item.bytes)
      let chunk =
        storage.chunk ?? H5Layout().chunk(of: item.extent, elementSize: number.size)
      blocks = H5Blocks(of: item.extent, in: chunk)
      if storage.layout == .chunked {
        let (stored, expected) = (try item.dataset.storedChunkCount(), blocks.underestimatedCount)
        if stored < expected, !item.extent.contains(0) {
          result.add(
            .init(
              kind: .missing,
              message: "\(expected - stored) of \(expected) chunks were never written",
              path: item.path))
        }
      }
    } catch let error as TraceError {
      return result.add(.init(kind: .schema, message: Self.words(error), path: item.path))
    }

    var tally = Tally(item)
    var buffer: [UInt8] = []
    for (index, block) in blocks.enumerated() {
      let bytes = block.count.reduce(number.size, *)
      if buffer.count < bytes { buffer = [UInt8](repeating: 0, count: bytes) }
      do {
        try buffer.withUnsafeMutableBytes { buffer in
          guard let base = buffer.baseAddress else { return }
          try item.dataset.read(into: base, as: number, start: block.start, count: block.count)
          tally.add(UnsafeRawBufferPointer(rebasing: buffer[..<bytes]), number, block, index)
        }
      } catch let error as TraceError {
        result.add(finding(error, item, block, index))
        tally.skip(block)
      }
      result.chunks += 1
      result.bytes += bytes
      done += bytes
      try progress(done)
    }
    if let finding = tally.finding { result.add(finding) }
    if let iterations = item.iterations {
      let (compared, wrong) = sums.compare(
        item.path,
        zip(iterations, tally.rows).filter { !$0.1.sum.isNaN }
          .map { (iteration: $0.0, found: $0.1) })
      result.sums += compared
      if let wrong { result.add(wrong) }
    }
  }

  private func finding(
    _ error: TraceError, _ item: Item, _ block: H5Block, _ index: Int
  ) -> TraceVerification.Finding {
    let place = try? item.dataset.chunkPlace(at: block.start)
    let iteration = item.iterations.flatMap { rows in block.start.first.map { rows[$0] } }
    return .init(
      kind: .chunk, message: Self.words(error), path: item.path, chunk: index,
      offset: place?.offset, iteration: iteration)
  }

  private static func words(_ error: TraceError) -> String {
    let library = error.library.prefix(2).joined(separator: "; ")
    return error.message + (library.isEmpty ? "" : " (HDF5: \(library))")
  }
}

/// What is counted while a dataset is read.
private struct Tally {
  private let item: DatasetCheck.Item
  /// Sum and sum of squares of each row.
  private(set) var rows: [(sum: Double, squares: Double)] = []
  private var bad = 0
  private var first: (value: Double, place: [Int], chunk: Int)?

  init(_ item: DatasetCheck.Item) {
    self.item = item
    if let iterations = item.iterations {
      rows = iterations.map { _ in (0, 0) }
    }
  }

  mutating func add(
    _ bytes: UnsafeRawBufferPointer, _ number: H5Number, _ block: H5Block, _ chunk: Int
  ) {
    switch number {
    case .float32: add(bytes.bindMemory(to: Float.self), block, chunk)
    case .float64: add(bytes.bindMemory(to: Double.self), block, chunk)
    case .int32: sum(bytes.bindMemory(to: Int32.self), block)
    case .int64: sum(bytes.bindMemory(to: Int64.self), block)
    case .uint64: sum(bytes.bindMemory(to: UInt64.self), block)
    case .uint8: sum(bytes.bindMemory(to: UInt8.self), block)
    }
  }

  /// Takes note that a block could not be read: there is no sum of its rows.
  mutating func skip(_ block: H5Block) {
    guard !rows.isEmpty else { return }
    for row in block.start[0]..<block.start[0] + block.count[0] { rows[row].sum = .nan }
  }

  private mutating func sum(
    _ values: UnsafeBufferPointer<some BinaryInteger>, _ block: H5Block
  ) {
    eachRow(values.count, block) { row, range in
      var (sum, squares) = (0.0, 0.0)
      for i in range {
        let value = Double(values[i])
        sum += value
        squares += value * value
      }
      return (sum, squares)
    }
  }

  private mutating func add<F: BinaryFloatingPoint>(
    _ values: UnsafeBufferPointer<F>, _ block: H5Block, _ chunk: Int
  ) {
    eachRow(values.count, block) { row, range in
      var (sum, squares) = (0.0, 0.0)
      for i in range {
        // The sums of the self-check are of the finite values.
        let value = values[i].isFinite ? Double(values[i]) : 0
        sum += value
        squares += value * value
      }
      return (sum, squares)
    }
    for i in values.indices where !values[i].isFinite {
      let isExpected =
        values[i].isNaN ? item.mayBeNaN : item.masked == Double(values[i])
      guard !isExpected else { continue }
      bad += 1
      if first == nil { first = (Double(values[i]), Self.place(i, block), chunk) }
    }
  }

  private mutating func eachRow(
    _ count: Int, _ block: H5Block, _ sums: (Int, Range<Int>) -> (Double, Double)
  ) {
    guard !rows.isEmpty, block.count[0] > 0 else { return }
    let length = count / block.count[0]
    for row in 0..<block.count[0] {
      let (sum, squares) = sums(row, row * length..<(row + 1) * length)
      rows[block.start[0] + row].sum += sum
      rows[block.start[0] + row].squares += squares
    }
  }

  /// The place in the dataset of the value at `index` of a block.
  private static func place(_ index: Int, _ block: H5Block) -> [Int] {
    var rest = index
    var place = block.start
    for axis in place.indices.reversed() {
      place[axis] += rest % block.count[axis]
      rest /= block.count[axis]
    }
    return place
  }

  /// What is wrong with the values, if anything.
  var finding: TraceVerification.Finding? {
    guard let first else { return nil }
    let iteration = item.iterations.map { $0[first.place[0]] }
    let others = bad == 1 ? "" : ", the first of \(bad) values that are not finite"
    return .init(
      kind: .notFinite, message: "\(first.value) at \(first.place)\(others)", path: item.path,
      chunk: first.chunk, iteration: iteration)
  }
}
