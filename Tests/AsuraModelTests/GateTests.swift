import AsuraDiff
import AsuraModel
import AsuraTensor
import AsuraTestSupport
import Testing

/// Gated and crossing recall, copy gates and neuromodulation, by what their gates are made to be. Their arithmetic is
/// compared with PyTorch in `GoldenTests`.
@Suite struct GateTests {
  /// Something of every gate.
  private static func gated(_ c: inout ModelConfiguration) {
    c.recall = .gated
    c.copyGate = CopyGateConfiguration(width: 6)
    c.neuromodulation = NeuromodulationConfiguration(width: 5)
  }
  private static func crossing(_ c: inout ModelConfiguration) { c.recall = .cross }

  /// The model with the parameters that `change` names set to numbers.
  private func setting(
    _ model: RecurrentTransformer<Double>, _ change: (String) -> Double?
  ) throws -> RecurrentTransformer<Double> {
    var parameters = model.namedParameters
    for (name, value) in parameters {
      if let number = change(name) { parameters[name] = Tensor(value.shape, repeating: number) }
    }
    return try RecurrentTransformer(model.configuration, parameters: parameters)
  }

  @Test func copyGatesBeginNearlyClosed() throws {
    let model: RecurrentTransformer<Double> = try smallModel(Self.gated)
    for (name, value) in model.namedParameters where name.hasSuffix("copy_gate.down.bias") {
      #expect(value.elements == Array(repeating: -3, count: 12), "\(name)")
    }
    let run = try model.run(severalParts(), record: .sites("*.gate"))
    let gates = try #require(run.recorded["core.1.gate", 2])
    #expect(gates.elements.allSatisfy { $0 > 0 && $0 < 0.5 })
    #expect(run.recorded["prelude.0.gate", 0] != nil && run.recorded["coda.0.gate", 4] != nil)
    #expect(run.recorded["recall.gate", 1]!.shape == [20, 30, 12])
    #expect(run.recorded["neuromodulation", 1] == nil)
  }

  /// Closed copy gates leave what a block reads; a closed neuromodulating network leaves the latent.
  @Test func closedGatesCopy() throws {
    let input = try tokens(batch: 3, positions: 5)
    let model: RecurrentTransformer<Double> = try smallModel(Self.gated)
    let closed = try setting(model) { $0.hasSuffix("copy_gate.down.bias") ? -1000 : nil }
    let run = try closed.run(input, record: .sites("core.*.resid_pre", "core.*.resid_post"))
    for b in 0..<2 {
      let (pre, post) = (
        run.recorded["core.\(b).resid_pre", 2]!, run.recorded["core.\(b).resid_post", 2]!
      )
      #expect(pre.isIdentical(to: post))
    }
    let still = try setting(model) { $0 == "neuromodulation.down.bias" ? -1000 : nil }
    #expect(try still.run(input).latent.elements.allSatisfy { $0 == 0 })
  }

  /// Open gates are as if there were none: the same weights without them give the same latents.
  @Test func openGatesChangeNothing() throws {
    let input = try tokens(batch: 3, positions: 5)
    let model: RecurrentTransformer<Double> = try smallModel {
      Self.gated(&$0)
      $0.recall = .concat
    }
    let open = try setting(model) {
      $0.hasSuffix("copy_gate.down.bias") || $0 == "neuromodulation.down.bias" ? 1000 : nil
    }
    let plain = try RecurrentTransformer<Double>(
      smallConfiguration(),
      parameters: model.namedParameters.filter {
        !$0.key.contains("copy_gate") && !$0.key.hasPrefix("neuromodulation")
      })
    let (a, b) = (try open.run(input), try plain.run(input))
    #expect(relativeError(a.latent, b.latent) < 1e-13)
    #expect(relativeError(a.logits!, b.logits!) < 1e-13)
  }

  /// An open recall gate reads the input, a closed one the latent.
  @Test func recallGates() throws {
    let input = try tokens(batch: 3, positions: 5)
    let model: RecurrentTransformer<Double> = try smallModel {
      $0.recall = .gated
      $0.prelude = 0
    }
    for (bias, site) in [(1000.0, "embed"), (-1000, "latent")] {
      let run = try setting(model) { $0 == "recall.bias" ? bias : nil }.run(
        input, record: .sites("recall", site))
      let expected = run.recorded[site, site == "embed" ? 0 : 2]!
      #expect(relativeError(run.recorded["recall", 3]!, expected) < 1e-14, "\(site)")
    }
  }

  /// Recorded gates are what the latent moves by, and edits of them are heeded: a gate of zeros holds the latent.
  @Test func gatesAreSites() throws {
    let input = try severalParts()
    let model: RecurrentTransformer<Double> = try smallModel(Self.gated)
    let run = try model.run(
      input, record: .sites("neuromodulation", "latent", "core.1.resid_post"))
    let (before, after) = (run.recorded["latent", 2]!, run.recorded["latent", 3]!)
    let (gate, result) = (
      run.recorded["neuromodulation", 3]!, run.recorded["core.1.resid_post", 3]!
    )
    let expected = (0..<after.count).map { i in
      before.elements[i] + gate.elements[i] * (result.elements[i] - before.elements[i])
    }
    #expect(relativeError(after, Tensor(after.shape, expected)) < 1e-14)
    let held = try model.run(
      input, record: .sites("latent"),
      edit: [
        Edit("neuromodulation", at: .range(3...3)) { value, _, interpreter in
          interpreter.scale(value, by: 0)
        }
      ])
    #expect(held.recorded["latent", 3]!.isIdentical(to: held.recorded["latent", 2]!))
  }

