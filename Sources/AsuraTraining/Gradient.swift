import AsuraDiff
import AsuraModel
import AsuraTensor
import Synchronization

/// How one batch's iterations are spent: some from the initial latent without derivatives, then
/// some with.
package struct DepthPlan: Sendable, Equatable {
  /// Iterations without derivatives.
  package var free = 0
  /// Whether latents are then exchanged between examples (path independence, Anil et al. 2022).
  package var permutes = false
  /// Whether examples begin with latents given, if there are any.
  package var isPooled = false
  /// The share of positions whose latents are zero when the derivatives begin.
  package var damage = 0.0
  /// The standard deviation of what is added to the latents there.
  package var noise = 0.0
  /// Iterations with derivatives.
  package var graded: Int
  /// The plan's share of the loss.
  package var weight = 1.0
  /// When set, the latent is that of a fixed point, and `free` and `graded` count for nothing.
  package var equilibrium: EquilibriumOptions?

  package init(free: Int = 0, permutes: Bool = false, graded: Int, weight: Double = 1) {
    self.free = free
    self.permutes = permutes
    self.graded = graded
    self.weight = weight
  }

  package init(_ equilibrium: EquilibriumOptions) {
    self.init(graded: 1)
    self.equilibrium = equilibrium
  }
}

/// What is minimised, given the readouts of the iterations with derivatives.
package struct Objective: Sendable, Equatable {
  /// How many of the last iterations' readouts the cross-entropy is averaged over; all when nil.
  package var lastIterations: Int? = 1
  package var labelSmoothing = 0.0
  /// The factor of ‖z_k − z_{k−1}‖² / ‖z_{k−1}‖², averaged over examples; the denominator does not
  /// vary.
  package var fixedPointPenalty = 0.0

  package init(
    lastIterations: Int? = 1, labelSmoothing: Double = 0, fixedPointPenalty: Double = 0
  ) {
    self.lastIterations = lastIterations
    self.labelSmoothing = labelSmoothing
    self.fixedPointPenalty = fixedPointPenalty
  }
}

/// A batch's loss, its gradient, and how well the last readout did.
package struct GradientResult<S: Scalar>: Sendable {
  /// The mean cross-entropy plus penalties.
  package var loss: Double
  /// In the order of the model's parameters.
  package var gradients: [Tensor<S>]
  /// Of the last readout.
  package var accuracy: Accuracy
  /// What became of the searches; nil when there was none.
  package var equilibrium: EquilibriumReport?
  /// The latents after the first plan, `[batch, position, width]`; nil unless they were asked for.
  package var latents: Tensor<S>?
}

