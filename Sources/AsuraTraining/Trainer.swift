import AsuraConfiguration
import AsuraModel
import AsuraTasks
import AsuraTensor

/// Trains a model by a recipe, one update at a time.
///
/// What update `step` does depends only on the recipe, the step and the state before it, so a run
/// that was stopped and resumed from a checkpoint ends with the same bits as one that was not, on
/// any number of threads.
public struct Trainer<S: Scalar>: Sendable {
  /// What the run is made of.
  public let recipe: Recipe
  /// The recipe's task.
  public let task: any LearningTask
  /// The model being trained.
  public internal(set) var model: RecurrentTransformer<S>
  /// How many updates have been made.
  public var step: Int { optimizer.step }
  var optimizer: AdamW<S>
  /// The moving average of the weights, when the recipe asks for one.
  var average: [Tensor<S>]?
  /// What earlier batches ended with, when the recipe asks for it.
  var pool: LatentPool<S>?

  /// A run before its first update.
  ///
  /// - Throws: `TaskError` for a task that cannot be; `ModelError` when the model does not suit it.
  public init(_ recipe: Recipe) throws {
    self.recipe = recipe
    try recipe.checkOptions()
    task = try recipe.task.makeTask()
    try recipe.model.check(against: task)
    try recipe.checkMemory(of: S.self, for: task)
    model = RecurrentTransformer(recipe.model, seed: recipe.seed)
    optimizer = AdamW(model)
    optimizer.beta1 = recipe.optimizer.beta1
    optimizer.beta2 = recipe.optimizer.beta2
    optimizer.epsilon = recipe.optimizer.epsilon
    optimizer.weightDecay = recipe.optimizer.weightDecay
    average = recipe.training.averageDecay == nil ? nil : model.parameters
    pool = recipe.training.pool.map { LatentPool(capacity: $0) }
    if let curriculum = recipe.training.curriculum {
      try ConfigurationError.check(
        "training.curriculum.from", curriculum.from, in: task.lengths,
        remedy: "give one of task.lengths")
    }
    try tryLongest()
  }

  /// The model to use once training is done: the averaged one where there is an average.
  public var result: RecurrentTransformer<S> {
    guard let average else { return model }
    var averaged = model
    averaged.setParameters(average)
    return averaged
  }

  /// What may keep the model from learning the task, though it can be trained; nil when nothing is known to.
  public func warning() throws -> String? { try recipe.sightWarning(for: task) }

  /// Whether all updates have been made.
  public var isDone: Bool { step >= recipe.training.steps }

  /// What one update did.
  public struct StepReport: Sendable {
    /// The update's number, from 1.
    public let step: Int
    /// The mean loss over the batch, penalties included.
    public let loss: Double
    /// How well the last readout did on the batch, before the update.
    public let accuracy: Accuracy
    /// The gradient's norm before clipping.
    public let gradientNorm: Double
    /// The learning rate of this update.
    public let learningRate: Double
    /// The batch's length and how many iterations it was given, without and with derivatives.
    public let length: Int
    public let iterations: Int
    /// With an equilibrium depth, how many examples' fixed points or gradients were not found to the tolerance: they
    /// count as they were found nearest.
    public let unconverged: Int?
  }

