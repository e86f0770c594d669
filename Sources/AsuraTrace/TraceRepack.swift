import Foundation

/// Writes a trace anew with all iterations of one example's positions side by side, for programs
/// that follow single trajectories: reading one then touches a few chunks instead of one an
/// iteration. The content is the same.
public struct TraceRepack: Sendable {
  public var trace: TraceReader
  /// Compression from 0 (none) to 9.
  public var deflate = 0
  /// How many bytes of values are held in memory at once, about. An array larger than this is read
  /// several times.
  public var memory = 256 << 20

  public init(_ trace: TraceReader, deflate: Int = 0) {
    self.trace = trace
    self.deflate = deflate
  }

  /// Writes the file: beside its name first, so that it appears whole or not at all.
  /// - Parameter progress: called with the bytes of values written, and how many there are; may
  ///   throw to stop.
  /// - Throws: `TraceError`; `misuse` for a trace that is still being written.
  public func write(
    to url: URL, overwriting: Bool = false,
    progress: @escaping (_ bytes: Int, _ total: Int) throws -> Void = { _, _ in }
  ) throws {
    guard (0...9).contains(deflate) else {
      throw TraceError(.misuse, "compression is 0 to 9, not \(deflate)", file: url)
    }
    guard trace.status != .running else {
      throw TraceError(
        .misuse, "the trace is still being captured, or its capture was killed",
        advice: "Wait for its end, or run asura-trace recover", file: trace.url)
    }
    let output = OutputFile(url: url, overwrites: overwriting)
    try output.checkFree()
    try output.make { try write(to: $0, progress) }
  }

  private func write(
    to root: H5Group, _ progress: @escaping (_ bytes: Int, _ total: Int) throws -> Void
  ) throws {
    let source = trace.file.root
    var total = 0
    try source.walk { _, member in
      guard case .dataset(let dataset) = member, case .number(let number) = try dataset.kind()
      else { return }
      total += min(elementCount(try dataset.shape() + [number.size]) ?? .max, 1 << 50)
    }
    var done = 0
    let step: (Int) throws -> Void = { bytes in
      done += bytes
      try progress(min(done, total), total)
    }
    var axes: [String: [String]] = [:]
    try source.walk { path, member in
      guard case .group(let group) = member, try group.contains("iteration") else { return }
      let scales = try group.scales()
      for name in try group.names() where scales[name] == nil {
        guard case .dataset(let dataset) = try group.member(name) else { continue }
        axes["\(path)/\(name)"] = try group.axes(of: dataset, among: scales)
      }
    }
    let copy = H5Copy(
      layout: { path, dataset in
        guard let axes = axes[path], axes.first == "iteration", axes.contains("batch"),
          case .number(let number) = try dataset.kind()
        else { return nil }
        return H5Layout(
          growable: true, deflate: deflate,
          chunk: Self.chunk(of: try dataset.shape(), axes: axes, elementSize: number.size))
      },
      fill: { try fill($0, $1, step) },
      progress: step)
    try copy.members(of: source, to: root)
  }

  /// Chunks of all iterations of as many positions of one example as fit about a megabyte. Where one
  /// position is more than four, the iterations are divided, and then other axes.
  static func chunk(of shape: [Int], axes: [String], elementSize: Int) -> [Int] {
    var chunk = shape.map { max(1, $0) }
    for (axis, name) in axes.enumerated() where name == "batch" || name == "block" {
      chunk[axis] = 1
    }
    func fit(_ axis: Int, _ most: Double) {
      let bytes = chunk.reduce(Double(elementSize)) { $0 * Double($1) }
      guard bytes > most else { return }
      chunk[axis] = max(1, Int(Double(chunk[axis]) / (bytes / most).rounded(.up)))
    }
    if let place = axes.firstIndex(where: { $0 == "position" || $0 == "query" }) {
      fit(place, 1_048_576)
    }
    for axis in chunk.indices { fit(axis, 4_194_304) }
    return chunk
  }

  /// Fills an array slab by slab: all iterations of as many chunks as memory allows.
  private func fill(
    _ source: H5Dataset, _ target: H5Dataset, _ step: (Int) throws -> Void
  ) throws {
    guard case .number(let number) = try source.kind(), let chunk = try target.storage().chunk
    else { return }
    let shape = try source.shape()
    var slab = chunk
    slab[0] = max(1, shape[0])
    for axis in slab.indices.reversed() where axis > 0 {
      let bytes = slab.reduce(Double(number.size)) { $0 * Double($1) }
      let chunks = max(1, Int(Double(memory) / max(1, bytes)))
      slab[axis] = min(max(1, shape[axis]), slab[axis] * chunks)
    }
    for block in H5Blocks(of: shape, in: slab) {
      var bytes = [UInt8](repeating: 0, count: block.count.reduce(number.size, *))
      try bytes.withUnsafeMutableBytes { bytes in
        guard let base = bytes.baseAddress else { return }
        try source.read(into: base, as: number, start: block.start, count: block.count)
        try target.write(base, as: number, start: block.start, count: block.count)
      }
      try step(bytes.count)
    }
  }
}