/// Computes the loss and its gradient over a batch.
///
/// The batch is dealt out in parts that fit a core's cache; each part runs forwards and backwards
/// on its own. Parts belong to a fixed number of lanes, each with gradients of its own that are
/// summed in a fixed order, so the result has the same bits for any number of workers.
package struct GradientComputation<S: Scalar>: Sendable {
  package var plans: [DepthPlan]
  package var objective = Objective()
  /// Whether derivatives keep only the latents and recompute each iteration; when nil, they do if what
  /// a part's iterations keep would not fit `mostBytesKept`.
  package var recomputes: Bool?
  /// What each worker may keep of a part's activations before it recomputes them.
  private static var mostBytesKept: Int { 128 << 20 }

  private static var laneCount: Int { 8 }

  package init(plans: [DepthPlan], objective: Objective = Objective(), recomputes: Bool? = nil) {
    self.plans = plans
    self.objective = objective
    self.recomputes = recomputes
  }

  private struct Tally: Sendable {
    var loss = 0.0
    var accuracy = Accuracy()
    var equilibrium: EquilibriumReport?
    /// By first example.
    var latents: [(first: Int, latent: Tensor<S>)] = []
  }

  /// - Parameters:
  ///   - starts: latents `[batch, position, width]` that plans with a pool begin with.
  ///   - keepsLatents: whether the result has the latents.
  package func callAsFunction(
    _ model: RecurrentTransformer<S>, _ input: ModelInput, targets: [Int32], random: Random,
    starts: Tensor<S>? = nil, keepsLatents: Bool = false
  ) throws -> GradientResult<S> {
    let parts = model.parts(batch: input.batch, positions: input.positions)
    let lanes = min(parts.count, Self.laneCount)
    let scored = targets.reduce(0) { $0 + ($1 >= 0 ? 1 : 0) }
    let results = try Workers.current.map(lanes) { lane in
      let variables = model.parameters.map { Value.variable($0) }
      var tally = Tally()
      for part in stride(from: lane, to: parts.count, by: lanes) {
        try run(
          model, input, targets, examples: parts[part], variables, scored: scored,
          random: random.split(UInt64(part)), starts: starts, keepsLatents: keepsLatents, &tally)
      }
      return (gradients: variables.map(\.cotangent), tally: tally)
    }
    var total = Tally()
    for result in results {
      total.loss += result.tally.loss
      total.accuracy += result.tally.accuracy
      total.latents += result.tally.latents
      if let report = result.tally.equilibrium {
        total.equilibrium = total.equilibrium ?? EquilibriumReport()
        total.equilibrium? += report
      }
    }
    let gradients = Workers.current.map(model.parameters.count) { i in
      var sum: Tensor<S>?
      for result in results {
        guard let gradient = result.gradients[i] else { continue }
        if sum == nil { sum = gradient } else { sum?.add(gradient) }
      }
      return sum ?? .zeros(model.parameters[i].shape)
    }
    return GradientResult(
      loss: total.loss, gradients: gradients, accuracy: total.accuracy,
      equilibrium: total.equilibrium,
      latents: keepsLatents
        ? .concatenating(total.latents.sorted { $0.first < $1.first }.map(\.latent)) : nil)
  }

  /// One part, forwards and backwards; adds to the variables' cotangents.
  private func run(
    _ model: RecurrentTransformer<S>, _ input: ModelInput, _ targets: [Int32],
    examples: Range<Int>, _ variables: [Value<S>], scored: Int, random: Random,
    starts: Tensor<S>?, keepsLatents: Bool, _ tally: inout Tally
  ) throws {
    let part = input.examples(examples)
    let targets = Array(
      targets[examples.lowerBound * input.positions..<examples.upperBound * input.positions])
    for (number, plan) in plans.enumerated() {
      var random = random.split(UInt64(number))
      if let options = plan.equilibrium {
        try run(
          model, part, targets, variables, scored: scored, noise: random.split(0), options, &tally)
        continue
      }
      let total = plan.free + plan.graded
      let noise = random.split(0)
      var disturbance = random.split(1)
      var start: (latent: Tensor<S>, at: Int)?
      if plan.isPooled { start = starts.map { ($0.slice(examples), 0) } }
      if plan.free > 0 {
        let free = try model.pass(
          part, parameters: variables, .plain, from: start, of: total, noise: noise)
        try recur([free], iterations: plan.free)
        if plan.permutes {
          free.permuteLatents(Array(0..<examples.count).shuffled(using: &random))
        }
        start = (free.latent.tensor, plan.free)
      }
      if start != nil { start?.latent.disturb(by: plan, &disturbance) }

      let tape = Tape<S>()
      let interpreter = Interpreter.recording(on: tape)
      let pass = try model.pass(
        part, parameters: variables, interpreter, from: start, of: total, noise: noise)
      let kept =
        plan.graded * examples.count * MemoryLayout<S>.size
        * model.configuration.activationCount(positions: input.positions)
      pass.recomputes = recomputes ?? (kept > Self.mostBytesKept)
      let readouts = min(objective.lastIterations ?? plan.graded, plan.graded)
      let share = plan.weight / Double(max(scored, 1) * max(readouts, 1))
      let one = Tensor<S>([], repeating: 1)
      var seeds: [(Value<S>, Tensor<S>)] = []
      var previous = pass.latent
      var last: Tensor<S>?
      try recur(
        [pass], iterations: plan.graded,
        afterEach: { t in
          if t > total - readouts {
            let logits = try pass.readout()
            seeds.append(
              (
                interpreter.crossEntropy(
                  logits, targets: targets, smoothing: objective.labelSmoothing, weight: S(share)),
                one
              ))
            last = logits.tensor
          }
          if t == total && objective.fixedPointPenalty > 0 {
            let weights = (0..<examples.count).map { (example) -> S in
              // A latent of zeros has no relative step to penalise.
              let norm = previous.tensor[example].norm
              guard norm > 0 else { return S(0) }
              let factor = plan.weight * objective.fixedPointPenalty
              return S(factor / (Double(input.batch) * norm * norm))
            }
            seeds.append(
              (
                interpreter.weightedSquaredDistance(pass.latent, previous, weights: weights), one
              ))
          }
          previous = pass.latent
          return true
        })
      if number == 0, keepsLatents {
        tally.latents.append((examples.lowerBound, pass.latent.tensor))
      }
      for (value, _) in seeds { tally.loss += Double(value.tensor.scalar) }
      if number == 0, let last { tally.accuracy += Accuracy(last, targets: targets) }
      try tape.pullback(seeds, consuming: true)
    }
  }
}

extension GradientComputation {
  /// One part at its fixed points, forwards and backwards.
  private func run(
    _ model: RecurrentTransformer<S>, _ part: ModelInput, _ targets: [Int32],
    _ variables: [Value<S>], scored: Int, noise: Random, _ options: EquilibriumOptions,
    _ tally: inout Tally
  ) throws {
    let start = try model.pass(
      part, parameters: variables, .plain, of: options.maximum, noise: noise)
    var solver = EquilibriumSolver(options, try model.stepMap(part, of: options.maximum))
    let fixedPoints = try solver.fixedPoints(from: start.latent.tensor)

    let tape = Tape<S>()
    let interpreter = Interpreter.recording(on: tape)
    let pass = try model.pass(
      part, parameters: variables, interpreter, from: (fixedPoints, 0), of: options.maximum,
      noise: noise)
    try recur([pass], iterations: 1)
    let last = pass.latent
    let read = pass.varyLatent()
    let logits = try pass.readout()
    let loss = interpreter.crossEntropy(
      logits, targets: targets, smoothing: objective.labelSmoothing,
      weight: S(1 / Double(max(scored, 1))))
    tally.loss += Double(loss.tensor.scalar)
    tally.accuracy += Accuracy(logits.tensor, targets: targets)
    try tape.pullback([(loss, Tensor([], repeating: 1))])
    let v = read.cotangent ?? .zeros(read.shape)
    try tape.pullback([(last, try solver.cotangent(v, at: fixedPoints))], consuming: true)
    tally.equilibrium = tally.equilibrium ?? EquilibriumReport()
    tally.equilibrium? += solver.report
  }
}

extension Tensor {
  /// Damages latents `[batch, position, width]` and adds noise to them, as a plan says.
  fileprivate mutating func disturb(by plan: DepthPlan, _ random: inout Random) {
    let width = rowLength
    if plan.damage > 0 {
      let damaged = (0..<rowCount).filter { _ in random.uniform() < plan.damage }
      update { z in
        for row in damaged { (z + row * width).update(repeating: 0, count: width) }
      }
    }
    if plan.noise > 0 { add(.normal(shape, scale: S(plan.noise), using: &random)) }
  }
}
