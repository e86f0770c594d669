import AsuraModel
import AsuraTasks
import AsuraTensor
import AsuraTraining
import Foundation
import Testing

@Suite struct OptimizerTests {
  /// Four steps of `torch.optim.AdamW`, gradients from 0 over 1e-12 to 1e12 (Tests/Goldens).
  @Test(arguments: ["weight", "bias"])
  func fourStepsOfAdamW(parameter: String) throws {
    let url = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Goldens/adamw.safetensors")
    let golden = try Safetensors(contentsOf: url)
    func number(_ key: String) throws -> Double {
      try #require(golden.metadata[key].flatMap(Double.init))
    }
    let rates: Tensor<Double> = try golden.tensor("rates")
    // The update is elementwise, so the numbers may stand in any parameter with room for them.
    var model = RecurrentTransformer<Double>(try small().model, seed: 0)
    let room = try #require(model.parameters.firstIndex { $0.count >= 12 })
    func padded(_ name: String) throws -> Tensor<Double> {
      let tensor: Tensor<Double> = try golden.tensor(name)
      let shape = model.parameters[room].shape
      let padding = shape.reduce(1, *) - tensor.count
      return Tensor(shape, tensor.elements + [Double](repeating: 0, count: padding))
    }
    var parameters = model.parameters
    parameters[room] = try padded("step.0.parameter.\(parameter)")
    model.setParameters(parameters)
    var optimizer = AdamW(model)
    optimizer.beta1 = try number("beta1")
    optimizer.beta2 = try number("beta2")
    optimizer.epsilon = try number("epsilon")
    optimizer.weightDecay = try number("decay.\(parameter)")
    for step in 1...4 {
      var gradients = model.parameters.map { Tensor<Double>.zeros($0.shape) }
      gradients[room] = try padded("step.\(step).gradient.\(parameter)")
      optimizer.update(&model, gradients, learningRate: rates[[step - 1]])
      #expect(optimizer.step == step)
      for (name, found) in [
        ("parameter", model.parameters[room]), ("first", optimizer.firstMoments[room]),
        ("second", optimizer.secondMoments[room]),
      ] {
        let expected = try padded("step.\(step).\(name).\(parameter)").elements
        for (a, b) in zip(found.elements, expected) {
          #expect(abs(a - b) <= 1e-14 * abs(b) + 1e-300, "\(name), step \(step): \(a), not \(b)")
        }
      }
    }
  }

  @Test func scaleMultipliesGradients() throws {
    let start = RecurrentTransformer<Double>(try small().model, seed: 0)
    var random = Random(seed: 1)
    let gradients = start.parameters.map { Tensor<Double>.normal($0.shape, using: &random) }
    var (a, b) = (start, start)
    var (x, y) = (AdamW(start), AdamW(start))
    for _ in 0..<3 {
      x.update(&a, gradients, learningRate: 0.1, scale: 0.25)
      y.update(&b, gradients.map { $0.scaled(by: 0.25) }, learningRate: 0.1)
    }
    #expect(largestError(a.parameters, b.parameters) < 1e-14)
  }

  /// Linear to the full rate over the warm-up, then half a cosine down to its share.
  @Test func learningRateFollowsItsFormula() {
    var options = OptimizerOptions()
    options.learningRate = 0.4
    #expect([0, 7, 99].map { options.learningRate(step: $0, of: 100) } == [0.4, 0.4, 0.4])
    options.warmup = 4
    options.finalFraction = 0.25
    let rates = (0..<14).map { options.learningRate(step: $0, of: 12) }
    for (rate, expected) in zip(rates, [0.1, 0.2, 0.3, 0.4, 0.4]) {
      #expect(abs(rate - expected) < 1e-15)
    }
    // Halfway between 0.4 and 0.1, a quarter of the way in angle, and the end, which stays.
    #expect(abs(rates[8] - 0.25) < 1e-15)
    #expect(abs(rates[6] - (0.1 + 0.3 * (2 + 2.0.squareRoot()) / 4)) < 1e-15)
    #expect(abs(rates[12] - 0.1) < 1e-15 && abs(rates[13] - 0.1) < 1e-15)
    // A warm-up longer than the run never divides by zero.
    options.warmup = 100
    #expect(abs(options.learningRate(step: 11, of: 12) - 0.4 * 0.12) < 1e-15)
    options.warmup = 12
    #expect(options.learningRate(step: 12, of: 12) == 0.4)
  }

  /// After one step the first moments are (1 − β₁) times the gradient the optimiser was given.
  @Test(arguments: [nil, 1e6, 0.01])
  func clippingScalesTheGradientToTheLimit(clip: Double?) throws {
    try withFolder { url in
      let folder = RunFolder(url)
      var trainer = try Trainer<Double>(
        try small(clip.map { ["optimizer.clip=\($0)"] } ?? []))
      let report = try trainer.update()
      #expect(report.gradientNorm > 0.01)
      try folder.save(trainer)
      let file = try Safetensors(contentsOf: folder.checkpoint)
      let moments: [Tensor<Double>] = try trainer.model.parameterNames.map {
        try file.tensor("first.\($0)")
      }
      let given = moments.reduce(0) { $0 + $1.dot($1) }.squareRoot() / (1 - 0.9)
      let expected = min(report.gradientNorm, clip ?? .infinity)
      #expect(abs(given / expected - 1) < 1e-12)
    }
  }

  /// a ← d·a + (1 − d)·w after each update, from the initial weights.
  @Test func averageFollowsItsClosedForm() throws {
    let d = 0.75
    var trainer = try Trainer<Double>(try small("training.averageDecay=\(d)"))
    var weights = [trainer.model.parameters]
    for _ in 0..<3 {
      _ = try trainer.update()
      weights.append(trainer.model.parameters)
    }
    let expected = weights[0].indices.map { i in
      [d * d * d, (1 - d) * d * d, (1 - d) * d, 1 - d].enumerated()
        .map { weights[$0.offset][i].scaled(by: $0.element) }.reduce(.zeros(weights[0][i].shape), +)
    }
    #expect(largestError(trainer.result.parameters, expected) < 1e-14)
    #expect(largestError(trainer.model.parameters, weights[3]) == 0)

    // The average is looked at and never trained on.
    var plain = try Trainer<Double>(try small())
    _ = try plain.train(3)
    #expect(isIdentical(plain.model.parameters, trainer.model.parameters))
  }

  @Test func weightDecayAlsoWithoutGradient() throws {
    var model = RecurrentTransformer<Double>(try small().model, seed: 0)
    let before = model.parameters
    var optimizer = AdamW(model)
    optimizer.weightDecay = 0.5
    optimizer.update(&model, before.map { .zeros($0.shape) }, learningRate: 0.1)
    #expect(largestError(model.parameters, before.map { $0.scaled(by: 0.95) }) < 1e-15)
  }
}
