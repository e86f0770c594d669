internal import AsuraTensor
internal import AsuraTrace

/// What attention does at each iteration: how spread, where to, and whether it still changes.
///
/// Patterns are read an iteration and some examples at a time, so memory does not grow with the iterations, and with the
/// examples by the masks of named keys alone, 8 bytes for each query and key.
public struct AttentionProbe: Sendable {
  /// Keys of which to tell how much attention they get.
  public var groups: [KeyGroup]

  /// More groups than this have no room beside the kinds.
  public static let mostGroups = 64 - HeadKind.keyed.count
  /// Patterns are read about so many numbers at a time.
  private static let slabSize = 1 << 22
  /// Those of a whole iteration are kept for the next when they are no more numbers than this, and read again otherwise.
  private static let keptSize = 1 << 25

  public init(groups: [KeyGroup] = []) {
    precondition(groups.count <= Self.mostGroups, "\(groups.count) groups of keys")
    self.groups = groups
  }

  /// Measures the patterns of `examples` (places in `patterns.examples`) at `iterations`.
  ///
  /// - Parameters:
  ///   - isCancelled: asked after each block; once true, the iterations done so far are the result.
  ///   - progress: called with each iteration once it is done.
  /// A pattern that is not finite ends the work; the error is the result's `failure` beside what came before it.
  /// - Throws: `ProbeError`, `TraceError`. Nil when cancelled before an iteration was done.
  public func run(
    on patterns: RecordedPatterns, iterations: [Int], examples: [Int],
    isCancelled: () -> Bool = { false }, progress: (_ iteration: Int) -> Void = { _ in }
  ) throws -> AttentionStudy? {
    try check(patterns, iterations, examples)
    let input = try patterns.reader.input()
    let size = patterns.heads * patterns.queries.count * patterns.slots
    let slabs = examples.stretches(most: max(1, Self.slabSize / max(1, size)))
    let masks = examples.map { place in
      let example = patterns.examples[place]
      var tokens: [ArraySlice<Int32>]?
      if let all = input.tokens, all.shape.count == 3, example < all.shape[0] {
        let (positions, channels) = (all.shape[1], all.shape[2])
        tokens = (0..<positions).map {
          let start = (example * positions + $0) * channels
          return all.elements[start..<start + channels]
        }
      }
      return KeyMasks(patterns, example: example, tokens: tokens, groups)
    }
    let perIteration = examples.count * patterns.blocks.count * size
    var kept: [[Tensor<Double>]] = []
    var found: [[PatternSums]] = []
    var failure: (any Error)?
    work: for (index, iteration) in iterations.enumerated() {
      var sums: [PatternSums] = []
      var current: [[Tensor<Double>]] = []
      for (b, block) in patterns.blocks.enumerated() {
        if isCancelled() { break work }
        var ofHeads = Array(
          repeating: PatternSums(
            offsets: 2 * patterns.positions - 1, bits: HeadKind.keyed.count + groups.count),
          count: patterns.heads)
        var values: [Tensor<Double>] = []
        do {
          var first = 0
          for (s, slab) in slabs.enumerated() {
            let now = try patterns.patterns(block: block, iteration: iteration, rows: slab)
            let before: Tensor<Double>? =
              index == 0
              ? nil
              : kept.isEmpty
                ? try patterns.patterns(block: block, iteration: iterations[index - 1], rows: slab)
                : kept[b][s]
            Self.add(now, before, patterns, Array(masks[first..<first + slab.count]), to: &ofHeads)
            first += slab.count
            if perIteration <= Self.keptSize { values.append(now) }
          }
        } catch {
          failure = error
          break work
        }
        sums += ofHeads
        if !values.isEmpty { current.append(values) }
      }
      kept = current
      found.append(sums)
      progress(iteration)
    }
    guard !found.isEmpty else {
      if let failure { throw failure }
      return nil
    }
    return study(
      patterns, Array(iterations.prefix(found.count)), examples, masks, found, failure,
      isComplete: found.count == iterations.count)
  }

  private func check(
    _ patterns: RecordedPatterns, _ iterations: [Int], _ examples: [Int]
  ) throws {
    if let bad = iterations.first(where: { !patterns.iterations.contains($0) }) {
      throw ProbeError(.notFound, "the trace has no patterns at iteration \(bad)")
    }
    if let bad = examples.first(where: { !patterns.examples.indices.contains($0) }) {
      throw ProbeError(
        .notFound,
        "there is no example \(bad) among the \(patterns.examples.count) whose patterns were recorded"
      )
    }
    guard !iterations.isEmpty, !examples.isEmpty else {
      throw ProbeError(.notFound, "no iterations or no examples were chosen")
    }
  }

