import AsuraModel
import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

@Suite struct JacobianProbeTests {
  private let model: RecurrentTransformer<Double>
  private let input: ModelInput

  init() throws {
    let configuration = try ModelConfiguration(
      vocabulary: 5, classes: 3, width: 6, iterations: 4,
      attention: AttentionConfiguration(heads: 2, positions: .alibi),
      mlp: MLPConfiguration(width: 8))
    model = RecurrentTransformer(configuration, seed: 3)
    input = try ModelInput(tokens: [0, 3, 1, 4, 2, 2, 2, 0, 1, 3], batch: 2, positions: 5)
  }

  @Test func explainsModes() throws {
    let positions = 5
    let plain = try TracedModel(model, input, iterations: 4)
    var probe = JacobianProbe()
    probe.modes = 2
    let found = try probe.run(on: plain.run, iterations: [2, 4], examples: [1])
    let entry = try #require(found.modes.first)
    #expect(entry.iteration == 4 && entry.example == 1 && entry.isWhole)

    let map = try plain.run.latentMap(examples: [1], at: 4)
    let latent = try plain.run.latent(iteration: 4, example: 1)
    let state = latent.reshaped([1, map.dimension])
    let pairs = try StateJacobian(of: map, at: state).matrix().eigenDecomposition()
    func logits(_ z: Tensor<Double>) throws -> Tensor<Double> {
      var options = RunOptions<Double>()
      options.iterations = 0
      options.start = (z, 4)
      return try model.run(input.examples(1..<2), options).logits!
    }
    for mode in entry.modes {
      let place = try #require(pairs.values.firstIndex { $0 == mode.eigenvalue })
      let vector = pairs.vectors[place]
      for p in 0..<positions {
        let square = vector[p * 6..<(p + 1) * 6].reduce(0) { $0 + $1.lengthSquared }
        #expect(abs(mode.profile[p] - square.squareRoot()) < 1e-12)
      }
      // The readout's slope along the vector's parts, by central differences.
      func slope(_ part: Tensor<Double>) throws -> Tensor<Double> {
        let step = part.reshaped(latent.shape).scaled(by: 1e-5)
        return (try logits(latent + step) - logits(latent - step)).scaled(by: 1 / 2e-5)
      }
      let (re, im) = (
        try slope(pairs.vectors.real[place]), try slope(pairs.vectors.imaginary[place])
      )
      let first = try #require(mode.logits.first)
      let amounts = zip(re.elements, im.elements).map { ($0 * $0 + $1 * $1).squareRoot() }
      #expect(abs(abs(first.amount) - amounts.max()!) < 1e-6)
      let index = first.position * 3 + first.classIndex
      #expect(abs(amounts[index] - amounts.max()!) < 1e-6 && first.amount > 0)
      #expect(mode.facts.isEmpty)
    }
    #expect(Set(entry.modes.map(\.kind)).isSubset(of: [.slow, .unstable, .fastest]))
    for mode in entry.modes {
      #expect((mode.kind == .unstable) == (mode.eigenvalue.length > 1 + 1e-9))
    }

    // Facts: one that is the first mode's own profile, one that is constant, one of three labels.
    let own = entry.modes[0].profile.map { Int32(($0 * 1000).rounded()) }
    let traced = try TracedModel(
      model, input, iterations: 4,
      facts: [
        "own": (Array(repeating: 0, count: 5) + own, []),
        "constant": (Array(repeating: 1, count: 10), []),
        "kind": ([0, 0, 0, 0, 0, 0, 1, 2, -1, 1], ["kill", "propagate", "generate"]),
      ])
    let again = try probe.run(on: traced.run, iterations: [4], examples: [1])
    let facts = again.modes[0].modes[0].facts
    #expect(facts.first?.fact == "own" && facts.first!.correlation > 0.999)
    // One arrangement of 120 is as good.
    #expect(facts.first!.pValue < 0.03 && facts.first!.positions == 5)
    #expect(!facts.contains { $0.fact == "constant" })
    #expect(facts.contains { $0.fact == "kind=propagate" && $0.positions == 4 })
  }

  @Test func partsAndShapes() throws {
    let traced = try TracedModel(model, input, iterations: 4)
    var probe = JacobianProbe()
    probe.singularValues = 3
    let whole = try probe.run(on: traced.run, iterations: [1, 3], examples: [0, 1])
    #expect(whole.dimension == 30 && whole.entries.allSatisfy { $0.shape?.whole != nil })
    for entry in whole.entries {
      let shape = try #require(entry.shape)
      #expect(shape.converged && shape.spectralNorm >= entry.spectrum.spectralRadius)
      #expect(abs(shape.spectralNorm - shape.whole!.singularValues[0]) < 1e-10)
      #expect(shape.inputProfiles.count == 3)
      let squares = shape.inputProfiles[0].reduce(0) { $0 + $1 * $1 }
      #expect(abs(squares - 1) < 1e-10)
    }
    #expect(
      abs(
        whole.mean(at: 3, of: \.spectrum.spectralRadius)
          - whole.entries(at: 3).map(\.spectrum.spectralRadius).reduce(0, +) / 2) < 1e-15)

