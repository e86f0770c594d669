internal import AsuraTensor
internal import Foundation

/// Which keys of one example count as what: a bit for each of `HeadKind.keyed`, then one for each group.
struct KeyMasks: Sendable {
  /// `[query, slot]`
  let bits: [UInt64]
  /// By bit: how many queries count, and how much attention spread evenly would put on such keys, summed over them.
  let queries: [Double]
  let chance: [Double]
  /// How many queries see several keys.
  let choosing: Double

  /// - Parameter tokens: the tokens at each position; nil where they are unknown.
  init(
    _ patterns: RecordedPatterns, example: Int, tokens: [ArraySlice<Int32>]?, _ groups: [KeyGroup]
  ) {
    let (slots, kinds) = (patterns.slots, HeadKind.keyed)
    var bits = Array(repeating: UInt64(0), count: patterns.queries.count * slots)
    var queries = Array(repeating: 0.0, count: kinds.count + groups.count)
    var chance = queries
    var choosing = 0.0
    for (row, query) in patterns.queries.enumerated() {
      let places = row * slots..<(row + 1) * slots
      let visible = places.filter { patterns.keys.elements[$0] >= 0 }
      if visible.count > 1 { choosing += 1 }
      func mark(_ bit: Int, _ isMember: (Int) -> Bool) {
        let members = visible.filter { isMember(Int(patterns.keys.elements[$0])) }
        // Without a choice, attention there says nothing.
        guard !members.isEmpty, members.count < visible.count else { return }
        for place in members { bits[place] |= 1 << UInt64(bit) }
        queries[bit] += 1
        chance[bit] += Double(members.count) / Double(visible.count)
      }
      for (bit, kind) in kinds.enumerated() {
        mark(bit) { key in
          switch kind {
          case .itself: key == query
          case .previous: key == query - 1
          case .next: key == query + 1
          case .first: key == 0 && query > 0
          case .sameToken:
            key != query
              && tokens.map { $0.count > max(key, query) && $0[key] == $0[query] } ?? false
          default: abs(key - query) <= HeadKind.reach
          }
        }
      }
      for (index, group) in groups.enumerated() {
        mark(kinds.count + index) {
          group.contains(example: example, position: $0)
        }
      }
    }
    (self.bits, self.queries, self.chance, self.choosing) = (bits, queries, chance, choosing)
  }
}

/// What is summed up of one head's pattern at one iteration, over queries and examples.
struct PatternSums: Sendable {
  var examples = 0.0
  /// Of the examples' means: their sum and that of their squares.
  var entropy = 0.0
  var entropySquares = 0.0
  /// Entropy over its maximum, and of how many queries.
  var relative = 0.0
  var relativeQueries = 0.0
  /// Attention by offset, key − query, from 1 − positions.
  var profile: [Double]
  /// Attention by bit of `KeyMasks`.
  var mass: [Double]
  /// The examples' mean total variation distance from the iteration before.
  var change = 0.0
  /// How far a row is from summing to 1, at most.
  var rowError = 0.0

  init(offsets: Int, bits: Int) {
    profile = Array(repeating: 0, count: offsets)
    mass = Array(repeating: 0, count: bits)
  }

  mutating func add(_ other: PatternSums) {
    examples += other.examples
    entropy += other.entropy
    entropySquares += other.entropySquares
    relative += other.relative
    relativeQueries += other.relativeQueries
    for i in profile.indices { profile[i] += other.profile[i] }
    for i in mass.indices { mass[i] += other.mass[i] }
    change += other.change
    rowError = max(rowError, other.rowError)
  }

  /// Measures one example's pattern of one head, `[query, slot]`, with that of the iteration before where there is one.
  init(
    _ pattern: Tensor<Double>, before: Tensor<Double>?, _ patterns: RecordedPatterns,
    _ masks: KeyMasks
  ) {
    self.init(offsets: 2 * patterns.positions - 1, bits: masks.queries.count)
    let (slots, last) = (patterns.slots, patterns.positions - 1)
    examples = 1
    var total = 0.0
    pattern.read { a in
      patterns.keys.elements.withUnsafeBufferPointer { keys in
        for (row, query) in patterns.queries.enumerated() {
          var (entropy, sum, visible) = (0.0, 0.0, 0)
          for place in row * slots..<(row + 1) * slots where keys[place] >= 0 {
            let weight = a[place]
            visible += 1
            sum += weight
            if weight > 0 { entropy -= weight * log(weight) }
            profile[Int(keys[place]) - query + last] += weight
            var bits = masks.bits[place]
            while bits != 0 {
              mass[bits.trailingZeroBitCount] += weight
              bits &= bits - 1
            }
          }
          total += entropy
          rowError = max(rowError, visible > 0 ? abs(sum - 1) : 0)
          if visible > 1 {
            relative += entropy / log(Double(visible))
            relativeQueries += 1
          }
        }
      }
    }
    entropy = total / Double(max(1, patterns.queries.count))
    entropySquares = entropy * entropy
    if let before {
      read(pattern, before) { a, b in
        var distance = 0.0
        for place in 0..<pattern.count { distance += abs(a[place] - b[place]) }
        change = distance / 2 / Double(max(1, patterns.queries.count))
      }
    }
  }
}
