import Asura
import Testing

/// The code of the article on patching.
@Suite struct PatchExamples {
  @Test func sweepingAndOwnPatches() throws {
    let model = RecurrentTransformer<Float>(
      try ModelConfiguration(
        vocabulary: 10, classes: 10, width: 16, iterations: 6,
        attention: AttentionConfiguration(heads: 2), mlp: MLPConfiguration(width: 32)), seed: 1)

    let pairs = try ContrastPairs(
      clean: ModelInput(tokens: [3, 1, 4, 1, 5], batch: 1, positions: 5),
      corrupted: ModelInput(tokens: [3, 7, 4, 1, 5], batch: 1, positions: 5),
      cleanAnswers: [0, 1, 2, 3, 4], corruptedAnswers: [0, 5, 6, 3, 4])
    let experiment = try PatchExperiment(model, pairs, direction: .denoise)
    let sweep = try PatchSweep(experiment, sites: ["core.*.attn.z"], heads: .each, positions: .each)
    let result = try experiment.result(of: sweep.patches)
    for (entry, effect) in zip(sweep.entries, result.effects(.logitDifference)) {
      print(entry.iteration, entry.head ?? -1, entry.position ?? -1, effect.value)
    }

    let patch = Patch([
      Patch.Change(PatchPlace(.latent, at: 2)),
      Patch.Change(
        PatchPlace(.block(.core, index: 0, .pattern), iterations: 3...6), .replace(.base)),
    ])
    try experiment.run([patch], recording: [.sites("latent")]) { cell, recorded in
      print(cell.values.logitDifference, recorded(.latent, 6)?.norm ?? 0)
    }

    #expect(sweep.entries.count == 6 * 2 * 5 && result.isComplete)
  }
}
