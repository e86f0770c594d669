import AsuraKernels
import AsuraTensor

/// Attention among listed neighbours, all heads at once: what `Attention` does where there is a table.
///
/// Large inputs are dealt to the workers in blocks of queries, which are computed each by itself: the bits do not depend
/// on the number of workers, nor on which queries are computed.
struct NeighbourAttention<S: Scalar> {
  let layout: AttentionLayout
  let table: NeighbourTable

  /// How many queries a worker takes at a time.
  private static var block: Int { 512 }
  /// Queries are computed in groups of this many.
  private static var lanes: Int { 16 }

  /// Elements of one example's pattern, in groups of sixteen queries: `[⌈queries/16⌉, neighbour, head, 16]`.
  func patternSize(_ queries: Int) -> Int {
    (queries + Self.lanes - 1) / Self.lanes * Self.lanes * layout.heads * table.width
  }

  private var scratchSize: Int {
    Self.lanes
      * ((layout.heads + layout.keyValueHeads) * layout.headWidth
        + (layout.heads + 1) * table.width)
  }

  private func withNeighbours<R>(
    _ queries: Range<Int>, rows: UnsafePointer<Int32>? = nil,
    _ body: (UnsafePointer<asura_neighbours>, UnsafeMutablePointer<S>) -> R
  ) -> R {
    var scratch = Tensor<S>([scratchSize]) { _ in }
    return table.keys.withUnsafeBufferPointer { keys in
      var neighbours = asura_neighbours(
        first: queries.lowerBound, count: queries.count, index: keys.baseAddress, rows: rows,
        width: table.width, heads: layout.heads, shared: layout.keyValueHeads,
        depth: layout.headWidth, scale: layout.scale)
      return scratch.update { body(&neighbours, $0) }
    }
  }

  /// `z` of some queries from the packed rows that hold them, and those that hold the keys and values.
  ///
  /// - Parameters:
  ///   - rows: The position of each query; their own number where nil.
  ///   - bias: `[head, position, neighbour]`.
  ///   - pattern: Is filled with the pattern unless it is nil.
  func attend(
    _ queries: UnsafePointer<S>, count: Int, rows: UnsafePointer<Int32>? = nil,
    among keys: UnsafePointer<S>, bias: UnsafePointer<S>?, pattern: UnsafeMutablePointer<S>?,
    into z: UnsafeMutablePointer<S>
  ) {
    let (packed, width) = (layout.qkvWidth, layout.heads * layout.headWidth)
    // The blocks write disjoint rows of memory that outlives the call.
    nonisolated(unsafe) let (queries, rows, keys, bias, pattern, z) = (
      queries, rows, keys, bias, pattern, z
    )
    @Sendable func attend(_ block: Range<Int>) {
      withNeighbours(block, rows: rows) { neighbours, scratch in
        asura_neighbour_attention(
          S.kernelType, neighbours, queries, packed, keys + layout.keyColumns.lowerBound,
          keys + layout.valueColumns.lowerBound, packed, bias, table.positions * table.width,
          pattern, z, width, scratch)
      }
    }
    guard count > 2 * Self.block else { return attend(0..<count) }
    Workers.current.forEach((count + Self.block - 1) / Self.block) { i in
      attend(i * Self.block..<min(count, (i + 1) * Self.block))
    }
  }

  /// Adds one example's cotangents of packed qkv and of the bias, either of which may be nil.
  func pullback(
    _ z: UnsafePointer<S>, _ qkv: UnsafePointer<S>, _ pattern: UnsafePointer<S>,
    into dqkv: UnsafeMutablePointer<S>?, bias: UnsafeMutablePointer<S>?
  ) {
    let (key, value) = (layout.keyColumns.lowerBound, layout.valueColumns.lowerBound)
    withNeighbours(0..<table.positions) { neighbours, scratch in
      asura_neighbour_attention_vjp(
        S.kernelType, neighbours, qkv, qkv + key, qkv + value, layout.qkvWidth, pattern, z,
        layout.heads * layout.headWidth, dqkv, dqkv.map { $0 + key }, dqkv.map { $0 + value }, bias,
        table.positions * table.width, scratch)
    }
  }

  /// A kept pattern as `[batch, head, query, neighbour]`.
  func rows(of pattern: Tensor<S>, batch: Int) -> Tensor<S> {
    let size = layout.heads * table.positions * table.width
    return Tensor([batch, layout.heads, table.positions, table.width]) { out in
      pattern.read { pattern in
        for b in 0..<batch {
          asura_neighbour_pattern_rows(
            S.kernelType, pattern + b * patternSize(table.positions), out + b * size,
            table.positions, table.width, layout.heads)
        }
      }
    }
  }
}

/// Attention of some positions of one example among the packed rows of all: `[1, row, heads·headWidth]`.
///
/// - Parameters:
///   - rows: The positions.
///   - packed: Every position's queries, keys and values.
///   - bias: `[head, position, neighbour]`.
package func neighbourAttention<S: Scalar>(
  _ layout: AttentionLayout, _ table: NeighbourTable, _ rows: UnsafeBufferPointer<Int32>,
  in packed: RowBuffer<S>, bias: Tensor<S>?
) -> Tensor<S> {
  let attention = NeighbourAttention<S>(layout: layout, table: table)
  return Tensor([1, rows.count, layout.heads * layout.headWidth]) { z in
    AsuraTensor.read(bias) { bias in
      attention.attend(
        packed.base, count: rows.count, rows: rows.baseAddress, among: packed.base, bias: bias,
        pattern: nil, into: z)
    }
  }
}

extension NeighbourTable {
  /// For each key the queries that see it, in order.
  package var transposed: NeighbourTable {
    var counts = Array(repeating: 0, count: positions)
    for key in keys where key >= 0 { counts[Int(key)] += 1 }
    let width = max(1, counts.max() ?? 1)
    var queries = [Int32](repeating: -1, count: positions * width)
    counts = Array(repeating: 0, count: positions)
    for (place, key) in keys.enumerated() where key >= 0 {
      queries[Int(key) * width + counts[Int(key)]] = Int32(place / self.width)
      counts[Int(key)] += 1
    }
    return NeighbourTable(positions: positions, width: width, keys: queries)
  }

  /// The positions `from`, each once, and those that `steps` steps along the table lead to.
  ///
  /// - Parameter marks: One for each position, none of them `mark`; those of the positions found become it.
  package func reached(
    from: [Int32], steps: Int, marks: inout [Int32], _ mark: Int32
  ) -> [Int32] {
    guard !from.isEmpty else { return [] }
    return Array(unsafeUninitializedCapacity: positions) { found, count in
      count = asura_reach(
        from, from.count, keys, width, steps, &marks, mark, found.baseAddress)
    }
  }
}
