import AsuraModel
import AsuraProbe
import AsuraTensor
import AsuraTrace
import Testing

/// A model of hand-set weights that holds a bit of its token in coordinate 5 of the latent, and answers by it alone.
@Suite struct CausalEffectTests {
  private static let width = 8
  private static let held = 5

  /// Blocks add nothing; the recall keeps half of the latent and adds the embedded token: `z ← z/2 + e`. Tokens 0…7
  /// have a random embedding of their own, but for coordinate 5, which is ±1 by the token's lowest bit.
  private func traced(positions: Int = 2, examples: Int = 80) throws -> TracedModel {
    let configuration = try ModelConfiguration(
      vocabulary: 8, classes: 2, width: Self.width, iterations: 4,
      attention: AttentionConfiguration(heads: 1), mlp: MLPConfiguration(width: 8))
    var parameters = RecurrentTransformer<Double>(configuration, seed: 1).namedParameters
    for name in parameters.keys
    where name.contains("attn.out") || name.contains("mlp.down") || name == "recall.bias" {
      parameters[name] = .zeros(parameters[name]!.shape)
    }
    let width = Self.width
    parameters["recall.weight"] = Tensor([width, 2 * width]) { w in
      w.update(repeating: 0, count: 2 * width * width)
      for i in 0..<width { (w[i * 2 * width + i], w[i * 2 * width + width + i]) = (1, 0.5) }
    }
    var random = Random(seed: 4)
    parameters["embed.weight"] = Tensor(
      [8, width],
      (0..<8).flatMap { token in
        (0..<width).map { $0 == Self.held ? (token % 2 == 1 ? 1 : -1) : 0.5 * random.normal() }
      })
    // The head looks at the coordinate only, whatever the final norm does to its sign.
    parameters["head.weight"] = Tensor([2, width]) { w in
      w.update(repeating: 0, count: 2 * width)
      (w[Self.held], w[width + Self.held]) = (-1, 1)
    }
    if let bias = parameters["head.bias"] { parameters["head.bias"] = .zeros(bias.shape) }
    let model = try RecurrentTransformer(configuration, parameters: parameters)
    let tokens = (0..<examples * positions).map { _ in Int32(random.uniform() * 8) }
    let bits = tokens.map { $0 % 2 }
    let input = try ModelInput(tokens: tokens, batch: examples, positions: positions)
    return try TracedModel(
      model, input, iterations: 4, targets: bits, facts: ["bit": (bits, ["even", "odd"])])
  }

  private func effect(
    _ change: CausalEffect.Change, at: [Int]
  ) throws -> (CausalEffect, LinearFindings) {
    let traced = try traced()
    let site = try ProbedSite(traced.run.reader)
    let labels = try ProbeLabels(fact: "bit", of: traced.run.reader)
    var probe = LinearProbe()
    (probe.shuffles, probe.replicates, probe.hasDescriptionLength) = (0, 0, false)
    let findings = try #require(
      try probe.run(on: site, labels: labels, iterations: Array(1...4)))
    var followUp = CausalFollowUp(change, at: at)
    followUp.directions = 4
    let found = try followUp.run(traced.run, site, findings, labels: labels)
    return (try #require(found), findings)
  }

  @Test func theBitIsReadEverywhere() throws {
    let (_, findings) = try effect(.erase(.leace), at: [4])
    for row in findings.cells {
      for cell in row { #expect(cell!.score.accuracy == 1) }
    }
    #expect(findings.since(position: 0) == 1)
  }

  /// Erased at the end, the answer is a guess. Erased before, the token is recalled and the answer is right.
  @Test(arguments: ConceptEraser.Method.allCases)
  func erasing(method: ConceptEraser.Method) throws {
    let (last, _) = try effect(.erase(method), at: [4])
    #expect(last.original.symbols == 1 && last.original.exact == 1 && last.original.changed == 0)
    #expect(last.edited.atChanged < 0.75 && last.edited.changed > 0.25, "\(last.edited)")
    #expect(last.random.count == 4 && last.relativeSize > 0)
    #expect(last.randomMean(\.atChanged) > last.edited.atChanged + 0.1, "\(last.random)")
    let (before, _) = try effect(.erase(method), at: [3])
    #expect(before.edited.symbols == 1 && before.edited.byClass == [1, 1])
  }

  /// Pushed far towards a class, that class is answered everywhere.
  @Test func pushing() throws {
    for (index, right) in [(1, [0.0, 1.0]), (0, [1.0, 0.0])] {
      let (found, _) = try effect(.push(50, class: index), at: [4])
      #expect(found.edited.byClass == right, "\(found.edited)")
      #expect(found.positions == [0, 1] && found.at == [4])
    }
  }

  @Test func badIterations() throws {
    for at in [[0], [9]] {
      let error = try #require(throws: ProbeError.self) {
        _ = try effect(.erase(.mean), at: at)
      }
      #expect(error.description.contains("iteration"), "\(error)")
    }
  }
}
