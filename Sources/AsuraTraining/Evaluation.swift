import AsuraModel
import AsuraTasks
import AsuraTensor

/// How well a model does on a task, for each kind of example, length and number of iterations.
public struct Evaluation: Sendable, Codable, Equatable {
  /// One kind of examples at one length, after one number of iterations.
  public struct Row: Sendable, Codable, Equatable {
    public let kind: String
    public let length: Int
    /// The number of iterations as it was asked for, such as `2n`; with a stopping rule all that were.
    public let asked: String
    /// Iterations run: the most any example was allowed.
    public let iterations: Int
    /// The mean number an example got where they differ: it settled, by a stopping rule, or its batch's difficulty
    /// decided.
    public let meanIterations: Double?
    public let examples: Int
    /// The share of examples whose whole answer is right.
    public let exactMatch: Double
    /// The share of symbols that are right.
    public let perSymbol: Double
    /// The symbols for each value of `EvaluationOptions.fact` apart, by rising value; those at whose positions it is not
    /// defined are in no part. Nil when no fact was asked for.
    public let parts: [Part]?
    /// With an active set: the mean share of positions that an iteration computed.
    public let work: Double?
    /// With an active set: the iterations over all positions that this comes to, on average.
    public let passes: Double?
    /// With an active set: the mean number of iterations after which nothing changed any more.
    public let lastActive: Double?
  }
  /// The task's name.
  public let task: String
  /// What the examples were drawn from.
  public let seed: UInt64
  /// By kind, then length, then iterations, each in the order asked for.
  public let rows: [Row]
}

/// What to evaluate on.
public struct EvaluationOptions: Sendable {
  public var lengths: [Int]
  /// Numbers of iterations, which may depend on the length and on each batch's difficulty.
  public var iterations: [LengthExpression]
  /// Names of the task's kinds of examples.
  public var kinds: [String]
  /// Examples for each kind and length.
  public var examples = 100
  /// What the examples are drawn from.
  public var seed: UInt64 = 0
  /// The name of a fact for each of whose values right symbols are counted apart.
  public var fact: String?
  /// Ends each example when it has settled; then only the largest number of iterations counts.
  public var stop: StoppingRule?
  /// Computes only positions that see one whose latent moved by more than this: see `RunOptions.activeSet`.
  public var activeSet: Double?
  /// The most examples run at once, so that memory does not grow with their number; long ones are fewer.
  public var batch = 64

  /// The most positions run at once, but for a single example of more.
  private static let mostPositions = 1 << 17

