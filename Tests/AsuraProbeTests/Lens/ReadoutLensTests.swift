import AsuraModel
import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import AsuraTrace
import Foundation
import Testing

/// A model that counts: its blocks add nothing, and `z ← W z` walks along the axes, so that coordinate t of z_t is 1, all
/// others are 0, and the readout is the latent itself.
private func walkingModel(width: Int) throws -> RecurrentTransformer<Double> {
  let configuration = try ModelConfiguration(
    vocabulary: 2, classes: width, width: width, iterations: width - 1,
    attention: AttentionConfiguration(heads: 1), mlp: MLPConfiguration(width: 4),
    initialLatent: .learned, finalNorm: false)
  var parameters = RecurrentTransformer<Double>(configuration, seed: 1).namedParameters
  for name in parameters.keys where name.contains("attn.out") || name.contains("mlp.down") {
    parameters[name] = .zeros(parameters[name]!.shape)
  }
  // z ← W z with W a step from each axis to the next.
  parameters["recall.weight"] = Tensor([width, 2 * width]) { w in
    for i in 0..<width {
      for j in 0..<2 * width { w[i * 2 * width + j] = j == width + (i + width - 1) % width ? 1 : 0 }
    }
  }
  parameters["recall.bias"] = .zeros([width])
  parameters["initial_latent"] = Tensor([width], (0..<width).map { $0 == 0 ? 1 : 0 })
  parameters["head.weight"] = .identity(width)
  parameters["head.bias"] = .zeros([width])
  return try RecurrentTransformer(configuration, parameters: parameters)
}

private func read(
  _ run: TracedRun, iterations: [Int]? = nil, workers: Int = 2
) throws -> ReadoutLens {
  let found = try Workers.$current.withValue(Workers(count: workers)) {
    try LensProbe().run(
      on: run, iterations: iterations ?? run.latentIterations, examples: Array(0..<run.examples))
  }
  guard let found else { throw ProbeError(.notFound, "no readout") }
  return found
}

