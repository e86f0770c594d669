import AsuraDiff
import AsuraTensor
import Foundation

/// What a model's attention and embedding need to know of the positions of one input, made once a
/// run.
struct Geometry<S: Scalar>: Sendable {
  /// The number of each position.
  let ids: [Int32]
  let layout: AttentionLayout
  /// Mask, directions and ALiBi together `[head, query, key]`; nil when a table or the relative positions say all.
  let fixedBias: Tensor<S>?
  /// For relative positions: which entry of the bias table each query and key use, −1 where masked.
  let relativeIndex: [Int32]?
  let rotary: (cosine: Tensor<S>, sine: Tensor<S>)?
  /// Sinusoidal positions `[position, width]`.
  let sinusoid: Tensor<S>?

  /// - Parameter isTwinned: Whether the input's second half repeats the first. A position of the first half
  ///   attends to the first half alone; its twin to itself, and to the other positions of the first half.
  init(_ c: ModelConfiguration, _ input: ModelInput, isTwinned: Bool = false) throws {
    let count = input.positions
    let length = isTwinned ? count / 2 : count
    let ids =
      c.positionIDs == .coupled
      ? input.positionIDs : (0..<Int32(count)).map { $0 % Int32(length) }
    self.ids = ids
    let attention = c.attention
    if c.embedding.positions == .learned {
      if let bad = ids.first(where: { $0 < 0 || $0 >= c.embedding.maximumPositions }) {
        throw ModelError(
          .input,
          "position \(bad) is beyond the \(c.embedding.maximumPositions) learned positions",
          remedy: "Use shorter inputs, or a model with other positions "
            + "(alibi, rope, relative, sinusoidal).")
      }
    }
    let columns = input.columns
    var table: NeighbourTable?
    if let radius = attention.radius {
      try Self.checkMemory(attention, input, radius)
      table = .grid(rows: input.rows, columns: columns, radius: radius)
    } else if let window = attention.window {
      table = .window(Array(ids.prefix(length)), window, isCausal: attention.mask == .causal)
    }
    if isTwinned {
      table = .twinned(table, positions: length, isCausal: attention.mask == .causal)
    }
    layout = AttentionLayout(
      heads: attention.heads, keyValueHeads: attention.keyValueHeads, headWidth: c.headWidth,
      neighbours: table)
    let pairs = Pairs(
      ids: ids, columns: attention.radius == nil ? nil : columns, table: table,
      isCausal: attention.mask == .causal)
    let isMaskedByBias =
      table == nil && attention.mask == .causal && attention.positions != .relative
    fixedBias =
      attention.positions == .alibi || attention.isDirected || isMaskedByBias
      ? Self.fixedBias(attention, pairs) : nil
    relativeIndex = attention.positions == .relative ? pairs.relativeIndex(attention) : nil
    if attention.positions == .rope {
      let half = c.headWidth / 2
      func table(_ f: (Double) -> Double) -> Tensor<S> {
        Tensor([count, half]) { out in
          for (p, id) in ids.enumerated() {
            for j in 0..<half {
              let turn = pow(attention.ropeBase, -2 * Double(j) / Double(c.headWidth))
              out[p * half + j] = S(f(Double(id) * turn))
            }
          }
        }
      }
      rotary = (table(cos), table(sin))
    } else {
      rotary = nil
    }
    if c.embedding.positions == .sinusoidal {
      sinusoid = Tensor([count, c.width]) { out in
        for (p, id) in ids.enumerated() {
          for i in 0..<c.width {
            let angle = Double(id) / pow(10_000, Double(i / 2 * 2) / Double(c.width))
            out[p * c.width + i] = S(i % 2 == 0 ? sin(angle) : cos(angle))
          }
        }
      }
    } else {
      sinusoid = nil
    }
  }