  /// Adds `[example, head, query, slot]` to the sums of each head: measured side by side, added up in order.
  private static func add(
    _ now: Tensor<Double>, _ before: Tensor<Double>?, _ patterns: RecordedPatterns,
    _ masks: [KeyMasks], to sums: inout [PatternSums]
  ) {
    let heads = patterns.heads
    let parts = Workers.current.map(masks.count * heads) { part in
      let (row, head) = (part / heads, part % heads)
      return PatternSums(now[row][head], before: before.map { $0[row][head] }, patterns, masks[row])
    }
    for (part, sum) in parts.enumerated() { sums[part % heads].add(sum) }
  }
}

// MARK: - Means

extension AttentionProbe {
  private func study(
    _ patterns: RecordedPatterns, _ iterations: [Int], _ examples: [Int], _ masks: [KeyMasks],
    _ found: [[PatternSums]], _ failure: (any Error)?, isComplete: Bool
  ) -> AttentionStudy {
    let kinds = HeadKind.keyed.count
    let bits = kinds + groups.count
    let queries = (0..<bits).map { bit in masks.reduce(0) { $0 + $1.queries[bit] } }
    let chance = (0..<bits).map { bit in masks.reduce(0) { $0 + $1.chance[bit] } }
    let choosing = masks.reduce(0) { $0 + $1.choosing }
    let coverage = queries.prefix(kinds).map { choosing > 0 ? $0 / choosing : 0 }
    // How many pairs of query and key lie at each offset, in every example.
    var pairs = Array(repeating: 0.0, count: 2 * patterns.positions - 1)
    for (place, key) in patterns.keys.elements.enumerated() where key >= 0 {
      pairs[Int(key) - patterns.queries[place / patterns.slots] + patterns.positions - 1] += 1
    }
    let count = Double(examples.count)
    func moment(_ sums: PatternSums, isFirst: Bool) -> AttentionStudy.Moment {
      let mean = sums.entropy / count
      let excess = (0..<kinds).map { bit in
        queries[bit] > 0 ? (sums.mass[bit] - chance[bit]) / (queries[bit] - chance[bit]) : .nan
      }
      let relative = sums.relativeQueries > 0 ? sums.relative / sums.relativeQueries : .nan
      return AttentionStudy.Moment(
        entropy: mean,
        entropyDeviation: count > 1
          ? max(0, (sums.entropySquares - count * mean * mean) / (count - 1)).squareRoot() : 0,
        relativeEntropy: relative,
        profile: zip(sums.profile, pairs).map { $1 > 0 ? $0 / ($1 * count) : .nan },
        concentration: (kinds..<bits).map { queries[$0] > 0 ? sums.mass[$0] / queries[$0] : .nan },
        change: isFirst ? .nan : sums.change / count, excess: excess,
        kind: HeadKind(excess: excess, coverage: coverage, relativeEntropy: relative))
    }
    let heads = patterns.blocks.enumerated().flatMap { b, block in
      (0..<patterns.heads).map { head in
        AttentionStudy.Head(
          block: block, head: head, iterations: iterations,
          moments: found.enumerated().map { index, sums in
            moment(sums[b * patterns.heads + head], isFirst: index == 0)
          })
      }
    }
    var notes: [String] = []
    if !patterns.knowsMask {
      notes.append(
        "The trace does not hold the model's configuration: all keys are taken for visible, also those a mask hides."
      )
    }
    let error = found.joined().map(\.rowError).max() ?? 0
    if error > 0.01 {
      notes.append(
        "Attention does not sum to 1 (by up to \(Float(error))): the run was edited, or the mask is not as the trace says."
      )
    }
    return AttentionStudy(
      iterations: iterations, examples: examples.map { patterns.examples[$0] },
      positions: patterns.positions,
      offsets: Array(1 - patterns.positions...patterns.positions - 1),
      groups: groups.enumerated().map { index, group in
        let bit = kinds + index
        return .init(name: group.name, chance: queries[bit] > 0 ? chance[bit] / queries[bit] : .nan)
      }, heads: heads, notes: notes, failure: failure, isComplete: isComplete && failure == nil)
  }
}
