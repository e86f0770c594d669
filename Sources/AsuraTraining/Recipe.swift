import AsuraConfiguration
import AsuraModel
import AsuraTasks
import Foundation
import Yams

/// Everything a training run is made of, as a YAML file gives it and as the run's folder keeps it.
public struct Recipe: Sendable, Equatable, Codable {
  /// What the weights and every batch are drawn from.
  public var seed: UInt64 = 0
  /// What is learned.
  public var task: TaskConfiguration
  /// What learns it; its vocabulary, classes and channels must suit the task.
  public var model: ModelConfiguration
  /// How many iterations batches get.
  public var depth: DepthSchedule
  /// How long, and on batches of what size.
  public var training: TrainingOptions
  /// What is minimised.
  public var loss = LossOptions()
  /// How it is minimised.
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
    seed = try fields.value(.seed, default: 0)
    task = try fields.required(.task)
    model = try fields.required(.model)
    depth = try fields.value(
      .depth,
      default: DepthSchedule(phases: [.init(graded: LengthRangeExpression(model.iterations))]))
    training = try fields.required(.training)
    loss = try fields.value(.loss, default: LossOptions())
    optimizer = try fields.value(.optimizer, default: OptimizerOptions())
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
  /// Whether derivatives recompute each iteration from its latent instead of keeping what is inside it;
  /// when absent, they do once a worker would keep more than 128 MiB.
  public var recompute: Bool?
  /// The decay of an exponential moving average of the weights, which is then what is saved; none
  /// when absent.
  public var averageDecay: Double?
  /// How lengths grow; all of them from the start when absent.
  public var curriculum: Curriculum?
  /// How many latents that batches ended with are kept for later ones to start from, for each number of positions;
  /// none when absent. Phases with `pooled` start from them.
  public var pool: Int?

  public init(steps: Int, batch: Int = 64) {
    self.steps = steps
    self.batch = batch
  }

  enum CodingKeys: String, CodingKey, CaseIterable {
    case steps, batch, logEvery, checkpointEvery, recompute, averageDecay, curriculum, pool
  }

  public init(from decoder: any Decoder) throws {
    let fields = try Fields<CodingKeys>(decoder)
    steps = try fields.required(.steps)
    batch = try fields.value(.batch, default: 64)
    logEvery = try fields.value(.logEvery, default: 10)
    checkpointEvery = try fields.value(.checkpointEvery, default: 100)
    recompute = try fields.value(.recompute)
    averageDecay = try fields.value(.averageDecay)
    curriculum = try fields.value(.curriculum)
    pool = try fields.value(.pool)
    for (name, value, range) in [
      ("steps", steps, 1...100_000_000), ("batch", batch, 1...1_048_576),
      ("logEvery", logEvery, 1...100_000_000),
      ("checkpointEvery", checkpointEvery, 1...100_000_000), ("pool", pool ?? 1, 1...1_048_576),
    ] where !range.contains(value) {
      throw ConfigurationError(
        field: "training.\(name)", found: "\(value)",
        expected: "a number from \(range.lowerBound) to \(range.upperBound)")
    }
    try check("training.averageDecay", averageDecay, in: 0...0.999_999)
  }
}

/// What is minimised.
public struct LossOptions: Sendable, Equatable, Codable {
  /// Which readouts count.
  public enum Kind: String, Sendable, Codable, CaseIterable {
    /// The last iterations' readouts.
    case last
    /// Every graded iteration's readout.
    case every
  }
  public var kind = Kind.last
  /// With `last`: how many of the last iterations the loss is averaged over.
  public var iterations = 1
  /// The share of each target that is spread over all classes.
  public var labelSmoothing = 0.0
  /// The factor of ‖z_k − z_{k−1}‖² / ‖z_{k−1}‖² of the last iteration, averaged over examples.
  public var fixedPointPenalty = 0.0

  public init() {}

  enum CodingKeys: String, CodingKey, CaseIterable {
    case kind, iterations, labelSmoothing, fixedPointPenalty
  }

  public init(from decoder: any Decoder) throws {
    let fields = try Fields<CodingKeys>(decoder)
    kind = try fields.value(.kind, default: .last)
    iterations = try fields.value(.iterations, default: 1)
    labelSmoothing = try fields.value(.labelSmoothing, default: 0)
    fixedPointPenalty = try fields.value(.fixedPointPenalty, default: 0)
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
  /// The learning rate at its height.
  public var learningRate = 1e-3
  /// The decay of the running mean of gradients.
  public var beta1 = 0.9
  /// The decay of the running mean of their squares.
  public var beta2 = 0.999
  /// Added to the root of the second mean.
  public var epsilon = 1e-8
  /// The share of each weight that an update of rate 1 takes away; on every parameter.
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
    learningRate = try fields.value(.learningRate, default: 1e-3)
    beta1 = try fields.value(.beta1, default: 0.9)
    beta2 = try fields.value(.beta2, default: 0.999)
    epsilon = try fields.value(.epsilon, default: 1e-8)
    weightDecay = try fields.value(.weightDecay, default: 0.01)
    warmup = try fields.value(.warmup, default: 0)
    finalFraction = try fields.value(.finalFraction, default: 1)
    clip = try fields.value(.clip)
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
  throw ConfigurationError(
    field: field, found: "\(value)",
    expected: "a number from \(range.lowerBound) to \(range.upperBound)")
}
