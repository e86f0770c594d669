import AsuraKernels
import AsuraTensor

/// Which keys each query may attend to when that is a few of many: entry `[query, j]` is a key
/// position or −1.
public struct NeighbourTable: Sendable, Equatable {
  /// How many queries there are.
  public let positions: Int
  /// How many entries each query has.
  public let width: Int
  /// Key positions `[query, neighbour]`, −1 where there are fewer.
  public let keys: [Int32]

  public init(positions: Int, width: Int, keys: [Int32]) {
    precondition(
      keys.count == positions * width && keys.allSatisfy { $0 < positions },
      "a table of \(keys.count) neighbours for \(positions) positions of \(width)")
    self.positions = positions
    self.width = width
    self.keys = keys
  }
}

/// The sizes of one attention: queries, keys and values lie side by side in the last axis of
/// `qkv` `[batch, position, (heads + 2·keyValueHeads)·headWidth]`.
///
/// Scores and pattern are `[batch, head, query, key]`, or `[batch, head, query, neighbour]` with a
/// table: then time and memory grow with the table, not with the square of the positions.
public struct AttentionLayout: Sendable {
  /// How many heads of queries there are.
  public let heads: Int
  /// Keys and values are shared by `heads / keyValueHeads` queries each (Ainslie et al. 2023).
  public let keyValueHeads: Int
  /// The size of one head's queries, keys and values.
  public let headWidth: Int
  /// Which keys each query sees; all of them when nil.
  public let neighbours: NeighbourTable?

  public init(heads: Int, keyValueHeads: Int, headWidth: Int, neighbours: NeighbourTable? = nil) {
    precondition(
      keyValueHeads > 0 && heads % keyValueHeads == 0, "\(heads) heads on \(keyValueHeads)")
    self.heads = heads
    self.keyValueHeads = keyValueHeads
    self.headWidth = headWidth
    self.neighbours = neighbours
  }

  /// The scores' factor `1/√headWidth`.
  var scale: Double { 1 / Double(headWidth).squareRoot() }
  /// The size of a position's queries, keys and values together.
  public var qkvWidth: Int { (heads + 2 * keyValueHeads) * headWidth }
  /// The columns of the packed axis that hold queries.
  public var queryColumns: Range<Int> { 0..<heads * headWidth }
  /// The columns that hold keys.
  public var keyColumns: Range<Int> {
    heads * headWidth..<(heads + keyValueHeads) * headWidth
  }
  /// The columns that hold values.
  public var valueColumns: Range<Int> {
    (heads + keyValueHeads) * headWidth..<qkvWidth
  }
  /// The size of the pattern's last axis for `positions` positions.
  public func keyCount(_ positions: Int) -> Int { neighbours?.width ?? positions }

  /// Checks that packed qkv and a bias have these sizes.
  func check<S>(_ qkv: Value<S>, _ bias: Value<S>? = nil) {
    precondition(
      qkv.tensor.rank == 3 && qkv.tensor.rowLength == qkvWidth
        && (neighbours == nil || neighbours?.positions == qkv.shape[1]),
      "attention of shape \(qkv.shape), not [batch, \(neighbours?.positions.description ?? "position"), "
        + "\(qkvWidth)]")
    let expected = [heads, qkv.shape[1], keyCount(qkv.shape[1])]
    precondition(
      bias == nil || bias?.shape == expected,
      "attention bias of shape \(bias?.shape ?? []), not \(expected)")
  }
}

/// The three products attention and its derivatives are made of, for one head of one example.
///
/// A weight matrix `a` is `[query, key]` or `[query, neighbour]`; vectors of `headWidth` elements
/// lie `stride` elements apart, one a position.
struct AttentionTile<S: Scalar> {
  let layout: AttentionLayout
  let positions: Int

  var keyCount: Int { layout.keyCount(positions) }
  /// Elements of one weight matrix.
  var size: Int { positions * keyCount }

  /// `a[i, j] = c·x_i·y_j`, `fill` where query i has no neighbour j, and a matrix like a added to that.
  func dots(
    _ x: UnsafePointer<S>, _ xStride: Int, _ y: UnsafePointer<S>, _ yStride: Int, times c: Double,
    adding d: UnsafePointer<S>? = nil, into a: UnsafeMutablePointer<S>, fill: Double = 0
  ) {
    if let table = layout.neighbours {
      table.keys.withUnsafeBufferPointer {
        asura_neighbour_dots(
          S.kernelType, x, xStride, y, yStride, $0.baseAddress, c, fill, a, positions, table.width,
          layout.headWidth)
      }
      if let d { asura_add(S.kernelType, a, d, a, size) }
    } else {
      gemm(
        .no, .yes, m: positions, n: positions, k: layout.headWidth, alpha: c, x, lda: xStride, y,
        ldb: yStride, adding: d, ldd: positions, a, ldc: positions)
    }
  }

  /// `out_i += c·Σ_j a[i, j]·y_j`, or without what was there before.
  func sum(
    _ a: UnsafePointer<S>, _ y: UnsafePointer<S>, _ yStride: Int, times c: Double = 1,
    into out: UnsafeMutablePointer<S>, _ outStride: Int, adding: Bool
  ) {
    if let table = layout.neighbours {
      if !adding {
        for i in 0..<positions {
          (out + i * outStride).update(repeating: 0, count: layout.headWidth)
        }
      }
      table.keys.withUnsafeBufferPointer {
        asura_neighbour_sum(
          S.kernelType, a, y, yStride, $0.baseAddress, c, out, outStride, positions, table.width,
          layout.headWidth)
      }
    } else {
      gemm(
        m: positions, n: layout.headWidth, k: positions, alpha: c, a, lda: positions, y,
        ldb: yStride, beta: adding ? 1 : 0, out, ldc: outStride)
    }
  }

  /// `out_j += c·Σ_i a[i, j]·x_i`
  func spread(
    _ a: UnsafePointer<S>, _ x: UnsafePointer<S>, _ xStride: Int, times c: Double = 1,
    into out: UnsafeMutablePointer<S>, _ outStride: Int
  ) {
    if let table = layout.neighbours {
      table.keys.withUnsafeBufferPointer {
        asura_neighbour_spread(
          S.kernelType, a, x, xStride, $0.baseAddress, c, out, outStride, positions, table.width,
          layout.headWidth)
      }
    } else {
      gemm(
        .yes, .no, m: positions, n: layout.headWidth, k: positions, alpha: c, a, lda: positions,
        x, ldb: xStride, beta: 1, out, ldc: outStride)
    }
  }

  /// Where head `h`'s queries, keys and values begin in a row of qkv.
  func offsets(_ h: Int) -> (query: Int, key: Int, value: Int) {
    let shared = h / (layout.heads / layout.keyValueHeads)
    return (
      h * layout.headWidth, layout.keyColumns.lowerBound + shared * layout.headWidth,
      layout.valueColumns.lowerBound + shared * layout.headWidth
    )
  }

  /// Calls `body` for every head of every example with its number and its place in qkv.
  func forEachHead(batch: Int, _ body: (_ tile: Int, _ head: Int, _ example: Int) -> Void) {
    for b in 0..<batch {
      for h in 0..<layout.heads { body(b * layout.heads + h, h, b) }
    }
  }
}
