/// How one iteration's values of an array are cut into chunks.
///
/// A chunk is a run of values that lie side by side: one entry of the leading axes, some entries of one axis
/// in the middle, all of those behind it. So the part of a batch that a run works on at a time can be a chunk
/// as it is, and a huge attention pattern is cut within its queries.
struct ChunkGrid: Sendable, Equatable {
  /// The shape of one iteration's values, the batch first.
  let shape: [Int]
  /// The axis that is cut, and how many of its entries a chunk has; the last chunk may have fewer.
  private let axis: Int
  private let length: Int
  /// Elements in one entry of the cut axis, and in all of it.
  private let inner: Int
  private let outer: Int

  /// Chunks hold some tens of kilobytes to four megabytes.
  static let smallest = 65_536
  static let largest = 4_194_304

  /// - Parameter rowsAtATime: how many entries of the first axis come together; chunks hold a multiple or a
  ///   divisor of that, where their size allows.
  init(shape: [Int], elementSize: Int, rowsAtATime: Int? = nil) {
    self.shape = shape
    var axis = 0
    func inner(_ axis: Int) -> Int { shape.dropFirst(axis + 1).reduce(1, *) }
    while axis < shape.count - 1, inner(axis) * elementSize > Self.largest { axis += 1 }
    self.axis = axis
    let size = shape.isEmpty ? 1 : shape[axis]
    self.inner = inner(axis)
    outer = size * self.inner
    let entry = max(1, self.inner * elementSize)
    let most = max(1, Self.largest / entry)
    if axis == 0, let rows = rowsAtATime.map({ min(max($0, 1), size) }) {
      if rows > most {
        length = (1...most).last { rows % $0 == 0 } ?? 1
      } else {
        let repeats = max(1, (Self.smallest + rows * entry - 1) / (rows * entry))
        length = min(size, rows * min(repeats, most / rows))
      }
    } else {
      // Pieces as equal as can be.
      let pieces = (size + most - 1) / most
      length = (size + pieces - 1) / pieces
    }
  }

  /// Elements in all chunks together, and in one.
  var count: Int { shape.reduce(1, *) }
  var chunkCount: Int { length * inner }
  /// The shape of a chunk.
  var chunk: [Int] {
    shape.indices.map { $0 < axis ? 1 : $0 == axis ? length : shape[$0] }
  }

  private var piecesOfAxis: Int { (outer / max(inner, 1) + length - 1) / length }

  /// The chunks that hold any of a run of elements.
  func chunks(touching elements: Range<Int>) -> Range<Int> {
    guard !elements.isEmpty else { return 0..<0 }
    return chunk(of: elements.lowerBound)..<chunk(of: elements.upperBound - 1) + 1
  }

  private func chunk(of element: Int) -> Int {
    element / outer * piecesOfAxis + element % outer / (length * inner)
  }

  /// The elements a chunk holds, in row-major order of all.
  func elements(of chunk: Int) -> Range<Int> {
    let start = chunk / piecesOfAxis * outer + chunk % piecesOfAxis * length * inner
    return start..<min(start + length * inner, (chunk / piecesOfAxis + 1) * outer)
  }

  /// The index of a chunk's first element.
  func offset(of chunk: Int) -> [Int] {
    var rest = elements(of: chunk).lowerBound
    var index = shape
    for axis in shape.indices.reversed() {
      index[axis] = rest % shape[axis]
      rest /= shape[axis]
    }
    return index
  }
}
