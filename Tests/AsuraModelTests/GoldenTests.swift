import AsuraModel
import AsuraTensor
import AsuraTestSupport
import AsuraTraining
import Testing

/// Every model of `Tests/Goldens` against PyTorch: readouts, latents, patterns, loss, gradients, JVPs, Jacobians.
@Suite struct GoldenTests {
  /// The largest allowed error relative to a tensor's largest element.
  private static func limit<S: Scalar>(_: S.Type) -> Double { S.self == Float.self ? 1e-5 : 1e-12 }

  private func expect<S: Scalar>(
    _ actual: Tensor<S>, _ expected: Tensor<Double>, _ what: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(actual.shape == expected.shape, "\(what)", sourceLocation: sourceLocation)
    guard actual.shape == expected.shape else { return }
    let error = relativeError(actual.converted(to: Double.self), expected)
    #expect(
      error <= Self.limit(S.self), "\(S.typeName) \(what) is off by \(error)",
      sourceLocation: sourceLocation)
  }

  private func values<S: Scalar>(_ golden: Golden, _: S.Type) throws {
    let model: RecurrentTransformer<S> = try golden.model()
    let input = try golden.input
    let c = model.configuration
    var options = RunOptions<S>()
    options.readout = .iterations(.all)
    options.record = [.sites("latent", "core.*.attn.pattern")]
    let run = try model.run(input, options)
    for t in 0...c.iterations {
      expect(run.readout[t]!, try golden["readout.\(t)"], "\(golden.name) readout.\(t)")
      expect(run.recorded["latent", t]!, try golden["latent.\(t)"], "\(golden.name) latent.\(t)")
      for b in 0..<c.core where t > 0 {
        let pattern = run.recorded["core.\(b).attn.pattern", t]!
        expect(
          dense(pattern, model, input), try golden["pattern.\(t).\(b)"],
          "\(golden.name) pattern.\(t).\(b)")
      }
    }
  }

  /// A pattern `[batch, head, query, neighbour]` of a window or neighbourhoods as `[batch, head, query, key]`.
  private func dense<S: Scalar>(
    _ pattern: Tensor<S>, _ model: RecurrentTransformer<S>, _ input: ModelInput
  ) -> Tensor<S> {
    guard let table = model.neighbours(for: input) else { return pattern }
    let (batch, heads, count) = (pattern.shape[0], pattern.shape[1], pattern.shape[2])
    var result = Tensor<S>.zeros([batch, heads, count, count])
    let weights = pattern.elements
    result.update { result in
      for tile in 0..<batch * heads {
        for i in 0..<count {
          for j in 0..<table.width {
            let (place, key) = (i * table.width + j, table.keys[i * table.width + j])
            let weight = weights[tile * count * table.width + place]
            if key >= 0 {
              result[(tile * count + i) * count + Int(key)] = weight
            } else {
              #expect(weight == 0)
            }
          }
        }
      }
    }
    return result
  }

  @Test(arguments: Golden.models) func values(_ name: String) throws {
    try values(Golden(name), Double.self)
    try values(Golden(name), Float.self)
  }

  private func gradients<S: Scalar>(_ golden: Golden, recomputing: Bool, _: S.Type) throws {
    let model: RecurrentTransformer<S> = try golden.model()
    let computation = GradientComputation<S>(
      plans: [DepthPlan(graded: model.configuration.iterations)],
      objective: Objective(labelSmoothing: golden.smoothing), recomputes: recomputing)
    let result = try computation(
      model, golden.input, targets: golden.targets, random: Random(seed: 0))
    expect(Tensor([], repeating: S(result.loss)), try golden["loss"], "\(golden.name) loss")
    for (name, gradient) in zip(model.parameterNames, result.gradients) {
      expect(gradient, try golden["gradient.\(name)"], "\(golden.name) gradient.\(name)")
    }
  }

  @Test(arguments: Golden.models, [false, true])
  func gradients(_ name: String, recomputing: Bool) throws {
    try gradients(Golden(name), recomputing: recomputing, Double.self)
    try gradients(Golden(name), recomputing: recomputing, Float.self)
  }

  private func products<S: Scalar>(_ golden: Golden, _: S.Type) throws {
    let model: RecurrentTransformer<S> = try golden.model()
    let z: Tensor<S> = try golden.file.tensor("latent.1")
    let map = try model.stepMap(golden.input, iteration: 2)
    let linearization = try map.linearized(at: z)
    expect(linearization.value, try golden["latent.2"], "\(golden.name) F(z)")
    let tangents: Tensor<S> = try golden.file.tensor("jvp.tangent")
    expect(
      try linearization.jvp(tangents), try golden["jvp.result"], "\(golden.name) jvp")
    guard golden.has("jacobian") else { return }
    let one = try model.stepMap(golden.input.examples(0..<1), iteration: 2)
    let n = one.dimension
    let columns = try one.linearized(at: z.slice(0..<1)).jvp(
      Tensor<S>.identity(n).reshaped([n] + one.shape))
    expect(
      columns.reshaped([n, n]).transposed, try golden["jacobian"], "\(golden.name) jacobian")
  }

  @Test(arguments: Golden.models) func products(_ name: String) throws {
    try products(Golden(name), Double.self)
    try products(Golden(name), Float.self)
  }

  @Test func everyParameterIsCompared() throws {
    for name in Golden.models {
      let golden = try Golden(name)
      let model: RecurrentTransformer<Double> = try golden.model()
      let compared = golden.file.entries.keys.filter { $0.hasPrefix("gradient.") }
      #expect(Set(compared) == Set(model.parameterNames.map { "gradient.\($0)" }))
    }
  }
}
