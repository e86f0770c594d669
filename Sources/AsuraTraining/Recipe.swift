import AsuraModel
import AsuraTasks
import Foundation
import Yams

/// Everything a training run is made of, as a YAML file gives it and as the run's folder keeps it.
public struct Recipe: Sendable, Equatable, Codable {
  public var seed: UInt64 = 0
  public var task: TaskConfiguration
  public var model: ModelConfiguration
  public var depth: DepthSchedule
  public var training: TrainingOptions
  public var loss = LossOptions()
  public var optimizer = OptimizerOptions()

  public init(
    seed: UInt64 = 0, task: TaskConfiguration, model: ModelConfiguration, depth: DepthSchedule,
    training: TrainingOptions, loss: LossOptions = LossOptions(),
    optimizer: OptimizerOptions = OptimizerOptions()
  ) {
    self.seed = seed
    self.task = task
    self.model = model
    self.depth = depth
    self.training = training
    self.loss = loss
    self.optimizer = optimizer
  }

  enum CodingKeys: String, CodingKey, CaseIterable {
    case seed, task, model, depth, training, loss, optimizer
  }

  public init(from decoder: any Decoder) throws {
    let fields = try Fields<CodingKeys>(decoder)
    seed = try fields.optional(.seed, 0)
    task = try fields.required(.task)
    model = try fields.required(.model)
    depth = try fields.optional(
      .depth, DepthSchedule(phases: [.init(graded: LengthRangeExpression(model.iterations))]))
    training = try fields.required(.training)
    loss = try fields.optional(.loss, LossOptions())
    optimizer = try fields.optional(.optimizer, OptimizerOptions())
  }
}

/// How long and on what a model is trained.
public struct TrainingOptions: Sendable, Equatable, Codable {
  /// How many updates.
  public var steps: Int
  /// Examples a batch; all of one length.
  public var batch = 64
  /// Steps between lines of metrics.
  public var logEvery = 10
  /// Steps between checkpoints.
  public var checkpointEvery = 100
  /// Whether derivatives recompute each iteration from its latent instead of keeping what is inside it.
  public var recompute = false
  /// The decay of an exponential moving average of the weights, which is then what is saved; none when absent.
  public var averageDecay: Double?

  public init(steps: Int, batch: Int = 64) {
    self.steps = steps
    self.batch = batch
  }

  enum CodingKeys: String, CodingKey, CaseIterable {
    case steps, batch, logEvery, checkpointEvery, recompute, averageDecay
  }

  public init(from decoder: any Decoder) throws {
    let fields = try Fields<CodingKeys>(decoder)
    steps = try fields.required(.steps)
    batch = try fields.optional(.batch, 64)
    logEvery = try fields.optional(.logEvery, 10)
    checkpointEvery = try fields.optional(.checkpointEvery, 100)
    recompute = try fields.optional(.recompute, false)
    averageDecay = try fields.optional(.averageDecay, nil)
    for (name, value, range) in [
      ("steps", steps, 1...100_000_000), ("batch", batch, 1...1_048_576),
      ("logEvery", logEvery, 1...100_000_000),
      ("checkpointEvery", checkpointEvery, 1...100_000_000),
    ] where !range.contains(value) {
      throw ModelError(
        .configuration,
        "training.\(name) is \(value), expected a number from \(range.lowerBound) to \(range.upperBound)"
      )
    }
    try check("training.averageDecay", averageDecay, in: 0...0.999_999)
  }
}

/// What is minimised.
public struct LossOptions: Sendable, Equatable, Codable {
  public enum Kind: String, Sendable, Codable, CaseIterable {
    /// The last iterations' readouts.
    case last
    /// Every graded iteration's readout.
    case every
  }
  public var kind = Kind.last
  /// With `last`: how many of the last iterations the loss is averaged over.
  public var iterations = 1
  public var labelSmoothing = 0.0
  /// The factor of ‖z_k − z_{k−1}‖² / ‖z_{k−1}‖² of the last iteration, averaged over examples.
  public var fixedPointPenalty = 0.0

