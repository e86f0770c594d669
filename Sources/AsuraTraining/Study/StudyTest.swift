import AsuraConfiguration
import AsuraModel
import AsuraTasks

/// What a study tests its models on.
public struct StudyTest: Sendable, Equatable, Codable {
  public var lengths: [Int]
  /// Names of the task's kinds of examples; all but training's mix when absent.
  public var kinds: [String]?
  /// Numbers of iterations, laid down beforehand: each is a row of the results.
  public var iterations: [LengthExpression]
  /// Ends each example once it has settled, `step=TOLERANCE` or `readout=TOLERANCE`; `iterations` are the most then.
  public var stop: String?
  /// Computes only what changes by more than this: see `RunOptions.activeSet`.
  public var active: Double?
  /// Examples for each kind and length.
  public var examples: Int
  /// What the examples are drawn from: the same for every run.
  public var seed: UInt64

  public init(
    lengths: [Int], kinds: [String]? = nil, iterations: [LengthExpression], stop: String? = nil,
    active: Double? = nil, examples: Int = 1000, seed: UInt64 = 0
  ) {
    self.lengths = lengths
    self.kinds = kinds
    self.iterations = iterations
    self.stop = stop
    self.active = active
    self.examples = examples
    self.seed = seed
  }

  enum CodingKeys: String, CodingKey, CaseIterable {
    case lengths, kinds, iterations, stop, active, examples, seed
  }

  public init(from decoder: any Decoder) throws {
    let fields = try Fields<CodingKeys>(decoder)
    lengths = try fields.required(.lengths)
    kinds = try fields.value(.kinds)
    iterations = try fields.required(.iterations)
    stop = try fields.value(.stop)
    active = try fields.value(.active)
    examples = try fields.value(.examples, default: 1000)
    seed = try fields.value(.seed, default: 0)
    try fields.validating {
      for (field, isEmpty) in [
        ("lengths", lengths.isEmpty), ("kinds", kinds?.isEmpty == true),
        ("iterations", iterations.isEmpty),
      ] where isEmpty {
        throw ConfigurationError(field: field, found: "an empty list", expected: "at least one")
      }
      if let active, !(active >= 0 && active.isFinite) {
        throw ConfigurationError(
          field: "active", found: "\(active)", expected: "0 or a small number such as 1e-3")
      }
      if let stop { _ = try StoppingRule(stop, named: "stop") }
      try ConfigurationError.check(
        "examples", examples, in: 1...10_000_000, remedy: "give the number of fresh examples")
    }
  }

  /// The test as evaluation takes it.
  public func options(for task: any LearningTask) throws -> EvaluationOptions {
    var options = EvaluationOptions(
      lengths: lengths, iterations: iterations, kinds: kinds ?? task.testKinds.map(\.name))
    options.examples = examples
    options.seed = seed
    options.activeSet = active
    options.stop = try stop.map { try StoppingRule($0, named: "stop") }
    return options
  }

  /// What each row of the results is for: one number of iterations, or all where there is a rule for stopping, which
  /// then only the largest counts with.
  var asked: [String] {
    let texts = iterations.map(\.description)
    return stop == nil ? texts : [texts.joined(separator: ",")]
  }

  /// The test as a variant takes it, all spelled out. What testing could only find out after the training is found out
  /// here.
  func checked(
    for variant: Study.Variant, _ recipe: Recipe, _ task: any LearningTask
  ) throws -> StudyTest {
    var test = self
    test.iterations = variant.iterations ?? iterations
    let kinds = try options(for: task).kinds
    test.kinds = kinds
    for kind in kinds { _ = try task.kind(named: kind) }
    for length in lengths {
      _ = try task.layout(length: length)
      // What a batch's difficulty decides shows only with the batch.
      let most =
        test.iterations.filter { !$0.usesDifficulty }
        .map { $0(length, difficulty: 0) }.max() ?? 0
      guard recipe.model.shared || most <= recipe.model.iterations else {
        throw ConfigurationError(
          field: "tests.iterations", found: "\(most) at length \(length)",
          expected: "at most the \(recipe.model.iterations) of a model with shared: false",
          remedy: "give the variant iterations of its own")
      }
    }
    return test
  }
}
