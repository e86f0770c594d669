import AsuraModel
import AsuraTasks
import AsuraTensor
import AsuraTraining
import Foundation
import Testing

/// Losses against averages computed from a plain run's readouts; gradients against central differences of those.
@Suite struct LossTests {
  let model: RecurrentTransformer<Double>
  let input: ModelInput
  let targets: [Int32]
  let random = Random(seed: 9)
  private static let examples = 70

  init() throws {
    // Plain addition: positions without a target, and more rows than one part holds.
    let recipe = try small("task={kind: addition, format: plain, lengths: 3}", "model.width=8")
    model = RecurrentTransformer(recipe.model, seed: 5)
    var random = Random(seed: 2)
    let batch = try recipe.task.makeTask().makeBatch(
      length: 3, examples: Self.examples, random: &random)
    input = try ModelInput(batch)
    targets = batch.targets
    #expect(targets.contains(-1))
  }

  func gradient(
    _ plans: [DepthPlan], _ objective: Objective = Objective(), recomputes: Bool = false
  ) throws -> GradientResult<Double> {
    try GradientComputation(plans: plans, objective: objective, recomputes: recomputes)(
      model, input, targets: targets, random: random)
  }

  /// Readouts of a plain run, by iteration.
  func readouts(_ model: RecurrentTransformer<Double>, _ iterations: Int) throws -> Run<Double> {
    var options = RunOptions<Double>()
    options.iterations = iterations
    options.readout = .iterations(.all)
    options.record = [.sites("latent")]
    return try model.run(input, options)
  }

  func losses(_ run: Run<Double>, _ iterations: ClosedRange<Int>, smoothing: Double = 0) -> Double {
    iterations.map { crossEntropy(run.readout[$0]!, targets, smoothing: smoothing) }
      .reduce(0, +) / Double(iterations.count)
  }

  @Test func lastAndEveryIteration() throws {
    let run = try readouts(model, 4)
    for (last, range) in [(1, 4...4), (2, 3...4), (nil, 1...4), (9, 1...4)] as [(Int?, _)] {
      let found = try gradient([DepthPlan(graded: 4)], Objective(lastIterations: last))
      #expect(abs(found.loss - losses(run, range)) < 1e-12)
    }
    // Iterations without derivatives come first and are never read out.
    let found = try gradient([DepthPlan(free: 2, graded: 2)], Objective(lastIterations: nil))
    #expect(abs(found.loss - losses(run, 3...4)) < 1e-12)
  }

  @Test func labelSmoothing() throws {
    let run = try readouts(model, 2)
    let found = try gradient([DepthPlan(graded: 2)], Objective(labelSmoothing: 0.2))
    #expect(abs(found.loss - losses(run, 2...2, smoothing: 0.2)) < 1e-12)
    #expect(abs(found.loss - losses(run, 2...2)) > 1e-4)
  }

