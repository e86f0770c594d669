import AsuraModel
import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import AsuraTrace
import Foundation
import Testing

@Suite struct AttentionStudyTests {
  /// Even attention to P keys has entropy ln P, the most there is, and gives each key 1/P.
  @Test func evenAttention() throws {
    let fixture = try PatternFixture([
      patterns(examples: 3, heads: 2, positions: 5) { _, _, _, _ in 0.2 }
    ])
    let study = try fixture.study()
    #expect(study.heads.count == 2 && study.offsets == Array(-4...4) && study.notes.isEmpty)
    for head in study.heads {
      let moment = head.moments[0]
      #expect(abs(moment.entropy - log(5)) < 1e-12 && abs(moment.relativeEntropy - 1) < 1e-12)
      #expect(moment.entropyDeviation < 1e-9 && moment.kind == .uniform && moment.change.isNaN)
      #expect(moment.profile.allSatisfy { abs($0 - 0.2) < 1e-12 })
      // Neither more nor less than chance to any kind of keys; there are no tokens to be the same.
      for (kind, excess) in zip(HeadKind.keyed, moment.excess) {
        #expect(kind == .sameToken ? excess.isNaN : abs(excess) < 1e-12, "\(kind)")
      }
    }
  }

  /// A causal mask hides what comes after: even attention over the rest is still even.
  @Test func masksAreNoChoice() throws {
    let causal = patterns(positions: 4) { _, _, query, key in
      key <= query ? 1 / Double(query + 1) : 0
    }
    let moment = try PatternFixture([causal], mask: .causal).study().heads[0].moments[0]
    // Query q sees q + 1 keys; the first has no choice at all.
    #expect(abs(moment.entropy - (log(2) + log(3) + log(4)) / 4) < 1e-12)
    #expect(abs(moment.relativeEntropy - 1) < 1e-12 && moment.kind == .uniform)
    #expect(moment.profile.suffix(3).allSatisfy { $0.isNaN })
    // Offset −3 has one pair, −2 two, −1 three: means over those.
    let expected = [1.0 / 4, (1.0 / 3 + 1.0 / 4) / 2, (1.0 / 2 + 1.0 / 3 + 1.0 / 4) / 3]
    #expect(zip(moment.profile, expected).allSatisfy { abs($0 - $1) < 1e-12 })
    // Without the configuration the mask is unknown, and the study says so.
    let unknown = try PatternFixture([causal], mask: nil).study()
    #expect(unknown.notes.contains { $0.contains("taken for visible") })
    #expect(unknown.heads[0].moments[0].relativeEntropy < 0.7)
  }

  /// Heads that look at one kind of key alone, planted.
  @Test func plantedKinds() throws {
    let tokens: [Int32] = [1, 2, 1, 3, 2, 1, 4, 4]
    let kinds: [HeadKind] = [.itself, .previous, .next, .first, .sameToken]
    let planted = patterns(heads: kinds.count, positions: 8) { _, head, query, key in
      let wanted: [Int]
      switch kinds[head] {
      case .itself: wanted = [query]
      case .previous: wanted = [max(query - 1, 0)]
      case .next: wanted = [min(query + 1, 7)]
      case .first: wanted = [0]
      default:
        let same = (0..<8).filter { $0 != query && tokens[$0] == tokens[query] }
        wanted = same.isEmpty ? [query] : same
      }
      return wanted.contains(key) ? 1 / Double(wanted.count) : 0
    }
    let input = TraceInput(tokens: IntegerArray([1, 8, 1], tokens))
    let study = try PatternFixture([planted], input: input).study()
    for (kind, head) in zip(kinds, study.heads) {
      let moment = head.moments[0]
      #expect(moment.kind == kind)
      let place = try #require(HeadKind.keyed.firstIndex(of: kind))
      #expect(abs(moment.excess[place] - 1) < 1e-12, "\(kind)")
    }
    // All previous attention lies at offset −1: every pair there has 1, and query 0 looks at itself.
    let profile = study.heads[1].moments[0].profile
    #expect(profile[6] == 1 && abs(profile[7] - 1.0 / 8) < 1e-12)
    #expect(profile.enumerated().allSatisfy { [6, 7].contains($0.offset) || $0.element == 0 })
    #expect(study.heads[3].moments[0].entropy == 0)
  }

  /// Of 8 keys 1 is chance: with mass m on it the excess is (m − 1/8)/(7/8); the threshold of a half lies at 9/16.
  @Test(arguments: [(0.5625 + 1e-9, HeadKind.itself), (0.5625 - 1e-9, .other)])
  func thresholdIsBeyondChance(mass: Double, kind: HeadKind) throws {
    // The rest goes to the key farthest away, so that nothing else explains it.
    let pattern = patterns(positions: 8) { _, _, query, key in
      let far = query < 4 ? 7 : 0
      return key == query ? mass : key == far ? 1 - mass : 0
    }
    let moment = try PatternFixture([pattern]).study().heads[0].moments[0]
    #expect(moment.kind == kind)
    #expect(abs(moment.excess[0] - (mass - 0.125) / 0.875) < 1e-12)
  }