  public init() {}

  enum CodingKeys: String, CodingKey, CaseIterable {
    case kind, iterations, labelSmoothing, fixedPointPenalty
  }

  public init(from decoder: any Decoder) throws {
    let fields = try Fields<CodingKeys>(decoder)
    kind = try fields.optional(.kind, .last)
    iterations = try fields.optional(.iterations, 1)
    labelSmoothing = try fields.optional(.labelSmoothing, 0)
    fixedPointPenalty = try fields.optional(.fixedPointPenalty, 0)
    try check("loss.iterations", Double(iterations), in: 1...1e6)
    try check("loss.labelSmoothing", labelSmoothing, in: 0...0.999)
    try check("loss.fixedPointPenalty", fixedPointPenalty, in: 0...1e6)
  }

  var objective: Objective {
    Objective(
      lastIterations: kind == .every ? nil : iterations, labelSmoothing: labelSmoothing,
      fixedPointPenalty: fixedPointPenalty)
  }
}

/// AdamW with linear warm-up and a cosine.
public struct OptimizerOptions: Sendable, Equatable, Codable {
  public var learningRate = 1e-3
  public var beta1 = 0.9
  public var beta2 = 0.999
  public var epsilon = 1e-8
  public var weightDecay = 0.01
  /// Steps over which the learning rate rises linearly to its full value.
  public var warmup = 0
  /// The share of the learning rate the cosine ends on; 1 keeps it constant.
  public var finalFraction = 1.0
  /// The largest norm of the gradient: a larger one is scaled down to it. None when absent.
  public var clip: Double?

  public init() {}

  enum CodingKeys: String, CodingKey, CaseIterable {
    case learningRate, beta1, beta2, epsilon, weightDecay, warmup, finalFraction, clip
  }

  public init(from decoder: any Decoder) throws {
    let fields = try Fields<CodingKeys>(decoder)
    learningRate = try fields.optional(.learningRate, 1e-3)
    beta1 = try fields.optional(.beta1, 0.9)
    beta2 = try fields.optional(.beta2, 0.999)
    epsilon = try fields.optional(.epsilon, 1e-8)
    weightDecay = try fields.optional(.weightDecay, 0.01)
    warmup = try fields.optional(.warmup, 0)
    finalFraction = try fields.optional(.finalFraction, 1)
    clip = try fields.optional(.clip, nil)
    try check("optimizer.learningRate", learningRate, in: 0...1e3)
    try check("optimizer.beta1", beta1, in: 0...0.999_999_9)
    try check("optimizer.beta2", beta2, in: 0...0.999_999_9)
    try check("optimizer.epsilon", epsilon, in: 1e-30...1)
    try check("optimizer.weightDecay", weightDecay, in: 0...1e3)
    try check("optimizer.warmup", Double(warmup), in: 0...1e8)
    try check("optimizer.finalFraction", finalFraction, in: 0...1)
    try check("optimizer.clip", clip, in: 1e-12...1e12)
  }

  /// The learning rate of update `step`, counted from 0, of `steps`.
  public func learningRate(step: Int, of steps: Int) -> Double {
    if step < warmup { return learningRate * Double(step + 1) / Double(warmup) }
    let progress = Double(step - warmup) / Double(max(1, steps - warmup))
    let cosine = 0.5 * (1 + cos(Double.pi * min(1, progress)))
    return learningRate * (finalFraction + (1 - finalFraction) * cosine)
  }
}

private func check(_ field: String, _ value: Double?, in range: ClosedRange<Double>) throws {
  guard let value, !(range.contains(value)) else { return }
  throw ModelError(
    .configuration,
    "\(field) is \(value), expected a number from \(range.lowerBound) to \(range.upperBound)")
}