  /// With one key a query's attention is that key's values: what the recall adds is `W_o·W_v·norm(e)`.
  @Test func crossingToOnePosition() throws {
    let input = try tokens(batch: 3, positions: 1)
    let model: RecurrentTransformer<Double> = try smallModel {
      $0.recall = .cross
      $0.prelude = 0
      $0.attention = AttentionConfiguration(heads: 4)
    }
    let run = try model.run(
      input, record: .sites("recall*", "recall.attn.*", "latent", "embed"))
    let i = Interpreter<Double>.plain
    func p(_ name: String) -> Value<Double> { Value(model.namedParameters["recall.\(name)"]!) }
    let e = i.norm(
      Value(run.recorded["embed", 0]!), .layer, gain: p("norm_input.weight"),
      bias: p("norm_input.bias"), epsilon: 1e-5)
    let values = i.columns(i.linear(e, p("kv.weight"), p("kv.bias")), 12..<24)
    let added = i.linear(values, p("out.weight"), p("out.bias")).tensor
    for t in 1...4 {
      #expect(relativeError(run.recorded["recall.attn_out", t]!, added) < 1e-14)
      let expected = run.recorded["latent", t - 1]! + added
      #expect(relativeError(run.recorded["recall", t]!, expected) < 1e-14)
      #expect(run.recorded["recall.attn.pattern", t]!.elements.allSatisfy { $0 == 1 })
    }
  }

  /// The recall's attention obeys the blocks' mask and window.
  @Test func crossingKeepsToTheWindow() throws {
    let input = try tokens(batch: 2, positions: 9)
    let model: RecurrentTransformer<Double> = try smallModel {
      $0.recall = .cross
      $0.attention.window = 1
      $0.attention.mask = .causal
    }
    let run = try model.run(input, record: .sites("recall.attn.pattern", "core.0.attn.pattern"))
    let pattern = run.recorded["recall.attn.pattern", 2]!
    #expect(pattern.shape == [2, 4, 9, 2])
    for (row, weight) in pattern.elements.enumerated() where row % 2 == 1 {
      // The first query has no second key.
      #expect((row / 2) % 9 == 0 ? weight == 0 : weight > 0)
    }
  }

  /// Recording does not change a bit, and several parts give what one gives.
  @Test(arguments: [true, false])
  func recordingChangesNothing(isGated: Bool) throws {
    let input = try severalParts()
    let model: RecurrentTransformer<Float> = try smallModel(
      isGated ? Self.gated : Self.crossing)
    let plain = try model.run(input)
    let recorded = try model.run(input, record: .sites("*"))
    #expect(recorded.latent.isIdentical(to: plain.latent))
    #expect(recorded.logits!.isIdentical(to: plain.logits!))
    for site in model.siteList {
      #expect(recorded.recorded.keys.contains { $0.site == site }, "\(site)")
      let t = site.iterations(of: 4).upperBound
      let shape = model.axes(of: site, for: input).map(\.count)
      #expect(recorded.recorded[site, t]?.shape == shape, "\(site)")
    }
    #expect(Set(model.siteList).count == model.siteList.count)
    let again = try Workers.$current.withValue(Workers(count: 3)) { try model.run(input) }
    #expect(again.latent.isIdentical(to: plain.latent))
  }

  /// Models without them have none of their sites.
  @Test func noGateNoSite() throws {
    let model: RecurrentTransformer<Float> = try smallModel()
    for pattern in ["*.gate", "neuromodulation", "recall.*"] {
      #expect(throws: ModelError.self, "\(pattern)") { try model.sites(matching: pattern) }
    }
  }

  /// The whole iteration's derivatives at the latent; those at the parameters are compared with PyTorch in
  /// `GoldenTests`.
  @Test(arguments: [true, false])
  func derivatives(isGated: Bool) throws {
    let model: RecurrentTransformer<Double> = try smallModel {
      (isGated ? Self.gated : Self.crossing)(&$0)
      $0.core = 1
      $0.width = 8
      $0.attention = AttentionConfiguration(heads: 2, positions: .relative, relativeRadius: 2)
    }
    let input = try tokens(batch: 2, positions: 4)
    let map = try model.stepMap(input)
    let z: Tensor<Double> = normal([2, 4, 8], seed: 5)
    let linearization = try map.linearized(at: z)
    let direction: Tensor<Double> = normal([1, 2, 4, 8], seed: 6)
    let product = try linearization.jvp(direction)[0]
    func moved(_ h: Double) throws -> Tensor<Double> {
      var state = z
      state.add(direction[0], times: h)
      return try map(state)
    }
    let h = 1e-4
    let (near, far) = (
      try moved(h) - moved(-h), try moved(2 * h) - moved(-2 * h)
    )
    let difference = near.scaled(by: 8) - far
    #expect(relativeError(product, difference.scaled(by: 1 / (12 * h))) < 1e-8)
    let weights: Tensor<Double> = normal([2, 4, 8], seed: 7)
    let backward = try linearization.vjp(weights).dot(direction[0])
    #expect(abs(backward - product.dot(weights)) < 1e-12)
  }
}
