import AsuraConfiguration
import AsuraModel
import AsuraTasks
import AsuraTensor
import AsuraTraining
import Foundation
import Testing

/// Noise, damage, pools of latents, and lengths that grow.
@Suite struct LatentVariantTests {
  /// A model whose latent never moves: what a plan makes of the latents shows in the last.
  private func still() throws -> RecurrentTransformer<Double> {
    let c = try small("model.neuromodulation={width: 3}").model
    var parameters = RecurrentTransformer<Double>(c, seed: 4).namedParameters
    parameters["neuromodulation.down.bias"] = Tensor([c.width], repeating: -1000)
    return try RecurrentTransformer(c, parameters: parameters)
  }

  private func batch(examples: Int) throws -> Batch {
    var random = Random(seed: 6)
    return try small().task.makeTask().makeBatch(length: 5, examples: examples, random: &random)
  }

  /// The latents that a plan leaves of ones.
  private func latents(damage: Double, noise: Double, isPooled: Bool = true) throws -> [Double] {
    let batch = try batch(examples: 400)
    var plan = DepthPlan(free: 1, graded: 1)
    (plan.isPooled, plan.damage, plan.noise) = (isPooled, damage, noise)
    let result = try GradientComputation<Double>(plans: [plan])(
      still(), ModelInput(batch), targets: batch.targets, random: Random(seed: 2),
      starts: Tensor([400, 5, 16], repeating: 1), keepsLatents: true)
    let latents = try #require(result.latents)
    #expect(latents.shape == [400, 5, 16])
    return latents.elements
  }

  @Test func damageTakesAShareOfPositions() throws {
    #expect(try latents(damage: 0, noise: 0).allSatisfy { $0 == 1 })
    #expect(try latents(damage: 1, noise: 0).allSatisfy { $0 == 0 })
    // Without the starts it is the initial latent, zeros.
    #expect(try latents(damage: 0, noise: 0, isPooled: false).allSatisfy { $0 == 0 })
    let found = try latents(damage: 0.25, noise: 0)
    let rows = stride(from: 0, to: found.count, by: 16).map { Array(found[$0..<$0 + 16]) }
    #expect(rows.allSatisfy { Set($0).count == 1 })
    let damaged = rows.filter { $0[0] == 0 }.count
    // Five standard deviations of 2,000 positions.
    #expect(abs(Double(damaged) - 500) < 5 * (2000 * 0.25 * 0.75).squareRoot(), "\(damaged)")
  }

  @Test func noiseIsAdded() throws {
    let found = try latents(damage: 0, noise: 0.5).map { $0 - 1 }
    let count = Double(found.count)
    let mean = found.reduce(0, +) / count
    let variance = found.map { $0 * $0 }.reduce(0, +) / count
    #expect(abs(mean) < 5 * 0.5 / count.squareRoot(), "\(mean)")
    #expect(abs(variance - 0.25) < 5 * 0.25 * (2 / count).squareRoot(), "\(variance)")
    #expect(Set(found).count == found.count)
  }

  /// Damaged all over, a run begins from zeros, however long it went on before.
  @Test func damagedLatentsAreForgotten() throws {
    let recipe = try small()
    let model = RecurrentTransformer<Double>(recipe.model, seed: 4)
    let batch = try batch(examples: 30)
    func gradients(_ plan: DepthPlan) throws -> GradientResult<Double> {
      try GradientComputation<Double>(plans: [plan])(
        model, ModelInput(batch), targets: batch.targets, random: Random(seed: 2))
    }
    var damaged = DepthPlan(free: 3, graded: 2)
    damaged.damage = 1
    let (a, b) = (try gradients(damaged), try gradients(DepthPlan(graded: 2)))
    #expect(a.loss == b.loss && isIdentical(a.gradients, b.gradients))
    #expect(a.latents == nil)
  }

