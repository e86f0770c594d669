import AsuraModel
import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

@Suite struct DirectAttributionTests {
  private func attribution(
    _ golden: Golden, pair: DirectAttribution.Pair? = .init(plus: 1, minus: 0), from first: Int = 1
  ) throws -> DirectAttribution {
    let model: RecurrentTransformer<Double> = try golden.model()
    let count = model.configuration.iterations
    let traced = try TracedModel(
      model, golden.input, iterations: count, targets: golden.targets)
    return try #require(
      try AttributionProbe(pair: pair).run(
        on: traced.run, iterations: Array(first...count), examples: Array(0..<traced.run.examples)))
  }

  /// Gradients of PyTorch along the residual stream, for every placement of norms, recall, update, with and without
  /// prelude, coda, outer and final norm, shared and unshared.
  @Test(arguments: Golden.sums)
  func agreesWithGradients(name: String) throws {
    let (golden, expected) = (try Golden(name), try Golden("attribution"))
    let found = try attribution(golden)
    let (last, count) = (found.iterations.count - 1, found.iterations.count)
    for (c, component) in found.components.enumerated() where component != .constants {
      // The traced latents are in 32 bits.
      let key = "\(name).direct.\(component)"
      if expected.has(key) {
        expectNear(found.direct[last][c], try expected[key], key)
      } else {
        #expect(found.direct[last][c].elements.allSatisfy { $0 == 0 }, "\(key)")
      }
      for t in 0..<count {
        let key = "\(name).unrolled.\(t + 1).\(component)"
        if expected.has(key) {
          expectNear(found.unrolled[t][c], try expected[key], key)
        } else {
          #expect(found.unrolled[t][c].elements.allSatisfy { $0 == 0 }, "\(key)")
        }
      }
    }
    expectNear(found.differences[last], try expected["\(name).difference"], "\(name) difference")
    #expect(found.isExact && found.unrolledFrom == 1, "\(name): \(found.residual)")
    #expect(found.mismatch < 1e-5)
  }

  /// Gates are no sum of parts.
  @Test(arguments: Set(Golden.models).subtracting(Golden.sums).sorted())
  func gatesAreRefused(name: String) throws {
    let golden = try Golden(name)
    let error = #expect(throws: ProbeError.self) { try attribution(golden) }
    #expect(error?.message.contains("gates") == true)
  }

  private func expectNear(_ a: Tensor<Double>, _ b: Tensor<Double>, _ what: String) {
    #expect(a.count == b.count, "\(what)")
    let scale = max(1, b.elements.reduce(0) { max($0, abs($1)) })
    #expect(zip(a.elements, b.elements).allSatisfy { abs($0 - $1) < 2e-5 * scale }, "\(what)")
  }

  /// What keys give by way of a head sums to what the head gives.
  @Test(arguments: ["concat-pre-layer", "add-post-rms", "none-sandwich-layer"])
  func sourcesSumToHeads(name: String) throws {
    let found = try attribution(Golden(name))
    for t in found.iterations.indices {
      for (c, component) in found.components.enumerated() {
        guard case .head(false, let block, let head) = component else { continue }
        let sources = found.sources[t][block][head]
        for query in 0..<found.positions {
          let sum = sources[query].sum
          #expect(abs(sum - found.direct[[t, c, 0, query]]) < 1e-10, "\(name) \(component)")
        }
      }
    }
  }

  /// A head set by hand: with one position, attention gives the value itself, and the head's share is w_Δ · W_o v.
  @Test func handSetHead() throws {
    let configuration = try ModelConfiguration(
      vocabulary: 2, classes: 2, width: 2, iterations: 1,
      attention: AttentionConfiguration(heads: 2, bias: false), mlp: MLPConfiguration(width: 2),
      norm: NormConfiguration(placement: .post), recall: .add, finalNorm: false)
    var parameters = RecurrentTransformer<Double>(configuration, seed: 1).namedParameters
    parameters["embed.weight"] = Tensor([2, 2], [3, 1, 0, 0])
    // Post-norm attention reads the latent itself: head 0 takes its first coordinate, head 1 the second.
    parameters["core.0.attn.qkv.weight"] = Tensor([6, 2], [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1])
    parameters["core.0.attn.out.weight"] = Tensor([2, 2], [2, 0, 0, -1])
    parameters["core.0.mlp.down.weight"] = .zeros([2, 2])
    parameters["core.0.mlp.down.bias"] = .zeros([2])
    parameters["head.weight"] = Tensor([2, 2], [0, 0, 1, 0])
    parameters["head.bias"] = Tensor([2], [0, 0.25])
    let model = try RecurrentTransformer(configuration, parameters: parameters)
    let traced = try TracedModel(
      model, ModelInput(tokens: [0], batch: 1, positions: 1), iterations: 1)
    let found = try #require(
      try AttributionProbe(pair: .init(plus: 1, minus: 0)).run(
        on: traced.run, iterations: [1], examples: [0]))
    // x = (3, 1) + (6, −1) = (9, 0); LayerNorm takes the mean 4.5 off and divides by 4.5: (1, −1). The second norm keeps
    // that. So coordinate 0 of the output is half the difference of the coordinates over 4.5.
    func share(_ component: DirectAttribution.Component) throws -> Double {
      let c = try #require(found.components.firstIndex(of: component))
      return found.direct[[0, c, 0, 0]]
    }
    #expect(abs(try share(.input) - (3 - 1) / 2 / 4.5) < 1e-5)
    #expect(abs(try share(.head(coda: false, block: 0, head: 0)) - 6 / 2 / 4.5) < 1e-5)
    #expect(abs(try share(.head(coda: false, block: 0, head: 1)) - 1 / 2 / 4.5) < 1e-5)
    #expect(abs(try share(.constants) - 0.25) < 1e-12)
    #expect(abs(found.differences.scalar - 1.25) < 1e-4 && found.isExact)
  }

  /// Without a pair the right class is compared with the likeliest other one.
  @Test func pairs() throws {
    let golden = try Golden("concat-pre-layer")
    let found = try attribution(golden, pair: nil, from: 3)
    let logits = try golden["readout.4"]
    let targets = try golden.targets
    for (place, pair) in found.pairs.enumerated() {
      let row = logits.reshaped([found.pairs.count, logits.rowLength])[place].elements
      let order = row.indices.sorted { row[$0] > row[$1] }
      let plus = targets[place] >= 0 ? Int(targets[place]) : order[0]
      #expect(pair == .init(plus: plus, minus: order.first { $0 != plus }!))
      #expect(found.isAsked[place] == (targets[place] >= 0))
    }
    #expect(found.iterations == [3, 4] && found.unrolledFrom == 3 && found.isExact)
    let means = found.means(found.direct)
    for (mean, difference) in zip(means, found.meanDifferences) {
      #expect(abs(mean.reduce(0, +) - difference) < 1e-9)
    }
  }

  @Test func whatCannotBe() throws {
    let golden = try Golden("concat-pre-layer")
    let traced = try TracedModel(golden.model(), golden.input, iterations: 4)
    for (iterations, pair) in [
      ([0], nil), ([9], nil), ([], nil), ([1], DirectAttribution.Pair(plus: 0, minus: 99)),
    ] {
      #expect(throws: ProbeError.self, "\(iterations)") {
        try AttributionProbe(pair: pair).run(on: traced.run, iterations: iterations, examples: [0])
      }
    }
    let none = try AttributionProbe().run(
      on: traced.run, iterations: [1], examples: [0], isCancelled: { true })
    #expect(none.map(\.residual) == nil)
  }
}
