import AsuraDiff
import AsuraTensor
import Foundation

/// What a model's attention and embedding need to know of the positions of one input, made once a
/// run.
struct Geometry<S: Scalar>: Sendable {
  /// The number of each position.
  let ids: [Int32]
  let layout: AttentionLayout
  /// Mask and ALiBi together `[head, query, key]`; nil when there is neither.
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
    var table = attention.window.map {
      Self.neighbours(Array(ids.prefix(length)), window: $0, attention.mask)
    }
    if isTwinned { table = Self.twinned(table, positions: length, attention.mask) }
    layout = AttentionLayout(
      heads: attention.heads, keyValueHeads: attention.keyValueHeads, headWidth: c.headWidth,
      neighbours: table)
    // Every query's keys: the table's, or all.
    let keyCount = layout.keyCount(count)
    func key(_ i: Int, _ j: Int) -> Int? {
      if let table {
        let key = table.keys[i * keyCount + j]
        return key < 0 ? nil : Int(key)
      }
      return attention.mask == .causal && j > i ? nil : j
    }
    if attention.positions == .alibi || (table == nil && attention.mask == .causal) {
      let slopes =
        attention.positions == .alibi
        ? attention.slopes
          ?? (1...attention.heads).map { exp2(-8 * Double($0) / Double(attention.heads)) }
        : Array(repeating: 0, count: attention.heads)
      fixedBias = Tensor([attention.heads, count, keyCount]) { bias in
        for (h, slope) in slopes.enumerated() {
          for i in 0..<count {
            for j in 0..<keyCount {
              bias[(h * count + i) * keyCount + j] =
                key(i, j).map { S(-slope * abs(Double(ids[$0]) - Double(ids[i]))) } ?? -.infinity
            }
          }
        }
      }
    } else {
      fixedBias = nil
    }
    if attention.positions == .relative {
      let radius = attention.relativeRadius
      relativeIndex = (0..<count).flatMap { i in
        (0..<keyCount).map { j in
          key(i, j).map {
            Int32(min(max(Int(ids[$0]) - Int(ids[i]), -radius), radius) + radius)
          } ?? -1
        }
      }
    } else {
      relativeIndex = nil
    }
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

  /// The keys within `window` of each query by position number, in the order of the sequence.
  private static func neighbours(
    _ ids: [Int32], window: Int, _ mask: AttentionConfiguration.Mask
  ) -> NeighbourTable {
    var places: [Int: [Int32]] = [:]
    for (p, id) in ids.enumerated() { places[Int(id), default: []].append(Int32(p)) }
    let lists = ids.enumerated().map { i, id in
      // Whichever is fewer: the numbers within the window, or those there are.
      let near =
        window < places.count
        ? (-window...window).flatMap { places[Int(id) + $0] ?? [] }
        : places.filter { abs($0.key - Int(id)) <= window }.flatMap(\.value)
      return near.filter { mask == .full || $0 <= Int32(i) }.sorted()
    }
    let width = max(1, lists.map(\.count).max() ?? 1)
    return NeighbourTable(
      positions: ids.count, width: width,
      keys: lists.flatMap { $0 + Array(repeating: -1, count: width - $0.count) })
  }

  /// A table of twice as many positions: first as given (all keys the mask allows, where nil), then every
  /// position's twin, which stands in for it among the keys.
  private static func twinned(
    _ table: NeighbourTable?, positions: Int, _ mask: AttentionConfiguration.Mask
  ) -> NeighbourTable {
    let width = table?.width ?? positions
    let keys =
      table?.keys
      ?? (0..<Int32(positions)).flatMap { query in
        (0..<Int32(positions)).map { mask == .causal && $0 > query ? -1 : $0 }
      }
    let twins = keys.enumerated().map { i, key in
      Int(key) == i / width ? key + Int32(positions) : key
    }
    return NeighbourTable(positions: 2 * positions, width: width, keys: keys + twins)
  }
}