  /// Refuses neighbourhoods so large that their keys and biases alone are more than the machine's memory holds.
  private static func checkMemory(
    _ attention: AttentionConfiguration, _ input: ModelInput, _ radius: Int
  ) throws {
    let keys =
      Double(min(2 * radius + 1, 2 * input.rows - 1))
      * Double(min(2 * radius + 1, 2 * input.columns - 1))
    let bytes =
      keys * Double(input.positions)
      * Double(MemoryLayout<Int32>.size + attention.heads * MemoryLayout<S>.size)
    let available = Double(ProcessInfo.processInfo.physicalMemory)
    guard bytes <= available else {
      throw ModelError(
        .input,
        String(
          format:
            "neighbourhoods of %.0f keys at %ld positions need %.3g GB of memory; this machine has %.3g",
          keys, input.positions, bytes / 1e9, available / 1e9),
        remedy: "Use a smaller grid, or a model with a smaller attention.radius.")
    }
  }

  /// What is added to the scores whatever the weights are: ALiBi, and −∞ for what a head does not see.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  private static func fixedBias(
    _ attention: AttentionConfiguration, _ pairs: Pairs
  ) -> Tensor<S> {
    let heads = attention.heads
    let slopes =
      attention.positions == .alibi
      ? attention.slopes ?? (1...heads).map { exp2(-8 * Double($0) / Double(heads)) }
      : Array(repeating: 0, count: heads)
    let (count, keyCount) = (pairs.ids.count, pairs.keyCount)
    return Tensor([heads, count, keyCount]) { bias in
      for (h, slope) in slopes.enumerated() {
        let direction = attention.directions?[h] ?? .both
        for i in 0..<count {
          for j in 0..<keyCount {
            var value = -S.infinity
            if let key = pairs.key(i, j), pairs.isSeen(key, from: i, direction) {
              value = S(-slope * pairs.distance(i, key))
            }
            bias[(h * count + i) * keyCount + j] = value
          }
        }
      }
    }
  }
}

/// The queries and keys of one input, and how they lie to each other.
private struct Pairs {
  let ids: [Int32]
  /// The grid's columns where neighbourhoods are of a grid; nil where only position numbers count.
  let columns: Int?
  let table: NeighbourTable?
  let isCausal: Bool

  /// How many places for keys each query has: the table's, or one for every position.
  var keyCount: Int { table?.width ?? ids.count }

  /// The key at a query's place `j`; nil where there is none.
  func key(_ query: Int, _ j: Int) -> Int? {
    if let table {
      let key = table.keys[query * table.width + j]
      return key < 0 ? nil : Int(key)
    }
    return isCausal && j > query ? nil : j
  }

  func isSeen(
    _ key: Int, from query: Int, _ direction: AttentionConfiguration.Direction
  ) -> Bool {
    switch direction {
    case .both: true
    case .backward: ids[key] <= ids[query]
    case .forward: ids[key] >= ids[query]
    }
  }

  /// Rows and columns from a query to a key.
  private func offset(_ query: Int, _ key: Int, _ columns: Int) -> (rows: Int, columns: Int) {
    (key / columns - query / columns, key % columns - query % columns)
  }

  func distance(_ query: Int, _ key: Int) -> Double {
    guard let columns else { return abs(Double(ids[key]) - Double(ids[query])) }
    let offset = offset(query, key, columns)
    return Double(max(abs(offset.rows), abs(offset.columns)))
  }

  /// Which entry of the bias table each query and key use, −1 where masked.
  func relativeIndex(_ attention: AttentionConfiguration) -> [Int32] {
    let (count, keyCount) = (ids.count, keyCount)
    return Array(unsafeUninitializedCapacity: count * keyCount) { index, initialized in
      for i in 0..<count {
        for j in 0..<keyCount {
          var entry = -1
          if let key = key(i, j) {
            if let columns, let radius = attention.radius {
              let offset = offset(i, key, columns)
              entry = (offset.rows + radius) * (2 * radius + 1) + offset.columns + radius
            } else {
              let radius = attention.relativeRadius
              entry = min(max(Int(ids[key]) - Int(ids[i]), -radius), radius) + radius
            }
          }
          index[i * keyCount + j] = Int32(entry)
        }
      }
      initialized = count * keyCount
    }
  }
}