  /// Makes one update. A loss or gradient that is not finite is an error, and leaves the model as
  /// it was.
  public mutating func update() throws -> StepReport {
    let random = Random(seed: recipe.seed, for: "training").split(UInt64(step))
    var lengths = random.split(0)
    var examples = random.split(1)
    var depths = random.split(2)
    let length =
      recipe.training.curriculum?.drawLength(of: task, step: step, random: &lengths)
      ?? task.drawLength(random: &lengths)
    let batch = try task.makeBatch(
      length: length, examples: recipe.training.batch, random: &examples)
    let plans = recipe.depth.draw(
      length: length, difficulty: batch.difficulty, random: &depths)
    let gradient = GradientComputation<S>(
      plans: plans, objective: recipe.loss.objective, recomputes: recipe.training.recompute)
    var starts = random.split(4)
    let result = try gradient(
      model, try ModelInput(batch), targets: batch.targets, random: random.split(3),
      starts: plans.contains(where: \.isPooled)
        ? pool?.draw(examples: batch.examples, positions: batch.positions, random: &starts) : nil,
      keepsLatents: pool != nil)
    let norm = globalNorm(result.gradients)
    guard result.loss.isFinite && norm.isFinite else {
      throw TrainingError.notFinite(
        step: step + 1, loss: result.loss, gradientNorm: norm, seed: recipe.seed)
    }
    let rate = recipe.optimizer.learningRate(step: step, of: recipe.training.steps)
    let scale = recipe.optimizer.clip.map { norm > $0 ? $0 / norm : 1 } ?? 1
    // A square that overflows would stay in the second moments for good.
    guard S(scale * norm * scale * norm).isFinite else {
      throw TrainingError.notFinite(
        step: step + 1, loss: result.loss, gradientNorm: norm, seed: recipe.seed)
    }
    optimizer.update(&model, result.gradients, learningRate: rate, scale: scale)
    if let decay = recipe.training.averageDecay, var mean = average {
      average = nil
      for i in mean.indices {
        mean[i].interpolate(to: model.parameters[i], by: S(1 - decay))
      }
      average = mean
    }
    if let latents = result.latents { pool?.add(latents) }
    return StepReport(
      step: step, loss: result.loss, accuracy: result.accuracy, gradientNorm: norm,
      learningRate: rate, length: length,
      iterations: result.equilibrium?.iterations ?? plans.map { $0.free + $0.graded }.max() ?? 0,
      unconverged: result.equilibrium.map { max($0.unconverged, $0.unsolved) })
  }

  /// Finds out before the first step what the longest batch would only find out some day: more iterations than
  /// unshared weights, or more positions than learned ones.
  private func tryLongest() throws {
    let length = task.lengths.upperBound
    let most = recipe.depth.most(length: length, difficulty: 0)
    do { try model.check(iterations: most) } catch let error as ModelError {
      throw ModelError(
        .configuration, "depth asks for \(error.message)",
        remedy: "Set depth to at most model.iterations, or shared: true.")
    }
    var random = Random(seed: recipe.seed, for: "longest")
    let batch = try task.makeBatch(length: length, examples: 1, random: &random)
    var options = RunOptions<S>()
    options.iterations = 0
    options.readout = .none
    _ = try model.run(try ModelInput(batch), options)
  }
}

/// What stopped a training run.
public enum TrainingError: Error, Sendable, CustomStringConvertible {
  /// The loss or its gradient overflowed or became NaN. The batch is drawn from the recipe's seed
  /// and the step alone.
  case notFinite(step: Int, loss: Double, gradientNorm: Double, seed: UInt64)
  /// The weights, their average or the optimizer's moments overflowed: they are not saved.
  case stateNotFinite(String, step: Int)
  /// A run folder's file is missing, foreign or damaged.
  case folder(String, remedy: String)
  /// The folder for a run is taken.
  case exists(String, remedy: String)
  /// A run folder's file cannot be written: permissions, a full disk.
  case cannotWrite(String, remedy: String)

  public var description: String {
    switch self {
    case .notFinite(let step, let loss, let norm, let seed):
      // A NaN's sign says nothing.
      "the loss is \(loss.isNaN ? .nan : loss) and the gradient's norm \(norm.isNaN ? .nan : norm) "
        + "in step \(step); its batch is drawn from seed \(seed), step \(step)"
    case .stateNotFinite(let name, let step):
      "\(name) holds NaN or infinite values after step \(step); nothing is saved"
    case .folder(let message, let remedy), .exists(let message, let remedy),
      .cannotWrite(let message, let remedy):
      "\(message)\n\(remedy)"
    }
  }
}

extension ModelInput {
  /// A task's batch as a model reads it.
  public init(_ batch: Batch) throws {
    try self.init(
      tokens: batch.tokens, batch: batch.examples, positions: batch.positions,
      channels: batch.channels, positionIDs: batch.positionIDs, rows: batch.layout.rows)
  }
}
