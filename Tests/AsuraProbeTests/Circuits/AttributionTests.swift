import AsuraModel
import AsuraProbe
import AsuraTensor
import Testing

/// What gradients say of patches.
@Suite struct AttributionTests {
  private static let metrics: [PatchMetric] = [.logitDifference, .logProbability, .divergence]

  /// The estimated change of a metric, `[patch][pair]`.
  private func changes<S: Scalar>(
    _ experiment: PatchExperiment<S>, _ patches: [Patch], _ metric: PatchMetric = .logitDifference,
    _ method: AttributionMethod = .gradient
  ) throws -> [[Double]] {
    var changes = Array(
      repeating: Array(repeating: Double.nan, count: experiment.pairs.count), count: patches.count)
    try experiment.attribute(patches, metric: metric, method: method) { cells in
      for cell in cells {
        changes[cell.patch][cell.pair] = cell.values[metric] - experiment.base(cell.pair)[metric]
        for other in PatchMetric.allCases where other != metric {
          #expect(cell.values[other].isNaN)
        }
      }
    }
    return changes
  }

  private static let variants: [@Sendable (inout ModelConfiguration) -> Void] = [
    { _ in },
    {
      $0.norm.placement = .post
      $0.initialLatent = .input
      $0.update = .init(kind: .euler)
      $0.outerNorm = true
    },
    {
      $0.norm.placement = .sandwich
      $0.attention.keyValueHeads = 1
      $0.attention.positions = .rope
      $0.attention.mask = .causal
      $0.mlp.activation = .swiglu
    },
  ]