  @Test func accuracyIsThatOfTheLastReadout() throws {
    let logits = try readouts(model, 3).readout[3]!
    let found = try gradient([DepthPlan(graded: 3)]).accuracy
    let classes = logits.shape[2]
    var right: [Bool] = []
    for (row, target) in targets.enumerated() {
      let values = Array(logits.elements[row * classes..<(row + 1) * classes])
      right.append(target < 0 || values.firstIndex(of: values.max()!) == Int(target))
    }
    let scored = targets.indices.filter { targets[$0] >= 0 }
    #expect(found.scored == scored.count && found.examples == Self.examples)
    #expect(found.correct == scored.count { right[$0] })
    let positions = input.positions
    #expect(
      found.exact
        == (0..<Self.examples).count {
          right[$0 * positions..<($0 + 1) * positions].allSatisfy { $0 }
        })
  }

  @Test func fixedPointPenalty() throws {
    let run = try readouts(model, 3)
    let (z, before) = (run.recorded["latent", 3]!, run.recorded["latent", 2]!)
    let shares = (0..<Self.examples).map { example in
      let (now, then) = (z[example].elements, before[example].elements)
      let change = zip(now, then).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
      return change / then.reduce(0) { $0 + $1 * $1 }
    }
    let expected = shares.reduce(0, +) / Double(Self.examples)
    let objective = Objective(fixedPointPenalty: 0.7)
    let found = try gradient([DepthPlan(graded: 3)], objective)
    let plain = try gradient([DepthPlan(graded: 3)])
    #expect(abs(found.loss - plain.loss - 0.7 * expected) < 1e-12)
    #expect(largestError(found.gradients, plain.gradients) > 1e-6)

    // From a latent of zeros the relative step has no scale; it must still be a number.
    #expect(try gradient([DepthPlan(graded: 1)], objective).loss.isFinite)
  }

  /// Bansal et al. 2022: (1 − α)·L(m) + α·L(n then k), each part as it is on its own.
  @Test func progressiveLossIsTheMixOfItsParts() throws {
    let alpha = 0.3
    let full = try gradient([DepthPlan(graded: 4)])
    let partial = try gradient([DepthPlan(free: 1, graded: 2)])
    let mix = try gradient([
      DepthPlan(graded: 4, weight: 1 - alpha), DepthPlan(free: 1, graded: 2, weight: alpha),
    ])
    #expect(abs(mix.loss - ((1 - alpha) * full.loss + alpha * partial.loss)) < 1e-12)
    let expected = zip(full.gradients, partial.gradients).map {
      $0.scaled(by: 1 - alpha) + $1.scaled(by: alpha)
    }
    #expect(largestError(mix.gradients, expected) < 1e-12)
    let run = try readouts(model, 4)
    #expect(
      abs(mix.loss - (1 - alpha) * losses(run, 4...4) - alpha * losses(run, 3...3)) < 1e-12)
    #expect(mix.accuracy == full.accuracy)
  }

  /// Central differences along a random direction; iterations without derivatives count as constants.
  @Test(arguments: [0, 2])
  func gradientIsTheDerivative(free: Int) throws {
    let objective = Objective(lastIterations: 2, labelSmoothing: 0.1)
    let found = try gradient([DepthPlan(free: free, graded: 3)], objective, recomputes: free > 0)
    var random = Random(seed: 4)
    let direction = model.parameters.map { Tensor<Double>.normal($0.shape, using: &random) }
    let start = free == 0 ? nil : try readouts(model, free).latent
    func loss(_ h: Double) throws -> Double {
      var moved = model
      moved.setParameters(
        zip(model.parameters, direction).map { $0 + $1.scaled(by: h) })
      var options = RunOptions<Double>()
      options.iterations = 3
      options.start = start.map { ($0, free) }
      options.readout = .iterations(.all)
      let run = try moved.run(input, options)
      return losses(run, free + 2...free + 3, smoothing: 0.1)
    }
    let h = 1e-5
    let slope = (try loss(h) - loss(-h)) / (2 * h)
    let product = zip(found.gradients, direction).reduce(0) { $0 + $1.0.dot($1.1) }
    #expect(abs(product - slope) < 1e-7 * max(1, abs(slope)), "\(product), not \(slope)")
  }

  /// A batch's loss and gradient are the means of its examples', however it is dealt out.
  @Test func partsAddUpToTheBatch() throws {
    let objective = Objective(lastIterations: 2, fixedPointPenalty: 0.5)
    let whole = try gradient([DepthPlan(free: 1, graded: 2)], objective)
    var loss = 0.0
    var sum = model.parameters.map { Tensor<Double>.zeros($0.shape) }
    for example in 0..<Self.examples {
      let range = example * input.positions..<(example + 1) * input.positions
      let one = try GradientComputation<Double>(
        plans: [DepthPlan(free: 1, graded: 2)], objective: objective)(
          model, input.examples(example..<example + 1), targets: Array(targets[range]),
          random: random)
      loss += one.loss / Double(Self.examples)
      for i in sum.indices { sum[i].add(one.gradients[i], times: 1 / Double(Self.examples)) }
    }
    #expect(abs(whole.loss - loss) < 1e-12)
    #expect(largestError(whole.gradients, sum) < 1e-11)
  }

  @Test func latentsChangePlacesOnlyWhenAsked() throws {
    let straight = try gradient([DepthPlan(free: 2, graded: 1)])
    let permuted = try gradient([DepthPlan(free: 2, permutes: true, graded: 1)])
    #expect(abs(straight.loss - permuted.loss) > 1e-9)
    // Where all examples are the same there is nothing to tell.
    let same = try ModelInput(
      tokens: (0..<Self.examples).flatMap { _ in input.tokens.prefix(input.positions) },
      batch: Self.examples, positions: input.positions)
    let answers = (0..<Self.examples).flatMap { _ in targets.prefix(input.positions) }
    let losses = try [false, true].map {
      try GradientComputation<Double>(
        plans: [DepthPlan(free: 2, permutes: $0, graded: 1)])(
          model, same, targets: answers, random: random
        ).loss
    }
    #expect(abs(losses[0] - losses[1]) < 1e-12)
  }

  @Test func aBatchWithoutTargetsHasNoLoss() throws {
    let found = try GradientComputation<Double>(plans: [DepthPlan(graded: 1)])(
      model, input, targets: targets.map { _ in -1 }, random: random)
    #expect(found.loss == 0 && found.gradients.allSatisfy { $0.elements.allSatisfy { $0 == 0 } })
    #expect(found.accuracy.scored == 0 && found.accuracy.perSymbol.isNaN)
  }
}
