import AsuraConfiguration
import AsuraModel
import AsuraTasks
import AsuraTensor
import AsuraTraining
import Foundation
import Testing

@Suite struct EquilibriumTests {
  /// A model whose step map shrinks distances, by how much its Euler steps are damped and its weights scaled.
  private func contractive(
    _ change: (inout ModelConfiguration) -> Void = { _ in }, scale: Double = 0.5
  ) throws -> RecurrentTransformer<Double> {
    var c = try small().model
    c.norm.placement = .post
    c.outerNorm = true
    change(&c)
    var parameters = RecurrentTransformer<Double>(c, seed: 4).namedParameters
    for name in parameters.keys where name.hasSuffix("weight") && !name.contains("norm") {
      // Much of the input and little of the latent, or a norm would undo the scale.
      let factor = name.hasPrefix("embed") ? 3 : name == "recall.out.weight" ? 6 : scale
      parameters[name] = parameters[name]?.scaled(by: factor)
    }
    if c.recall == .concat {
      parameters["recall.weight"]?.update { w in
        for row in 0..<c.width {
          for column in c.width..<2 * c.width { w[row * 2 * c.width + column] *= 0.3 }
        }
      }
    }
    return try RecurrentTransformer(c, parameters: parameters)
  }

  private func batch(examples: Int = 12) throws -> Batch {
    var random = Random(seed: 6)
    return try small().task.makeTask().makeBatch(length: 5, examples: examples, random: &random)
  }

  private func gradient(
    _ model: RecurrentTransformer<Double>, _ plans: [DepthPlan], smoothing: Double = 0,
    _ batch: Batch
  ) throws -> GradientResult<Double> {
    try GradientComputation<Double>(
      plans: plans, objective: Objective(labelSmoothing: smoothing))(
        model, ModelInput(batch), targets: batch.targets, random: Random(seed: 2))
  }

  /// The largest difference relative to the largest element of all: some gradients vanish at a fixed point, such as that
  /// of what gates a change that there is none of.
  private func distance(_ a: [Tensor<Double>], _ b: [Tensor<Double>]) -> Double {
    largestError(
      [Tensor([a.reduce(0) { $0 + $1.count }], a.flatMap(\.elements))],
      [Tensor([b.reduce(0) { $0 + $1.count }], b.flatMap(\.elements))])
  }

  /// At convergence the implicit gradient is that of the unrolled iterations, by every kind of recall and gate, with a
  /// prelude, a coda and a learned bias that both read.
  @Test(arguments: [0, 1, 2, 3])
  func implicitGradientsAreUnrolledOnes(variant: Int) throws {
    let changes: [(inout ModelConfiguration) -> Void] = [
      { _ in },
      {
        $0.prelude = 1
        $0.coda = 1
        $0.attention.positions = .relative
        $0.recall = .add
      },
      {
        $0.recall = .cross
        $0.update = Update(kind: .euler, step: 0.5)
        $0.neuromodulation = NeuromodulationConfiguration(width: 6)
      },
      {
        $0.recall = .gated
        $0.copyGate = CopyGateConfiguration(width: 6)
        $0.core = 2
      },
    ]
    let model = try contractive(changes[variant])
    let batch = try batch()
    let options = EquilibriumOptions(tolerance: 1e-11, maximum: 200)
    let implicit = try gradient(model, [DepthPlan(options)], smoothing: 0.1, batch)
    #expect(implicit.equilibrium?.unconverged == 0 && implicit.equilibrium?.unsolved == 0)
    let unrolled = try gradient(model, [DepthPlan(graded: 400)], smoothing: 0.1, batch)
    #expect(abs(implicit.loss - unrolled.loss) < 1e-8)
    #expect(implicit.accuracy == unrolled.accuracy)
    #expect(distance(implicit.gradients, unrolled.gradients) < 1e-6)

    // The one-step gradient is that of one iteration from the fixed point, and another one.
    let oneStep = try gradient(
      model, [DepthPlan(EquilibriumOptions(tolerance: 1e-11, maximum: 200, gradient: .oneStep))],
      smoothing: 0.1, batch)
    let last = try gradient(model, [DepthPlan(free: 400, graded: 1)], smoothing: 0.1, batch)
    #expect(distance(oneStep.gradients, last.gradients) < 1e-6)
    #expect(distance(oneStep.gradients, unrolled.gradients) > 1e-3)
  }