  /// A window's slots stand for keys; empty ones are none.
  @Test func windowedPatterns() throws {
    let neighbours = IntegerArray([3, 2], [-1, 0, 0, 1, 1, 2])
    // Slot 0 is the position before.
    let pattern = patterns(examples: 2, positions: 3, keys: 2) { _, _, query, slot in
      query == 0 ? Double(slot) : slot == 0 ? 0.9 : 0.1
    }
    let study = try PatternFixture([pattern], neighbours: neighbours).study()
    let moment = study.heads[0].moments[0]
    #expect(study.offsets == [-2, -1, 0, 1, 2] && moment.kind == .previous)
    #expect(moment.profile[0].isNaN && abs(moment.profile[1] - 0.9) < 1e-12)
    #expect(abs(moment.profile[2] - 1.2 / 3) < 1e-12)
    // Of two keys one is half by chance.
    #expect(abs(moment.excess[1] - 0.8) < 1e-12)
    let entropy = -(0.9 * log(0.9) + 0.1 * log(0.1))
    #expect(abs(moment.entropy - entropy * 2 / 3) < 1e-12)
    #expect(abs(moment.relativeEntropy - entropy / log(2)) < 1e-12)
  }

  /// Half of the attention moves between the first two iterations, none after that.
  @Test func changeAndSettling() throws {
    let first = patterns(positions: 4) { _, _, _, key in key < 2 ? 0.5 : 0 }
    let second = patterns(positions: 4) { _, _, _, key in key == 0 || key == 3 ? 0.5 : 0 }
    let head = try PatternFixture([first, second, second, second]).study().heads[0]
    #expect(head.moments.map(\.change)[1...] == [0.5, 0, 0])
    #expect(head.settledFrom == 2)
    #expect(try PatternFixture([first, second]).study().heads[0].settledFrom == nil)
    #expect(try PatternFixture([first, first]).study().heads[0].settledFrom == 1)
    #expect(try PatternFixture([first]).study().heads[0].settledFrom == nil)
  }

  @Test func namedKeys() throws {
    var input = TraceInput(tokens: IntegerArray([2, 3, 1], [4, 1, 1, 1, 1, 4]))
    input.facts["carry"] = TraceFact(
      IntegerArray([2, 3], [-1, 1, 0, 1, 1, -1]), labels: ["no", "yes"])
    let pattern = patterns(examples: 2, positions: 3) { _, _, _, key in [0.6, 0.3, 0.1][key] }
    let groups = try [
      #require(KeyGroup("sign", token: 4, in: input)),
      #require(KeyGroup("carry", fact: "carry", value: 1, in: input)),
      KeyGroup("last", examples: 2, positions: 3) { $1 == 2 },
    ]
    let study = try PatternFixture([pattern], input: input).study(groups)
    let found = study.heads[0].moments[0].concentration
    // Example 0 has the sign first and a carry at position 1; example 1 the sign last and carries at 0 and 1.
    for (value, expected) in zip(found, [(0.6 + 0.1) / 2, (0.3 + 0.9) / 2, 0.1]) {
      #expect(abs(value - expected) < 1e-12)
    }
    for (group, chance) in zip(study.groups, [1.0 / 3, 1.0 / 2, 1.0 / 3]) {
      #expect(abs(group.chance - chance) < 1e-12)
    }
    #expect(KeyGroup("x", fact: "parity", value: 1, in: input) == nil)
  }

  /// The same to the bit for any number of workers, and the deviation over examples is that of their means.
  @Test func workersAndDeviation() throws {
    // Example 0 is even over two keys, example 1 looks at one: entropies ln 2 and 0.
    let pattern = patterns(examples: 2, positions: 2) { example, _, _, key in
      example == 0 ? 0.5 : key == 0 ? 1 : 0
    }
    let fixture = try PatternFixture([pattern, pattern])
    let (one, two) = (try fixture.study(workers: 1), try fixture.study(workers: 2))
    let moment = two.heads[0].moments[1]
    #expect(abs(moment.entropyDeviation - log(2) / 2.0.squareRoot()) < 1e-12)
    #expect(one.heads[0].moments[1].entropy == moment.entropy)
    #expect(one.heads[0].moments[1].profile == moment.profile)
  }

  @Test func whatCannotBe() throws {
    let good = patterns(positions: 2) { _, _, _, _ in 0.5 }
    let bad = patterns(positions: 2) { _, _, query, _ in query == 1 ? .nan : 0.5 }
    // What came before the number that is none is kept.
    let study = try PatternFixture([good, bad, good]).study()
    #expect(study.iterations == [1] && !study.isComplete)
    #expect((study.failure as? ProbeError)?.kind == .notFinite)
    #expect("\(study.failure!)".contains("iteration 2, block 0, head 0, query 1"))
    let fixture = try PatternFixture([bad])
    #expect(throws: ProbeError.self) { try fixture.study() }
    let patterns = try RecordedPatterns(PatternFixture([good]).reader)
    for (iterations, examples) in [([7], [0]), ([1], [1]), ([], [0])] {
      #expect(throws: ProbeError.self) {
        try AttentionProbe().run(on: patterns, iterations: iterations, examples: examples)
      }
    }
    let none = try AttentionProbe().run(
      on: patterns, iterations: [1], examples: [0], isCancelled: { true })
    #expect(none.map(\.examples) == nil)
    // A trace of latents alone.
    let model = RecurrentTransformer<Double>(
      try ModelConfiguration(
        vocabulary: 3, classes: 2, width: 4, iterations: 2,
        attention: AttentionConfiguration(heads: 1), mlp: MLPConfiguration(width: 4)), seed: 1)
    let traced = try TracedModel(
      model, ModelInput(tokens: [0, 1], batch: 1, positions: 2), iterations: 2)
    let error = #expect(throws: ProbeError.self) { try RecordedPatterns(traced.run.reader) }
    #expect(error?.remedy?.contains("core.*.attn.pattern") == true)
  }
}
