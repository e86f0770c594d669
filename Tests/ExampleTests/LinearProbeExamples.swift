import Asura
import Foundation
import Testing

/// The code of the article on linear probes.
@Suite struct LinearProbeExamples {
  @Test func probingAndSaving() throws {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "asura-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appending(path: "odd.npz")
    let reader = try trace(in: folder)

    var probe = LinearProbe()
    probe.estimator = .logistic
    probe.shuffles = 5
    let site = try ProbedSite(reader)
    let labels = try ProbeLabels(fact: "odd", of: reader)
    let findings = try probe.run(on: site, labels: labels, iterations: site.iterations)
    for (t, row) in zip(site.iterations, findings?.cells ?? []) {
      for cell in row.compactMap({ $0 }) {
        print(t, cell.score.balancedAccuracy, cell.null?.highest ?? 0)
      }
    }
    try save(#require(findings), file)
  }

  private func save(_ findings: LinearFindings, _ file: URL) throws {
    try findings.weights.write(to: file)
    let saved = try ProbeWeights(contentsOf: file)
    let direction = try saved.direction(iteration: 1, position: 0, class: 1)

    // The fact is of the token at hand, which the first iteration brings in; before it all latents are one.
    #expect(findings.cells[0][0]!.score.balancedAccuracy == 0.5)
    #expect(findings.cells[1][0]!.score.balancedAccuracy > 0.9)
    #expect(direction.shape == [16] && direction.norm > 0)
  }

  /// A run of an untrained model on random tokens, with the fact whether each is odd.
  private func trace(in folder: URL) throws -> TraceReader {
    let (batch, positions, iterations) = (120, 3, 2)
    let model = RecurrentTransformer<Float>(
      try ModelConfiguration(
        vocabulary: 8, classes: 8, width: 16, iterations: iterations,
        attention: AttentionConfiguration(heads: 2), mlp: MLPConfiguration(width: 32)), seed: 1)
    var random = Random(seed: 2)
    let tokens = (0..<batch * positions).map { _ in Int32(random.uniform() * 8) }
    let input = try ModelInput(tokens: tokens, batch: batch, positions: positions)
    var description = TraceDescription(
      program: "examples",
      sites: [.latent(batch: batch, positions: positions, width: 16)],
      input: TraceInput(tokens: IntegerArray([batch, positions, 1], tokens)))
    description.input.facts["odd"] = TraceFact(
      IntegerArray([batch, positions], tokens.map { $0 % 2 }), labels: ["even", "odd"])
    let url = folder.appending(path: "run.h5")
    let writer = try TraceWriter(url, describing: description)
    var options = RunOptions<Float>()
    options.record = [.sites("latent", iterations: .all)]
    _ = try model.run(input, options) { t, values in
      if let latent = values.first?.tensor {
        try writer.append(site: "latent", iteration: t, values: latent)
      }
    }
    try writer.finish()
    return try TraceReader(url)
  }
}