    probe.part = .position(2)
    let block = try probe.run(on: traced.run, iterations: [3], examples: [0])
    let map = try traced.run.latentMap(examples: [0], at: 3)
    let state = try traced.run.latent(iteration: 3, example: 0).reshaped([1, 30])
    let matrix = try StateJacobian(of: map, at: state).matrix()
    let expected = try Tensor(
      [6, 6], (12..<18).flatMap { i in (12..<18).map { matrix[[i, $0]] } }
    ).eigenvalues()
    #expect(block.dimension == 6 && block.entries[0].spectrum.eigenvalues.count == 6)
    #expect(
      zip(block.entries[0].spectrum.eigenvalues, expected).allSatisfy { ($0 - $1).length < 1e-10 })

    probe.part = try .principalComponents(
      3, of: traced.run, iterations: Array(0...4), examples: [0, 1])
    let plane = try probe.run(on: traced.run, iterations: [3], examples: [0])
    #expect(plane.dimension == 3 && plane.entries[0].spectrum.eigenvalues.count == 3)

    probe.part = .position(5)
    let error = try #require(throws: ProbeError.self) {
      try probe.run(on: traced.run, iterations: [3], examples: [0])
    }
    #expect(error.description.contains("0...4"))
  }

  @Test func leadingOnesAlongATrajectory() throws {
    let traced = try TracedModel(model, input, iterations: 4)
    let all = try JacobianProbe(extent: .all).run(
      on: traced.run, iterations: [0, 1, 2, 3, 4], examples: [0, 1])
    let top = try JacobianProbe(extent: .leading(3)).run(
      on: traced.run, iterations: [0, 1, 2, 3, 4], examples: [0, 1])
    for (a, b) in zip(all.entries, top.entries) {
      #expect(
        zip(a.spectrum.eigenvalues, b.spectrum.eigenvalues)
          .allSatisfy { ($0 - $1).length < 1e-9 })
      #expect(b.spectrum.restartVector == nil)
    }
  }

  @Test func followsTheLatentToRest() throws {
    // Blocks that add nothing and a recall that halves: z ↦ z/2 + B e + b rests at 2 (B e + b).
    var parameters = model.namedParameters
    for name in parameters.keys where name.contains("attn.out") || name.contains("mlp.down") {
      parameters[name] = .zeros(parameters[name]!.shape)
    }
    func recall(_ factor: Double) throws -> RecurrentTransformer<Double> {
      var changed = parameters
      changed["recall.weight"]!.update { w in
        for i in 0..<6 { for j in 0..<6 { w[i * 12 + 6 + j] = i == j ? factor : 0 } }
      }
      return try RecurrentTransformer(model.configuration, parameters: changed)
    }
    let traced = try TracedModel(recall(0.5), input, iterations: 4)
    var probe = JacobianProbe()
    probe.place = .rest(tolerance: 1e-12, maximumIterations: 100)
    let found = try probe.run(on: traced.run, iterations: [4], examples: [0, 1])
    for entry in found.entries {
      let rest = try #require(entry.rest)
      #expect(rest.isSettled && (30...45).contains(rest.iterations) && entry.relativeStep < 1e-12)
      #expect(entry.spectrum.eigenvalues.allSatisfy { ($0 - Complex(0.5)).length < 1e-12 })
    }
    #expect(found.reading.contains { $0.contains("no longer moves") })

    // A rotation of its sign never rests, and that is said.
    let moving = try TracedModel(recall(-1), input, iterations: 4)
    let restless = try probe.run(on: moving.run, iterations: [4], examples: [0])
    #expect(restless.entries[0].rest?.isSettled == false)
    #expect(restless.reading.contains { $0.contains("had not come to rest") })
  }

  @Test func growthTellsRightFromWrong() throws {
    // Targets that make the first example right and the second wrong, whatever the model says.
    let plain = try TracedModel(model, input, iterations: 4)
    let logits = try model.run(input, iterations: 4).logits!
    let answers = (0..<2).flatMap { row in
      (0..<5).map { Int32(logits[row][$0].largestIndex) }
    }
    let targets = answers.enumerated().map { $0.offset == 7 ? ($0.element + 1) % 3 : $0.element }
    let traced = try TracedModel(model, input, iterations: 4, targets: targets)
    let growth = try TrajectoryGrowth(2, of: traced.run, examples: [0, 1], from: 0, to: 4)
    #expect(growth.isRight == [true, false] && growth.rightCount == 1)
    let exponents = growth.exponents
    #expect(exponents.iterations == [0, 1, 2, 3] && exponents.running.shape == [4, 2, 2])
    let wins = exponents.final(1)[0] > exponents.final(0)[0]
    #expect(growth.byExponent?.area == (wins ? 1 : 0))
    // The leading exponents of a product are bounded by its largest singular value.
    var product = Tensor<Double>.identity(30)
    for t in 0..<4 {
      let state = try traced.run.latent(iteration: t, example: 0).reshaped([1, 30])
      let map = try traced.run.latentMap(examples: [0], at: t)
      product = try StateJacobian(of: map, at: state).matrix().matmul(product)
    }
    #expect(exponents.final(0)[0] <= log(try product.singularValues().elements[0]) / 4 + 1e-6)
    let silent = try TrajectoryGrowth(1, of: plain.run, examples: [0, 1], from: 0, to: 4)
    #expect(silent.isRight == [nil, nil] && silent.byExponent == nil)
    #expect(throws: ProbeError.self) {
      try TrajectoryGrowth(31, of: plain.run, examples: [0], from: 0, to: 4)
    }
    #expect(throws: ProbeError.self) {
      try TrajectoryGrowth(1, of: plain.run, examples: [0], from: 4, to: 4)
    }
  }
}