  @Test func poolsKeepTheNewest() throws {
    var pool = LatentPool<Double>(capacity: 5)
    var random = Random(seed: 1)
    #expect(pool.draw(examples: 2, positions: 1, random: &random) == nil)
    func batch(_ values: ClosedRange<Int>, positions: Int = 1) -> Tensor<Double> {
      .concatenating(values.map { Tensor([1, positions, 2], repeating: Double($0)) })
    }
    func kept(_ positions: Int) -> [Double]? {
      pool.latents[positions].map { latents in (0..<latents.shape[0]).map { latents[[$0, 0, 0]] } }
    }
    pool.add(batch(1...2))
    #expect(kept(1) == [1, 2])
    pool.add(batch(3...6))
    #expect(kept(1) == [2, 3, 4, 5, 6])
    pool.add(batch(10...20))
    #expect(kept(1) == [16, 17, 18, 19, 20])
    // Those of other sizes lie apart, and what is not finite stays out.
    pool.add(batch(7...7, positions: 3))
    #expect(kept(3) == [7] && kept(1)?.count == 5)
    pool.add(Tensor([1, 1, 2], [1, .nan]))
    #expect(kept(1) == [16, 17, 18, 19, 20])
    let drawn = try #require(pool.draw(examples: 500, positions: 1, random: &random))
    #expect(drawn.shape == [500, 1, 2])
    #expect(Set(drawn.elements) == [16, 17, 18, 19, 20])
  }

  /// A pooled phase begins with what the batch before ended with; the first has nothing to begin with.
  @Test func trainingStartsFromThePool() throws {
    func losses(_ overrides: String...) throws -> [Double] {
      var trainer = try Trainer<Float>(try small(["task.lengths=4"] + overrides))
      return try trainer.train(3).map(\.loss)
    }
    let plain = try losses("depth=[{graded: 2}]")
    let pooled = try losses("depth=[{pooled: true, graded: 2}]", "training.pool=16")
    #expect(plain[0] == pooled[0] && plain[1] != pooled[1])
    // A pool that no phase reads would be of no use, and so changes nothing either.
    let both = try losses(
      "depth=[{weight: 1e-9, pooled: true, graded: 2}, {graded: 2}]", "training.pool=16")
    let neither = try losses("depth=[{weight: 1e-9, graded: 2}, {graded: 2}]")
    #expect(both == neither)
  }

  @Test func curricula() throws {
    var trainer = try Trainer<Float>(
      try small(
        "task.lengths=2...9", "training.curriculum={from: 3, steps: 30}", "training.steps=90",
        "training.batch=2"))
    let lengths = try trainer.train(90).map(\.length)
    for (step, length) in lengths.enumerated() {
      #expect(length <= min(9, 3 + 6 * step / 30), "\(step)")
    }
    #expect(Set(lengths.suffix(60)) == Set(2...9))
    let recipe = trainer.recipe
    #expect(try Recipe(yaml: recipe.yaml, source: "again") == recipe)
    #expect(recipe.training.curriculum == Curriculum(from: 3, steps: 30))
  }

  @Test func recipesOfPhasesRoundTrip() throws {
    let recipe = try small(
      "depth=[{pooled: true, damage: 0.25, noise: 0.1, free: 2, graded: 3}]", "training.pool=9")
    #expect(try Recipe(yaml: recipe.yaml, source: "again") == recipe)
    let phase = recipe.depth.phases[0]
    #expect(phase.pooled && phase.damage == 0.25 && phase.noise == 0.1 && recipe.training.pool == 9)
  }

  @Test(arguments: [
    (["depth=[{damage: 1.5, graded: 3}]"], "damage: found 1.5"),
    (["depth=[{noise: -1, graded: 3}]"], "noise: found -1"),
    (["depth=[{noise: .nan, graded: 3}]"], "noise"),
    (["depth=[{pooled: true, graded: 3}]"], "training.pool: found nothing"),
    (["training.pool=5"], "training.pool: found 5"),
    (["training.pool=0"], "training.pool: found 0"),
    (["training.pool=1000000000"], "training.pool: found 1000000000"),
    (
      ["depth=[{pooled: true, graded: 3}]", "training.pool=5", "model.shared=false"],
      "model.shared: false"
    ),
    (["training.curriculum={from: 1, steps: 5}"], "training.curriculum.from: found 1"),
    (["training.curriculum={from: 6, steps: 5}"], "training.curriculum.from: found 6"),
    (["training.curriculum={from: 3, steps: 0}"], "training.curriculum.steps: found 0"),
    (["training.curriculum={from: 3}"], "training.curriculum.steps: found nothing"),
    (["training.curriculum={form: 3, steps: 1}"], "did you mean from?"),
  ])
  func mistakes(overrides: [String], message: String) {
    let error = #expect(throws: (any Error).self) { try Trainer<Float>(try small(overrides)) }
    let text = error.map { "\($0)" } ?? ""
    #expect(text.contains(message), "\(text)")
  }
}