  /// Anderson mixing needs fewer iterations than the model itself, and the tolerance is what is met.
  @Test func fixedPointsAreFoundToTheTolerance() throws {
    let model = try contractive { $0.update = Update(kind: .euler, step: 0.3) }
    let batch = try batch()
    func iterations(_ memory: Int, _ tolerance: Double) throws -> Int {
      let result = try gradient(
        model,
        [DepthPlan(EquilibriumOptions(tolerance: tolerance, maximum: 500, memory: memory))], batch)
      #expect(result.equilibrium?.unconverged == 0)
      return result.equilibrium?.iterations ?? 0
    }
    let (plain, mixed) = (try iterations(0, 1e-10), try iterations(5, 1e-10))
    #expect(mixed < plain, "\(mixed) \(plain)")
    // Without mixing it is the run itself: the first latent whose step is that small.
    var run = RunOptions<Double>()
    run.iterations = plain
    run.record = [.sites("latent")]
    let recorded = try model.run(try ModelInput(batch), run).recorded
    func largest(_ t: Int) -> Double {
      let (z, next) = (recorded["latent", t - 1]!, recorded["latent", t]!)
      return (0..<12).map { next[$0].squaredDistance(to: z[$0]).squareRoot() / next[$0].norm }
        .max()!
    }
    #expect(largest(plain) <= 1e-10 && largest(plain - 1) > 1e-10)
    #expect(try iterations(5, 1e-3) < mixed)
  }

  @Test func notConvergingIsCounted() throws {
    let batch = try batch()
    let short = EquilibriumOptions(tolerance: 1e-10, maximum: 3)
    let result = try gradient(try contractive(), [DepthPlan(short)], batch)
    #expect(
      result.equilibrium == EquilibriumReport(iterations: 3, unconverged: 12, unsolved: 12))
    #expect(result.loss.isFinite && result.gradients.allSatisfy(\.isFinite))
  }

  /// Each part's own searches, in any number of threads.
  @Test func workersDecideNothing() throws {
    let model = try contractive()
    let batch = try batch(examples: 300)
    let plan = [DepthPlan(EquilibriumOptions(tolerance: 1e-6))]
    let one = try Workers.$current.withValue(Workers(count: 1)) {
      try gradient(model, plan, batch)
    }
    let three = try Workers.$current.withValue(Workers(count: 3)) {
      try gradient(model, plan, batch)
    }
    #expect(isIdentical(one.gradients, three.gradients) && one.loss == three.loss)
    #expect(one.equilibrium == three.equilibrium)
  }

  /// A recipe learns by it, says how its searches went, and resumes.
  @Test func training() throws {
    let recipe = try small(
      "depth={equilibrium: {tolerance: 1.0e-4, maximum: 60}}", "model.norm.placement=post",
      "optimizer.learningRate=3e-3", "training.steps=60")
    #expect(recipe.depth.equilibrium == EquilibriumOptions(tolerance: 1e-4, maximum: 60))
    #expect(try Recipe(yaml: recipe.yaml, source: "again") == recipe)
    var trainer = try Trainer<Float>(recipe)
    let reports = try trainer.train(60)
    #expect(reports.allSatisfy { $0.unconverged != nil && $0.iterations <= 60 })
    let (early, late) = (
      reports.prefix(5).map(\.loss).reduce(0, +), reports.suffix(5).map(\.loss).reduce(0, +)
    )
    #expect(late < 0.6 * early, "\(early) \(late)")
    try withFolder { url in
      let file = url.appending(path: "metrics.jsonl")
      try MetricsFile(file).append(reports[3], seconds: 1, examples: 80)
      let line = try String(contentsOf: file, encoding: .utf8)
      #expect(line.contains("\"unconverged\":\(reports[3].unconverged ?? -1)"))
    }
  }

  @Test(arguments: [
    (["depth={equilibrium: {tolerance: 0}}"], "depth.equilibrium.tolerance: found 0"),
    (["depth={equilibrium: {maximum: 0}}"], "depth.equilibrium.maximum: found 0"),
    (["depth={equilibrium: {gradient: exact}}"], "expected one of implicit, oneStep"),
    (["depth={equilibrium: {tolerence: 1}}"], "did you mean tolerance?"),
    (["depth={equilibrium: {}, progressive: {maximum: 3}}"], "progressive and equilibrium"),
    (["depth={equilibrium: {}}", "model.shared=false"], "model.shared"),
    (["depth={equilibrium: {}}", "loss.fixedPointPenalty=0.1"], "loss.fixedPointPenalty"),
    (["depth={equilibrium: {}}", "loss.iterations=2"], "loss.iterations"),
    (["depth={equilibrium: {}}", "loss.kind=every"], "loss.kind"),
  ])
  func mistakes(overrides: [String], message: String) {
    let error = #expect(throws: (any Error).self) {
      try Trainer<Float>(try small(overrides))
    }
    let text = error.map { "\($0)" } ?? ""
    #expect(text.contains(message), "\(text)")
  }
}