  /// A small step along any direction changes the metric by the estimate of the step, at every site there is.
  @Test(arguments: variants.indices) func estimatesAreDerivatives(_ number: Int) throws {
    let model: RecurrentTransformer<Double> = try patchModel(Self.variants[number])
    let experiment = try PatchExperiment(
      model, patchPairs(count: 2), direction: number == 1 ? .noise : .denoise, iterations: 4)
    let input = input(.base, experiment, pair: 0)
    func sweep(_ step: Double) throws -> PatchSweep {
      try PatchSweep(experiment, sites: ["*"], positions: .only([1, 3])) { place in
        var random = Random(seed: 3, for: "\(place)")
        let columns = model.axes(of: place.site, for: input).last!.count
        return .steer(Tensor<Double>.normal([columns], scale: step, using: &random))
      }
    }
    let h = 1e-5
    let (once, up, down) = try (sweep(1), sweep(h), sweep(-h))
    #expect(Set(once.entries.map(\.name)).count == 4 + 4 * 13)
    let (plus, minus) = try (cells(experiment, up.patches), cells(experiment, down.patches))
    // The clean run's divergence from itself has no slope.
    for metric in Self.metrics where metric != .divergence || number != 1 {
      let estimates = try changes(experiment, once.patches, metric)
      for (a, b) in zip(plus, minus) {
        let slope = (a.values[metric] - b.values[metric]) / (2 * h)
        let estimate = estimates[a.patch][a.pair]
        #expect(
          abs(slope - estimate) < 1e-7 * max(1, abs(slope)),
          "\(once.entries[a.patch]), \(metric): \(estimate), not \(slope)")
      }
      #expect(estimates.count { abs($0[0]) > 1e-4 } > estimates.count / 4)
    }
  }

  /// What the readout reads linearly is estimated exactly.
  @Test func linearEffectsAreExact() throws {
    let circuit = try CarryCircuit(iterations: 7)
    let experiment = try PatchExperiment(
      circuit.model,
      CarryCircuit.pair([9, 9, 9, 3], clean: [1, 0, 0, 2], corrupted: [0, 0, 0, 2]))
    let sweep = try PatchSweep(
      experiment, sites: ["latent", "core.0.mlp_out", "logits"], iterations: [7], positions: .each)
    let exact = try experiment.result(of: sweep.patches).raw(.logitDifference)
    let estimates = try changes(experiment, sweep.patches)
    for patch in sweep.patches.indices {
      let change = exact[[patch, 0]] - experiment.base(0).logitDifference
      #expect(abs(estimates[patch][0] - change) < 1e-9, "\(sweep.entries[patch])")
    }
    #expect(estimates.contains { abs($0[0]) > 1 })
  }

  /// The completeness axiom (Sundararajan et al. 2017, proposition 1): attributions to the inputs add up to the effect of
  /// all of them.
  @Test(arguments: metrics) func integratedGradientsAddUp(_ metric: PatchMetric) throws {
    let model: RecurrentTransformer<Double> = try patchModel { $0.initialLatent = .input }
    let experiment = try PatchExperiment(model, patchPairs(count: 2))
    let sweep = try PatchSweep(experiment, sites: ["embed"], iterations: [0], positions: .each)
    let parts = try changes(
      experiment, sweep.patches, metric, .integratedGradients(steps: 200))
    let plain = try changes(experiment, sweep.patches, metric)
    for pair in 0..<2 {
      let whole = experiment.source(pair)[metric] - experiment.base(pair)[metric]
      let sum = parts.reduce(0) { $0 + $1[pair] }
      #expect(abs(sum - whole) < 1e-4 * abs(whole), "\(sum) \(whole)")
      #expect(abs(plain.reduce(0) { $0 + $1[pair] } - whole) > 1e-2 * abs(whole))
    }
  }

  @Test func resultsDoNotDependOnWorkersOrMemory() throws {
    let model: RecurrentTransformer<Float> = try patchModel()
    var experiment = try PatchExperiment(model, patchPairs(count: 5))
    let sweep = try PatchSweep(
      experiment, sites: ["core.*.attn.pattern", "latent"], heads: .each, positions: .each)
    func all() throws -> [[Double]] {
      try changes(experiment, sweep.patches, .divergence, .integratedGradients(steps: 2))
    }
    let expected = try all()
    experiment.memory = 1
    #expect(try Workers.$current.withValue(Workers(count: 1)) { try all() } == expected)
  }

  @Test func aStudyJudgesItsEstimates() throws {
    let model: RecurrentTransformer<Double> = try patchModel()
    let experiment = try PatchExperiment(model, patchPairs())
    let sweep = try PatchSweep(
      experiment, sites: ["core.*.attn.z"], heads: .each, positions: .each)
    var options = AttributionStudy.Options()
    options.sampleCount = 40
    options.strongestCount = 5
    options.smallestDifference = 0
    let study = try AttributionStudy(experiment, sweep, options)
    #expect(study.isComplete && study.sample.count == 40 && study.strongest.count == 5)
    let exact = try experiment.result(of: sweep.patches)
    var all = exact
    all.smallestDifference = 0
    let effects = all.effects(.logitDifference)
    for entry in study.sample + study.strongest {
      #expect(study.exact[entry] == effects[entry])
    }
    #expect(study.exact.count { $0.value.isFinite } <= 45)
    let expected = Agreement(
      study.sample.map { study.estimated[$0].value }, study.sample.map { effects[$0].value })
    #expect(study.agreement == expected && expected.correlation > 0.5)
    // The signal and what goes with it are of the sweep's shape.
    let data = study.analysis(pairNumbers: [0, 1, 2, 3]).data
    #expect(data.count == 2 && data[0].signal.values.shape == [5, 3, 5])
  }

  /// Values of scipy.stats.pearsonr and spearmanr 1.17.
  @Test func agreementIsAsSciPySays() {
    let agreement = Agreement(
      [0.5, -1.25, 3, 0.5, 2, 0, -0.75, .nan], [0.25, -1, 2.5, 0.75, 2.25, 0.75, -2, 1])
    #expect(agreement.count == 7)
    #expect(abs(agreement.correlation - 0.9141328413874585) < 1e-14)
    #expect(abs(agreement.rankCorrelation - 0.8818181818181818) < 1e-14)
    #expect(agreement.meanError == 0.5 && agreement.largestError == 1.25)
    #expect(Agreement([1, 1], [0, 2]).correlation.isNaN)
  }

  @Test func whatHasNoGradientIsRefused() throws {
    let model: RecurrentTransformer<Double> = try patchModel()
    let experiment = try PatchExperiment(model, patchPairs())
    let one = Patch(PatchPlace(.latent, at: 2))
    #expect(throws: ProbeError.self) { try changes(experiment, [one], .exactMatch) }
    #expect(throws: ProbeError.self) {
      try changes(experiment, [one], .divergence, .integratedGradients(steps: 0))
    }
    let noise = try PatchExperiment(model, patchPairs(), direction: .noise)
    #expect(throws: ProbeError.self) { try changes(noise, [one], .divergence) }
    for patch in [
      Patch(one.changes + one.changes), Patch(PatchPlace(.latent, iterations: 2...3)),
      Patch([], schedule: .skipping(iterations: 2...2)),
    ] {
      #expect(throws: ProbeError.self) { try changes(experiment, [patch]) }
    }
  }
}
