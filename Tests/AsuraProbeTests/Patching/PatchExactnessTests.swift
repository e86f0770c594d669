import AsuraModel
import AsuraProbe
import AsuraTensor
import Testing

/// What must hold to the bit.
@Suite struct PatchExactnessTests {
  private static let directions = PatchDirection.allCases

  /// Every site the core, the recall and the latent have.
  private static let recurrent = ["recall", "latent", "core.*"]

  @Test(arguments: directions) func nothingIsZeroAndEverythingIsOne(
    _ direction: PatchDirection
  ) throws {
    let model: RecurrentTransformer<Float> = try patchModel()
    let experiment = try PatchExperiment(model, patchPairs(), direction: direction)
    // The source's embedded input from the beginning, its latent at the end, its logits: each is everything.
    let everything = [
      Patch(PatchPlace(.embed, iterations: 0...5)), Patch(PatchPlace(.logits, at: 5)),
      // Of a coda that attends everywhere the last latent is all there is to read.
      Patch(PatchPlace(.latent, at: 5)),
    ]
    let result = try experiment.result(of: [Patch([])] + everything)
    for metric in PatchMetric.allCases where metric != .exactMatch {
      for average in PatchResult.Average.allCases {
        var result = result
        result.average = average
        result.smallestDifference = 0
        let effects = result.effects(metric)
        #expect(effects[0].value == 0)
        #expect(effects[1].value == 1 && effects[2].value == 1 && effects[3].value == 1)
        #expect(effects[1].low == 1 && effects[1].high == 1 && effects[0].high == 0)
      }
    }
    for pair in 0..<4 {
      #expect(result.cells[0][pair]?.values == experiment.base(pair))
      #expect(result.cells[1][pair]?.values == experiment.source(pair))
      #expect(experiment.base(pair) != experiment.source(pair))
    }
  }

  @Test func aValueReplacedByItselfChangesNoBit() throws {
    let model: RecurrentTransformer<Float> = try patchModel {
      $0.norm.placement = .sandwich
      $0.attention.keyValueHeads = 1
      $0.attention.positions = .rope
      $0.mlp.activation = .swiglu
    }
    var experiment = try PatchExperiment(model, patchPairs())
    // Were it to end early, the last bits would be the base's own.
    experiment.stopsEarly = false
    let sweep = try PatchSweep(
      experiment, sites: Self.recurrent, heads: .each, positions: .each,
      kind: .replace(.base))
    for cell in try cells(experiment, sweep.patches) {
      #expect(cell.values == experiment.base(cell.pair), "\(sweep.entries[cell.patch])")
      #expect(cell.rejoined == nil)
    }
    experiment.stopsEarly = true
    for cell in try cells(experiment, sweep.patches) {
      // An initial latent is compared after the first iteration.
      #expect(cell.rejoined == max(1, sweep.entries[cell.patch].iteration))
    }
  }

  /// Models in which effects travel differently: everywhere at once, or one position an iteration.
  private static let masks: [(AttentionConfiguration.Mask, Int?)] = [
    (.full, nil), (.causal, 1), (.causal, nil),
  ]

  @Test(arguments: masks.indices) func shortCutsChangeNoBit(_ number: Int) throws {
    let (mask, window) = Self.masks[number]
    let model: RecurrentTransformer<Float> = try patchModel {
      $0.attention.mask = mask
      $0.attention.window = window
      $0.coda = 0
      $0.update = .init(kind: .euler)
    }
    let pairs = try patchPairs()
    var experiment = try PatchExperiment(model, pairs)
    let sweep = try PatchSweep(
      experiment, sites: ["core.*.attn.z"], heads: .each, positions: .each)
    let held = try PatchSweep(
      experiment, sites: ["core.0.resid_post"], positions: .each, hold: true)
    let patches = sweep.patches + held.patches
    let quick = try cells(experiment, patches)
    experiment.reusesPrefix = false
    experiment.stopsEarly = false
    let slow = try cells(experiment, patches)
    #expect(quick.map(\.values) == slow.map(\.values))
    #expect(slow.allSatisfy { $0.rejoined == nil && $0.iterations == 5 })
    // Under a causal mask what stands before the changed position is the same in both runs.
    #expect((quick.count { $0.rejoined != nil } > 0) == (mask == .causal))
    #expect(quick.reduce(0) { $0 + $1.iterations } < slow.reduce(0) { $0 + $1.iterations })
  }

  @Test func resultsDoNotDependOnMemoryCompanyOrWorkers() throws {
    let model: RecurrentTransformer<Float> = try patchModel { $0.classes = 7 }
    var experiment = try PatchExperiment(model, patchPairs(count: 6))
    var patches = try PatchSweep(
      experiment, sites: ["core.1.attn.pattern"], heads: .each, kind: .mean
    ).patches
    patches += try PatchSweep(
      experiment, sites: ["latent"], positions: .each, kind: .replace()
    ).patches
    patches += try PatchSweep(
      experiment, sites: ["core.0.mlp.post"], positions: .each, kind: .resample
    ).patches
    patches += try PatchSweep(experiment, sites: ["recall"], kind: .noise(1), hold: true).patches
    let all = try cells(experiment, patches)
    let alone = try Workers.$current.withValue(Workers(count: 1)) { try cells(experiment, patches) }
    #expect(all == alone)
    experiment.memory = 1
    #expect(try cells(experiment, patches) == all)
    let some = try cells(experiment, Array(patches[10...12]))
    #expect(some.map(\.values) == all.filter { 10...12 ~= $0.patch }.map(\.values))
    // A run that was cut short goes on where it was.
    var first: [PatchCell] = []
    let isWhole = try experiment.run(
      patches, isCancelled: { first.count > 100 }, receive: { first += $0 })
    #expect(!isWhole && first.count < all.count)
    let done = Set(first.map { [$0.patch, $0.pair] })
    try experiment.run(
      patches, isDone: { done.contains([$0, $1]) }, receive: { first += $0 })
    #expect(first.sorted { ($0.patch, $0.pair) < ($1.patch, $1.pair) } == all)
  }

  @Test func patchedRunsAreRecorded() throws {
    let model: RecurrentTransformer<Float> = try patchModel()
    let experiment = try PatchExperiment(model, patchPairs())
    let patch = Patch(PatchPlace(.latent, at: 2))
    let site = Site.block(.core, index: 0, .q)
    try experiment.run([patch], recording: [.sites("latent", "core.0.attn.q")]) { cell, recorded in
      let source = try model.run(
        input(.source, experiment, pair: cell.pair), record: .sites("latent")
      ).recorded
      // What was put in, and what a run from there has next.
      #expect(recorded(.latent, 2)!.isIdentical(to: source[.latent, 2]!))
      #expect(recorded(.latent, 1) == nil)
      var options = RunOptions<Float>()
      options.start = (source[.latent, 2]!, 2)
      options.iterations = 3
      options.record = [.sites("core.0.attn.q")]
      let rest = try model.run(input(.base, experiment, pair: cell.pair), options)
      #expect(recorded(site, 5)!.isIdentical(to: rest.recorded[site, 5]!))
    }
  }
}