  /// How many examples of so many positions are run at once.
  func batch(positions: Int) -> Int { max(1, min(batch, Self.mostPositions / positions)) }

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
    let distinct = options.iterations.enumerated().filter {
      options.iterations.firstIndex(of: $0.element) == $0.offset
    }.map(\.element)
    guard !distinct.isEmpty else {
      throw ModelError(.input, "no number of iterations to evaluate", remedy: "Ask for 2n, say.")
    }
    // What each row is for: a number, or with a stopping rule the largest of all.
    let asked = options.stop == nil ? distinct.map { [$0] } : [distinct]
    let total = options.kinds.count * options.lengths.count * options.examples
    // What can't be asked for comes out before anything is run.
    let kinds = try options.kinds.map(task.kind(named:))
    let sizes = try options.lengths.map { length in
      let positions = try task.layout(length: length).positions
      try model.configuration.checkMemory(of: S.self, positions: positions)
      return options.batch(positions: positions)
    }
    var done = 0
    for kind in kinds {
      for (length, size) in zip(options.lengths, sizes) {
        var tallies = asked.map { _ in Tally() }
        let root = Random(seed: options.seed, for: "evaluation \(kind.name) \(length)")
        for start in stride(from: 0, to: options.examples, by: size) {
          var random = root.split(UInt64(start))
          let batch = try task.makeBatch(
            length: length, examples: min(size, options.examples - start), kind: kind,
            random: &random)
          let counts = asked.map { group in
            group.map { $0(length, difficulty: batch.difficulty) }.max() ?? 0
          }
          var run = RunOptions<S>()
          // Noise of a batch's own, from the same seed as its examples.
          var noise = root.split(UInt64(start)).split(0)
          run.seed = noise.next()
          run.stop = options.stop
          run.activeSet = options.activeSet
          if options.stop == nil && batch.layout.mode == .parallel {
            run.iterations = counts.max()
            run.readout = .iterations(.only(Set(counts)))
            let result = try model.run(try ModelInput(batch), run)
            for (i, count) in counts.enumerated() {
              guard let logits = result.readout[count] else { continue }
              try tallies[i].add(logits, batch, by: options.fact, steps: [], most: count)
              tallies[i].work += result.work
            }
          } else {
            for (i, count) in counts.enumerated() {
              run.iterations = count
              let (logits, result) = try Self.logits(model, batch, task, run)
              try tallies[i].add(
                logits, batch, by: options.fact, steps: result.settled, most: count)
              tallies[i].work += result.work
            }
          }
          done += batch.examples
          try progress(done, total)
        }
        for (group, tally) in zip(asked, tallies) {
          let varies = options.stop != nil || group.contains(where: \.usesDifficulty)
          rows.append(
            Row(
              kind: kind.name, length: length,
              asked: group.map(\.description).joined(separator: ","), iterations: tally.most,
              meanIterations: varies
                ? Double(tally.iterations) / Double(max(1, tally.accuracy.examples)) : nil,
              examples: tally.accuracy.examples, exactMatch: tally.accuracy.exactMatch,
              perSymbol: tally.accuracy.perSymbol,
              parts: options.fact.map { _ in tally.facts.parts }, work: tally.mean(\.share),
              passes: tally.mean(\.passes), lastActive: tally.mean { Double($0.lastActive) }))
        }
      }
    }
    self.init(task: task.name, seed: options.seed, rows: rows)
  }

  /// What a row counts.
  private struct Tally {
    var accuracy = Accuracy()
    var facts = FactTally()
    var iterations = 0
    var most = 0
    /// Of every run with an active set.
    var work: [ActiveWork] = []

    func mean(_ quantity: (ActiveWork) -> Double) -> Double? {
      work.isEmpty ? nil : work.reduce(0) { $0 + quantity($1) } / Double(work.count)
    }

    /// - Parameter steps: when each example settled; nil, or no entry, for `most`.
    mutating func add<S: Scalar>(
      _ logits: Tensor<S>, _ batch: Batch, by fact: String?, steps: [Int?], most count: Int
    ) throws {
      accuracy += Accuracy(logits, targets: batch.targets)
      if let fact { try facts.add(logits, batch, by: fact) }
      iterations += (0..<batch.examples).reduce(0) { sum, i in
        sum + ((steps.isEmpty ? nil : steps[i]) ?? count)
      }
      most = max(most, count)
    }
  }

  /// The logits a batch's answer is read from, and the last run that gave them.
  private static func logits<S: Scalar>(
    _ model: RecurrentTransformer<S>, _ batch: Batch, _ task: any LearningTask,
    _ options: RunOptions<S>
  ) throws -> (Tensor<S>, Run<S>) {
    func read(_ batch: Batch) throws -> (Tensor<S>, Run<S>) {
      let run = try model.run(try ModelInput(batch), options)
      guard let logits = run.logits else { preconditionFailure("a run without its readout") }
      return (logits, run)
    }
    guard batch.layout.mode == .nextToken else { return try read(batch) }
    // Each answer symbol is fed back before the next is read.
    var asked = batch.hidingAnswer()
    var (logits, run) = try read(asked)
    for (step, position) in batch.layout.answer.enumerated().dropLast() {
      // A model may have classes that the task has no symbol for: those cannot be written.
      let classes = (0..<batch.examples).map {
        Int32(logits[$0][position].slice(0..<task.outputs.count).largestIndex)
      }
      asked.feed(classes, afterStep: step, symbols: task.outputSymbols)
      (logits, run) = try read(asked)
    }
    return (logits, run)
  }
}
