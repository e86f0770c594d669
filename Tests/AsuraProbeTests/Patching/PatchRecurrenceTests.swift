import AsuraModel
import AsuraProbe
import AsuraTensor
import Testing

/// The questions only a recurrence raises.
@Suite struct PatchRecurrenceTests {
  private let model: RecurrentTransformer<Double>
  private let experiment: PatchExperiment<Double>

  init() throws {
    // No prelude or coda, so that step maps say by themselves what a run does.
    model = try patchModel {
      $0.prelude = 0
      $0.coda = 0
    }
    experiment = try PatchExperiment(model, patchPairs())
  }

  private func one(_ patch: Patch, pair: Int) throws -> PatchValues {
    try cells(experiment, [patch]).first { $0.pair == pair }!.values
  }

  /// The latents of one side's run from `latent`, with the step map of an input, and what the last one answers.
  private func iterate(
    _ side: PatchSide, _ pair: Int, from latent: Tensor<Double>, _ iterations: Range<Int>
  ) throws -> (latent: Tensor<Double>, values: PatchValues) {
    let map = try model.stepMap(input(side, experiment, pair: pair))
    var z = latent
    for _ in iterations { z = try map(z) }
    return (z, try values(map.readout(z), experiment, pair: pair))
  }

  private func zeros() -> Tensor<Double> { .zeros([1, 5, 12]) }

  private func expect(
    _ found: PatchValues, _ wanted: PatchValues, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for metric in PatchMetric.allCases {
      #expect(
        abs(found[metric] - wanted[metric]) < 1e-10, "\(metric)", sourceLocation: sourceLocation)
    }
  }

  @Test func aTransplantedLatentGoesOnUnderTheOtherInput() throws {
    let source = try iterate(.source, 1, from: zeros(), 0..<2).latent
    expect(
      try one(Patch(PatchPlace(.latent, at: 2)), pair: 1),
      try iterate(.base, 1, from: source, 2..<5).values)
  }

  @Test func theInputIsChangedMidway() throws {
    let base = try iterate(.base, 2, from: zeros(), 0..<3).latent
    expect(
      try one(Patch(PatchPlace(.embed, iterations: 4...5)), pair: 2),
      try iterate(.source, 2, from: base, 3..<5).values)
  }

  @Test func recallIsCutFromAnIterationOn() throws {
    let base = try iterate(.base, 0, from: zeros(), 0..<2).latent
    // A model of the same weights whose embedding is zero recalls nothing.
    var parameters = model.namedParameters
    parameters["embed.weight"] = .zeros(parameters["embed.weight"]!.shape)
    let deaf = try RecurrentTransformer(model.configuration, parameters: parameters)
    let map = try deaf.stepMap(input(.base, experiment, pair: 0))
    var z = base
    for _ in 2..<5 { z = try map(z) }
    expect(
      try one(Patch(PatchPlace(.embed, iterations: 3...5), .zero), pair: 0),
      try values(map.readout(z), experiment, pair: 0))
  }

  @Test func afterAPreludeItIsItsResultThatIsCut() throws {
    let model: RecurrentTransformer<Double> = try patchModel { $0.coda = 0 }
    let experiment = try PatchExperiment(model, patchPairs())
    #expect(experiment.recalledSite == .block(.prelude, index: 0, .residPost))
    let patch = Patch(PatchPlace(experiment.recalledSite, iterations: 3...5), .zero)
    // Of no recall but the bias: what `recall` reads is then W_z·z + b.
    let weight = model.namedParameters["recall.weight"]!
    let bias = model.namedParameters["recall.bias"]!
    let own = input(.base, experiment, pair: 0)
    let latents = try model.run(own, record: .sites("latent")).recorded
    var z = latents[.latent, 2]!
    for t in 3...5 {
      let now = z
      var options = RunOptions<Double>()
      options.iterations = 1
      options.start = (now, t - 1)
      options.edits = [
        .replace("recall") { value, _ in
          let part = Tensor<Double>([12, 12]) { w in
            for i in 0..<12 { for j in 0..<12 { w[i * 12 + j] = weight[[i, 12 + j]] } }
          }
          let product = now.reshaped([5, 12]).matmul(part, transposed: (.no, .yes))
          return Tensor([1, 5, 12]) { y in
            for i in 0..<60 { y[i] = product.elements[i] + bias.elements[i % 12] }
          }
        }
      ]
      z = try model.run(own, options).latent
    }
    let wanted = try values(
      model.stepMap(own).readout(z), experiment, pair: 0)
    let found = try cells(experiment, [patch])[0].values
    #expect(abs(found.logitDifference - wanted.logitDifference) < 1e-10)
  }

  @Test func iterationsAreSkippedAndRepeated() throws {
    let skipped = Patch([], schedule: .skipping(iterations: 2...3))
    expect(try one(skipped, pair: 3), try iterate(.base, 3, from: zeros(), 0..<3).values)
    let repeated = Patch([], schedule: .repeating(iterations: 4...4, times: 3))
    expect(try one(repeated, pair: 3), try iterate(.base, 3, from: zeros(), 0..<7).values)
  }

  @Test func latentsOfPositionsMoveBetweenIterations() throws {
    // The latent of iteration 1 in place of that of 4: one iteration is left to make of it what it can.
    let early = try iterate(.source, 0, from: zeros(), 0..<1).latent
    expect(
      try one(Patch(PatchPlace(.latent, at: 4), .replace(.source, .fixed(1))), pair: 0),
      try iterate(.base, 0, from: early, 4..<5).values)
  }

  @Test func wrongPatchesSayWhatIsWrong() throws {
    func message(_ patch: Patch) -> String {
      do {
        try experiment.check(patch)
        return ""
      } catch { return "\(error)" }
    }
    let z = Site.block(.core, index: 0, .z)
    #expect(message(Patch(PatchPlace(z, at: 0))).contains("has no value at iteration 0"))
    #expect(message(Patch(PatchPlace(z, at: 6))).contains("from 1 to 5"))
    #expect(message(Patch(PatchPlace(z, at: 1, head: 3))).contains("0 to 2"))
    #expect(message(Patch(PatchPlace(.latent, at: 1, head: 0))).contains("no heads"))
    #expect(message(Patch(PatchPlace(.latent, at: 1, position: 5))).contains("0 to 4"))
    #expect(message(Patch(PatchPlace(.embed, at: 1))).contains("up to the last, 5"))
    #expect(message(Patch(PatchPlace(.logits, at: 3))).contains("from 5 to 5"))
    #expect(
      message(Patch(PatchPlace(.latent, at: 1), .replace(.source, .offset(-2)))).contains("-1"))
    #expect(
      message(Patch(PatchPlace(.latent, at: 1), .subspace(Tensor([1, 12], repeating: 1))))
        .contains("orthonormal"))
    #expect(message(Patch(PatchPlace(z, at: 1), .steer(.zeros([4])))).contains("12 columns"))
    #expect(
      message(Patch([], schedule: .applying(blocks: [2], iterations: 1...1))).contains("0 to 1"))
    #expect(
      message(Patch(PatchPlace(.block(.coda, index: 0, .z), at: 5))).contains("has no site"))
  }
}
