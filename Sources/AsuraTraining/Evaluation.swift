import AsuraModel
import AsuraTasks
import AsuraTensor

/// How well a model does on a task, for each kind of example, length and number of iterations.
public struct Evaluation: Sendable, Codable, Equatable {
  /// One kind of examples at one length, after one number of iterations.
  public struct Row: Sendable, Codable, Equatable {
    public let kind: String
    public let length: Int
    /// Iterations run; with a stopping rule, the most any example was allowed.
    public let iterations: Int
    /// The mean number of iterations until examples settled, when there was a stopping rule.
    public let meanIterations: Double?
    public let examples: Int
    /// The share of examples whose whole answer is right.
    public let exactMatch: Double
    /// The share of symbols that are right.
    public let perSymbol: Double
  }
  /// The task's name.
  public let task: String
  /// What the examples were drawn from.
  public let seed: UInt64
  /// By kind, then length, then iterations, each in the order asked for or rising.
  public let rows: [Row]
}

/// What to evaluate on.
public struct EvaluationOptions: Sendable {
  public var lengths: [Int]
  /// Numbers of iterations, which may depend on the length.
  public var iterations: [LengthExpression]
  /// Names of the task's kinds of examples.
  public var kinds: [String]
  /// Examples for each kind and length.
  public var examples = 100
  /// What the examples are drawn from.
  public var seed: UInt64 = 0
  /// Ends each example when it has settled; then only the largest number of iterations counts.
  public var stop: StoppingRule?
  /// Examples run at once, so that memory does not grow with their number.
  public var batch = 64

  public init(lengths: [Int], iterations: [LengthExpression], kinds: [String]) {
    self.lengths = lengths
    self.iterations = iterations
    self.kinds = kinds
  }
}

extension Evaluation {
  /// Runs the model on fresh examples of each kind and length and reads it out after each number of
  /// iterations. Answers in next-token form are made symbol by symbol from the model's own output.
  ///
  /// `progress` is called after each batch with how many of all examples are done, and may throw to
  /// stop.
  public init<S: Scalar>(
    of model: RecurrentTransformer<S>, on task: any LearningTask, _ options: EvaluationOptions,
    progress: (_ done: Int, _ total: Int) throws -> Void = { _, _ in }
  ) throws {
    try model.configuration.check(against: task)
    var rows: [Row] = []
    let total = options.kinds.count * options.lengths.count * options.examples
    var done = 0
    for name in options.kinds {
      let kind = try task.kind(named: name)
      for length in options.lengths {
        try model.configuration.checkMemory(
          of: S.self, positions: try task.layout(length: length).positions)
        let counts = Set(options.iterations.map { $0(length) }).sorted()
        guard let most = counts.last else { continue }
        var accuracies = Array(repeating: Accuracy(), count: counts.count)
        var settled: [Int] = []
        let root = Random(seed: options.seed, for: "evaluation \(name) \(length)")
        for start in stride(from: 0, to: options.examples, by: options.batch) {
          var random = root.split(UInt64(start))
          let batch = try task.makeBatch(
            length: length, examples: min(options.batch, options.examples - start), kind: kind,
            random: &random)
          var run = RunOptions<S>()
          // Noise of a batch's own, from the same seed as its examples.
          var noise = root.split(UInt64(start)).split(0)
          run.seed = noise.next()
          if options.stop != nil {
            run.iterations = most
            run.stop = options.stop
            let (logits, steps) = try Self.logits(model, batch, task, run)
            accuracies[counts.count - 1] += Accuracy(logits, targets: batch.targets)
            settled += steps.map { $0 ?? most }
          } else if batch.layout.mode == .nextToken {
            for (i, count) in counts.enumerated() {
              run.iterations = count
              let (logits, _) = try Self.logits(model, batch, task, run)
              accuracies[i] += Accuracy(logits, targets: batch.targets)
            }
          } else {
            run.iterations = most
            run.readout = .iterations(.only(Set(counts)))
            let result = try model.run(try ModelInput(batch), run)
            for (i, count) in counts.enumerated() {
              guard let logits = result.readout[count] else { continue }
              accuracies[i] += Accuracy(logits, targets: batch.targets)
            }
          }
          done += batch.examples
          try progress(done, total)
        }
        for (i, count) in counts.enumerated() where options.stop == nil || count == most {
          rows.append(
            Row(
              kind: name, length: length, iterations: count,
              meanIterations: options.stop == nil
                ? nil : Double(settled.reduce(0, +)) / Double(max(1, settled.count)),
              examples: accuracies[i].examples, exactMatch: accuracies[i].exactMatch,
              perSymbol: accuracies[i].perSymbol))
        }
      }
    }
    self.init(task: task.name, seed: options.seed, rows: rows)
  }

  /// The logits a batch's answer is read from, and when each example settled.
  private static func logits<S: Scalar>(
    _ model: RecurrentTransformer<S>, _ batch: Batch, _ task: any LearningTask,
    _ options: RunOptions<S>
  ) throws -> (Tensor<S>, [Int?]) {
    func read(_ batch: Batch) throws -> (Tensor<S>, [Int?]) {
      let run = try model.run(try ModelInput(batch), options)
      guard let logits = run.logits else { preconditionFailure("a run without its readout") }
      return (logits, run.settled)
    }
    guard batch.layout.mode == .nextToken else { return try read(batch) }
    // Each answer symbol is fed back before the next is read.
    var asked = batch.hidingAnswer()
    var (logits, settled) = try read(asked)
    for (step, position) in batch.layout.answer.enumerated().dropLast() {
      // A model may have classes that the task has no symbol for: those cannot be written.
      let classes = (0..<batch.examples).map {
        Int32(logits[$0][position].slice(0..<task.outputs.count).largestIndex)
      }
      asked.feed(classes, afterStep: step, symbols: task.outputSymbols)
      (logits, settled) = try read(asked)
    }
    return (logits, settled)
  }
}
