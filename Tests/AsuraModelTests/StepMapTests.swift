import AsuraModel
import AsuraTensor
import AsuraTestSupport
import Testing

@Suite struct StepMapTests {
  private func check<S: Scalar>(
    _ type: S.Type, _ change: (inout ModelConfiguration) -> Void
  ) throws {
    let model: RecurrentTransformer<S> = try smallModel(change)
    let input = try tokens(batch: 2, positions: 7)
    let run = try model.run(input, iterations: 4, record: .sites("latent"))
    for t in 0..<4 {
      let map = try model.stepMap(input, iteration: t + 1)
      let (z, next) = (run.recorded[.latent, t]!, run.recorded[.latent, t + 1]!)
      #expect(try map(z).isIdentical(to: next), "\(currentCase)")
      #expect(try map.linearized(at: z).value.isIdentical(to: next), "\(currentCase)")
    }
  }

  @Test func isTheRunsOwnStep() throws {
    try withEvery("recall", in: [Recall.concat, .add, .none]) { recall in
      for update in [Update(), Update(kind: .euler), Update(kind: .euler, step: 0.3)] {
        for shared in [true, false] {
          let change: (inout ModelConfiguration) -> Void = {
            $0.recall = recall
            $0.initialLatent = .input
            $0.update = update
            $0.shared = shared
            $0.outerNorm = true
          }
          try check(Double.self, change)
          try check(Float.self, change)
        }
      }
    }
  }

  @Test func derivatives() throws {
    let model: RecurrentTransformer<Double> = try smallModel {
      $0.norm.placement = .sandwich
      $0.mlp.activation = .swiglu
      $0.attention.positions = .rope
    }
    let input = try tokens(batch: 2, positions: 5)
    let map = try model.stepMap(input)
    #expect(map.dimension == 120 && map.shape == [2, 5, 12])
    let z: Tensor<Double> = normal(map.shape, seed: 4)
    let linearization = try map.linearized(at: z)
    let v: Tensor<Double> = normal([3] + map.shape, seed: 5)
    let products = try linearization.jvp(v)
    for k in 0..<3 {
      func moved(_ h: Double) throws -> Tensor<Double> { try map(z + v[k].scaled(by: h)) }
      let h = 1e-3
      let near = try moved(h) - moved(-h)
      let far = try moved(2 * h) - moved(-2 * h)
      let difference = (near.scaled(by: 8) - far).scaled(by: 1 / (12 * h))
      #expect(relativeError(products[k], difference) < 1e-8)
    }
    let w: Tensor<Double> = normal(map.shape, seed: 6)
    let pulled = try linearization.vjp(w)
    for k in 0..<3 {
      #expect(abs(products[k].dot(w) - pulled.dot(v[k])) < 1e-12 * products[k].norm * w.norm)
    }
    #expect(try linearization.vjp(w).isIdentical(to: pulled))
    #expect(try linearization.jvp(v).isIdentical(to: products))
    #expect(try linearization.jvp(.zeros([0] + map.shape)).shape == [0] + map.shape)
  }

  @Test func inputsAreChecked() throws {
    let model: RecurrentTransformer<Double> = try smallModel()
    #expect(throws: ModelError.self) {
      try model.stepMap(ModelInput(tokens: [11], batch: 1, positions: 1))
    }
  }
}
