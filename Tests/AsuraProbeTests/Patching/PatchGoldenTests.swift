import AsuraModel
import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

/// Sweeps of a trained model against PyTorch, one hooked forward a patch.
@Suite struct PatchGoldenTests {
  private static let metrics: [PatchMetric] = [.logitDifference, .logProbability, .divergence]

  private func compare<S: Scalar>(_: S.Type, _ limit: Double) throws {
    let golden = try Golden("patching")
    let experiment = try golden.experiment(S.self)
    for pair in 0..<2 {
      for (i, metric) in Self.metrics.enumerated() {
        let (clean, corrupted) = try (golden["clean"], golden["corrupted"])
        #expect(abs(experiment.source(pair)[metric] - clean[[pair, i]]) < limit)
        #expect(abs(experiment.base(pair)[metric] - corrupted[[pair, i]]) < limit)
      }
    }
    for (name, site, iterations) in [
      ("z", "core.0.attn.z", 1...20), ("pattern", "core.0.attn.pattern", 17...20),
      ("latent", "latent", 1...20),
    ] {
      let expected = try golden[name]
      let sweep = try PatchSweep(
        experiment, sites: [site], iterations: Array(iterations), heads: .each, positions: .each)
      let result = try experiment.result(of: sweep.patches)
      #expect(sweep.patches.count * 2 * 3 == expected.count)
      var worst = 0.0
      for (i, metric) in Self.metrics.enumerated() {
        let found = result.raw(metric).elements
        for j in found.indices { worst = max(worst, abs(found[j] - expected.elements[3 * j + i])) }
      }
      #expect(worst < limit, "\(S.typeName) \(name) is off by \(worst)")
      // Some of these patches matter, or the comparison would be worth nothing.
      #expect(result.effects(.logitDifference).contains { abs($0.value) > 0.01 }, "\(name)")
    }
  }

  @Test func doublePrecision() throws { try compare(Double.self, 1e-9) }
  @Test func singlePrecision() throws { try compare(Float.self, 1e-4) }
}

extension Golden {
  /// The patching experiment of the trained model on a golden's pairs.
  func experiment<S: Scalar>(_: S.Type) throws -> PatchExperiment<S> {
    let model = try RecurrentTransformer<S>(
      contentsOf: Golden.folder.appending(path: "trained-columns.model.safetensors"))
    func input(_ side: String) throws -> ModelInput {
      let shape = file.entries["\(side).tokens"]?.shape ?? []
      return try ModelInput(
        tokens: file.integers("\(side).tokens").map { Int32($0) }, batch: shape[0],
        positions: shape[1], channels: 2)
    }
    func answers(_ side: String) throws -> [Int32] {
      try file.integers("\(side).answers").map { Int32($0) }
    }
    return try PatchExperiment(
      model,
      ContrastPairs(
        clean: input("clean"), corrupted: input("corrupted"), cleanAnswers: answers("clean"),
        corruptedAnswers: answers("corrupted")))
  }
}
