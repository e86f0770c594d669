import AsuraModel
import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

@Suite struct TunedLensTests {
  /// A code that turns over each iteration, z_t = (−1)^t e: maps of their own turn it back, and no one map can, since it
  /// cannot know which it is given.
  @Test func turnedCodeNeedsOwnMaps() throws {
    let traced = try TracedModel(turningModel(), tokens(60), iterations: 4)
    let tuned = try #require(try fit(traced.run))
    #expect(tuned.iterations == [0, 1, 2, 3] && tuned.last == 4)
    #expect(tuned.fitted.count == 36 && tuned.validated.count == 12 && tuned.heldOut.count == 12)
    #expect(Set(tuned.fitted + tuned.validated + tuned.heldOut).count == 60)
    for t in [1, 3] {
      #expect(tuned.own[t].value < 0.02 * tuned.untuned[t].value, "\(t)")
      #expect(tuned.own[t].value <= tuned.own[t].upper && tuned.own[t].lower <= tuned.own[t].value)
    }
    #expect(tuned.untuned[0].value < 1e-9 && tuned.own[0].value < 1e-9)
    #expect(tuned.means.shared.value > 0.2 * tuned.means.untuned.value)
    #expect(tuned.verdict == .own && tuned.notes.count == 1)
  }

  /// Latents that are one and the same distance away from the last at every iteration looked at: one map does for all.
  @Test func oneMapSuffices() throws {
    let model = try driftingModel(step: [1.5, -1, 0.5])
    let traced = try TracedModel(model, tokens(60), iterations: 4)
    let tuned = try #require(try fit(traced.run, iterations: [3, 4]))
    #expect(tuned.means.shared.value < 0.02 * tuned.means.untuned.value)
    #expect(tuned.verdict == .shared)
    #expect(abs(tuned.sharedOverOwn.value) < 1e-9)
    // One example held out has no interval, and so no verdict for a map.
    let few = try #require(
      try fit(TracedModel(model, tokens(4), iterations: 4).run, iterations: [3, 4]))
    #expect(few.heldOut.count == 1 && few.untunedOverShared.lower.isNaN)
    #expect(few.verdict == .untuned)
  }

  /// Latents at rest leave nothing to tune.
  @Test func nothingToTune() throws {
    let traced = try TracedModel(driftingModel(step: [0, 0, 0]), tokens(20), iterations: 3)
    let tuned = try #require(try fit(traced.run))
    #expect(tuned.means.untuned.value < 1e-12 && tuned.means.own.value < 1e-12)
    #expect(tuned.verdict == .untuned)
    #expect(tuned.sharedTranslator == .identity(width: 3))
  }

  /// The same to the bit, through norms and a coda that mixes positions.
  @Test func sameForAnyNumberOfWorkers() throws {
    let golden = try Golden("coda-post-layer")
    let input = try ModelInput(
      tokens: (0..<60).map { Int32($0 * 7 % 5) }, batch: 12, positions: 5)
    let traced = try TracedModel(golden.model(), input, iterations: 3)
    let (one, two) = (try fit(traced.run, workers: 1), try fit(traced.run, workers: 2))
    #expect(one?.means.own == two?.means.own && one?.steps == two?.steps)
    #expect(one?.translators == two?.translators)
    // Stopping by examples set aside keeps what is fitted from being worse than nothing there.
    #expect(try #require(one?.means.own.value) <= 1.5 * #require(one?.means.untuned.value))
  }

  /// What memory does not hold is left out, and said.
  @Test func examplesLeftOut() throws {
    let traced = try TracedModel(driftingModel(step: [1, 0, 0]), tokens(40), iterations: 2)
    var fitting = TunedLensFit()
    // 3 latents of 4 × 3 numbers of 8 bytes each.
    fitting.memory = 25 * 3 * 4 * 3 * 8
    let tuned = try #require(
      try fitting.run(on: traced.run, iterations: [0, 1, 2], examples: Array(0..<40)))
    #expect(tuned.leftOut == 15)
    #expect(Set(tuned.fitted + tuned.validated + tuned.heldOut).count == 25)
    #expect(tuned.notes.contains { $0.contains("25 of 40 examples") })
  }

  @Test func translatorsAreAffine() {
    let map = Translator(
      matrix: Tensor([2, 2], [0, 1, 2, 0]), offset: Tensor([2], [10, 20]))
    let latent = Tensor<Double>([1, 1, 2], [3, 5])
    // (3, 5) + (5, 6) + (10, 20)
    #expect(map(latent).elements == [18, 31])
    #expect(Translator.identity(width: 2)(latent) == latent)
  }

  @Test func whatCannotBe() throws {
    let traced = try TracedModel(driftingModel(step: [1, 0, 0]), tokens(2), iterations: 2)
    let error = #expect(throws: ProbeError.self) { try fit(traced.run) }
    #expect(error?.message.contains("3 examples") == true)
    let more = try TracedModel(driftingModel(step: [1, 0, 0]), tokens(4), iterations: 2)
    #expect(throws: ProbeError.self) { try fit(more.run, iterations: [2]) }
  }

  // MARK: - Models

  /// `z ← z + step`, from the embedded input; the readout is the latent itself.
  private func driftingModel(step: [Double]) throws -> RecurrentTransformer<Double> {
    let configuration = try ModelConfiguration(
      vocabulary: 64, classes: 3, width: 3, iterations: 4,
      attention: AttentionConfiguration(heads: 1), mlp: MLPConfiguration(width: 4), recall: .none,
      initialLatent: .input, finalNorm: false)
    var parameters = RecurrentTransformer<Double>(configuration, seed: 3).namedParameters
    for name in parameters.keys where name.contains("attn.out") || name.contains("mlp.down") {
      parameters[name] = .zeros(parameters[name]!.shape)
    }
    parameters["core.0.mlp.down.bias"] = Tensor([3], step)
    parameters["head.weight"] = .identity(3)
    parameters["head.bias"] = .zeros([3])
    return try RecurrentTransformer(configuration, parameters: parameters)
  }

  /// `z ← −z`, from the embedded input; the readout is the latent itself.
  private func turningModel() throws -> RecurrentTransformer<Double> {
    let configuration = try ModelConfiguration(
      vocabulary: 64, classes: 3, width: 3, iterations: 4,
      attention: AttentionConfiguration(heads: 1), mlp: MLPConfiguration(width: 4),
      initialLatent: .input, finalNorm: false)
    var parameters = RecurrentTransformer<Double>(configuration, seed: 3).namedParameters
    for name in parameters.keys where name.contains("attn.out") || name.contains("mlp.down") {
      parameters[name] = .zeros(parameters[name]!.shape)
    }
    parameters["recall.weight"] = Tensor([3, 6]) { w in
      for i in 0..<18 { w[i] = i % 6 == 3 + i / 6 ? -1 : 0 }
    }
    parameters["recall.bias"] = .zeros([3])
    parameters["head.weight"] = .identity(3)
    parameters["head.bias"] = .zeros([3])
    return try RecurrentTransformer(configuration, parameters: parameters)
  }

  /// As many examples of four positions, all of other tokens as far as there are such.
  private func tokens(_ examples: Int) throws -> ModelInput {
    try ModelInput(
      tokens: (0..<examples * 4).map { Int32($0 * 13 % 64) }, batch: examples, positions: 4)
  }

  private func fit(
    _ run: TracedRun, iterations: [Int]? = nil, workers: Int = 2
  ) throws -> TunedLens? {
    try Workers.$current.withValue(Workers(count: workers)) {
      try TunedLensFit().run(
        on: run, iterations: iterations ?? run.latentIterations,
        examples: Array(0..<run.examples))
    }
  }
}
