import Asura
import Testing

/// The code of the article on circuits.
@Suite struct CircuitExamples {
  @Test func attributionPathsAndCircuits() throws {
    let model = RecurrentTransformer<Float>(
      try ModelConfiguration(
        vocabulary: 10, classes: 10, width: 16, iterations: 4,
        attention: AttentionConfiguration(heads: 2), mlp: MLPConfiguration(width: 32)), seed: 1)
    let pairs = try ContrastPairs(
      clean: ModelInput(tokens: [3, 1, 4, 1, 5], batch: 1, positions: 5),
      corrupted: ModelInput(tokens: [3, 7, 4, 1, 5], batch: 1, positions: 5),
      cleanAnswers: [0, 1, 2, 3, 4], corruptedAnswers: [0, 5, 6, 3, 4])
    let experiment = try PatchExperiment(model, pairs, direction: .denoise)

    let sweep = try PatchSweep(experiment, sites: ["core.*.attn.z"], heads: .each, positions: .each)
    let study = try AttributionStudy(experiment, sweep)
    print(study.agreement.correlation, study.agreement.rankCorrelation, study.agreement.meanError)

    let path = PatchPath(
      from: PatchPlace(.block(.core, index: 0, .z), at: 2, head: 1),
      to: PatchPlace(.block(.core, index: 0, .v), at: 3, head: 0))
    var result = PatchResult(experiment, patches: 1)
    try experiment.run([path]) { result.add($0) }
    print(result.effects(.logitDifference)[0].value)

    let circuit = try Circuit(experiment, sweep, scores: study.estimated.map(\.value))
    for unit in circuit.units { print(sweep.entries[unit], circuit.loss(unit)) }
    print(circuit.faithfulness, circuit.completeness, circuit.randomMean)

    #expect(study.agreement.count == 40 && circuit.faithfulness >= 0.9 && circuit.isComplete)
  }
}