@Suite struct ReadoutLensTests {
  /// The readout after t iterations is class t with logit 1 against 0: everything follows in closed form.
  @Test func walkingAnswer() throws {
    let width = 4
    let input = try ModelInput(tokens: [0, 1, 1, 0], batch: 2, positions: 2)
    // Right at the end at position 0, never at the end at position 1 of example 0; not asked in example 1, position 1.
    let traced = try TracedModel(
      walkingModel(width: width), input, iterations: 3, targets: [3, 1, 3, -1])
    let lens = try read(traced.run)
    let p = exp(1.0) / (exp(1.0) + 3)
    let other = 1 / (exp(1.0) + 3)
    for t in 0...3 {
      for e in 0..<2 {
        for position in 0..<2 {
          let place = lens.place(t, e, position)
          #expect(lens.top[place] == Int32(t))
          #expect(abs(Double(lens.topProbability[place: place]) - p) < 1e-7)
          let entropy = -p * log(p) - 3 * other * log(other)
          #expect(abs(Double(lens.entropy[place: place]) - entropy) < 1e-6)
          // Against class 3's readout: p and one of the others change places.
          let divergence = t == 3 ? 0 : (p - other) * log(p / other)
          #expect(abs(Double(lens.divergence[place: place]) - divergence) < 1e-6)
        }
      }
      #expect(
        abs(Double(lens.targetProbability[place: lens.place(t, 0, 0)]) - (t == 3 ? p : other))
          < 1e-7)
    }
    #expect(lens.targetProbability[place: lens.place(0, 1, 1)].isNaN)
    // Of equal logits the first is likelier: class 3 has classes 1 and 2 before it while 0 leads.
    #expect(lens.targetRank[lens.place(0, 0, 0)] == 3 && lens.targetRank[lens.place(3, 0, 0)] == 0)
    #expect(lens.flips(0, 0) == 3 && lens.settledFrom(0, 1) == 3)
    #expect(lens.rightFrom(0, 0) == 3 && lens.rightFrom(0, 1) == nil && lens.rightFrom(1, 1) == nil)
    #expect(lens.wholeRightFrom(0) == nil && lens.wholeRightFrom(1) == 3)
    // Three places are asked; at t = 1 the one with target 1 is right, at t = 3 the two with target 3.
    let accuracies = lens.means.map(\.accuracy)
    for (value, expected) in zip(accuracies, [0, 1.0 / 3, 0, 2.0 / 3]) {
      #expect(abs(value - expected) < 1e-12)
    }
    #expect(lens.means.map(\.wholeAccuracy) == [0, 0, 0, 0.5])
    let map = lens.map { Double(lens.targetRank[$0]) }
    #expect(map[3][0] == 0 && map[3][1] == 2)
  }

  /// PyTorch's readouts of the same trained model.
  @Test func agreesWithPyTorch() throws {
    let golden = try Golden("lens")
    let shape = golden.file.entries["input.tokens"]!.shape
    let input = try ModelInput(
      tokens: golden.file.integers("input.tokens").map { Int32($0) }, batch: shape[0],
      positions: shape[1], channels: shape[2])
    let model: RecurrentTransformer<Double> = try Golden("trained-columns").model()
    let traced = try TracedModel(
      model, input, iterations: 10, targets: golden.file.integers("input.targets").map { Int32($0) }
    )
    let lens = try read(traced.run)
    // The trace holds latents in 32 bits.
    #expect(try lens.top.map { Int($0) } == golden.file.integers("top").map { Int($0) })
    let ranks = try golden.file.integers("target.rank")
    for (name, values) in [
      ("top.probability", lens.topProbability), ("entropy", lens.entropy),
      ("divergence", lens.divergence),
    ] {
      for (value, expected) in try zip(values.elements, golden[name].elements) {
        #expect(abs(Double(value) - expected) < 2e-5 * max(1, abs(expected)), "\(name)")
      }
    }
    let probabilities = try golden["target.probability"].elements
    for place in ranks.indices where lens.targetRank[place] >= 0 {
      #expect(Int(lens.targetRank[place]) == Int(ranks[place]))
      #expect(abs(Double(lens.targetProbability[place: place]) - probabilities[place]) < 1e-5)
    }
    #expect(lens.means.last?.wholeAccuracy == 1)
  }

  /// The same to the bit for any number of workers, for models with a coda and unshared cores too.
  @Test(arguments: ["concat-pre-layer", "coda-post-layer", "unshared-pre-rms"])
  func workers(name: String) throws {
    let golden = try Golden(name)
    let model: RecurrentTransformer<Double> = try golden.model()
    let traced = try TracedModel(
      model, golden.input, iterations: model.configuration.iterations, targets: golden.targets)
    let (one, two) = (try read(traced.run, workers: 1), try read(traced.run, workers: 2))
    #expect(one.entropy == two.entropy && one.top == two.top)
    #expect(one.divergence == two.divergence)
    // The last readout is the golden's own.
    let logits = try golden["readout.\(model.configuration.iterations)"]
    let last = one.iterations.count - 1
    for row in 0..<logits.rowCount {
      let best = logits.reshaped([logits.rowCount, logits.rowLength])[row].largestIndex
      #expect(Int(one.top[last * logits.rowCount + row]) == best)
    }
  }

  @Test func withoutTargetsAndWhatCannotBe() throws {
    let input = try ModelInput(tokens: [0, 1], batch: 1, positions: 2)
    let traced = try TracedModel(walkingModel(width: 3), input, iterations: 2)
    let lens = try read(traced.run)
    #expect(lens.targets == nil && lens.rightFrom(0, 0) == nil && lens.wholeRightFrom(0) == nil)
    #expect(lens.means[0].accuracy.isNaN && lens.means[0].entropy > 0)
    #expect(LensStudy(lens).reading[0].contains("no targets"))
    for (iterations, examples) in [([9], [0]), ([0], [1]), ([], [0]), ([0], [])] {
      #expect(throws: ProbeError.self) {
        try LensProbe().run(on: traced.run, iterations: iterations, examples: examples)
      }
    }
    let none = try LensProbe().run(
      on: traced.run, iterations: [0], examples: [0], isCancelled: { true })
    #expect(none.map(\.examples) == nil)
  }
}
