internal import AsuraModel
internal import AsuraTensor

/// What becomes of a run's answers when the probed fact is changed in the site at some iterations and the run goes on.
public struct CausalEffect: Sendable {
  /// How it is changed.
  public enum Change: Sendable, Equatable {
    case erase(ConceptEraser.Method)
    /// Along the probe's direction for a class (of a number, upwards), in standard deviations of the values along it.
    case push(Double, class: Int)

    public var name: String {
      switch self {
      case .erase(let method): "erase-\(method.rawValue)"
      case .push: "push"
      }
    }
  }

  /// How the answers of a run are.
  public struct Answers: Sendable, Equatable {
    /// The share of examples with all positions right, and of positions right; NaN without targets.
    public let exact: Double
    public let symbols: Double
    /// The share right of the positions at which the site was changed and something is asked.
    public let atChanged: Double
    /// The share of positions whose answer is another than in the run without a change.
    public let changed: Double
    /// The share right of the changed positions of each class of the fact; empty for numbers.
    public let byClass: [Double]
  }

  public let change: Change
  /// The iterations at which the site was changed.
  public let at: [Int]
  /// The positions at which it was.
  public let positions: [Int]
  /// The mean length of what was added, over that of the values.
  public let relativeSize: Double
  public let original: Answers
  public let edited: Answers
  /// With as much added to each value in a random direction, a draw each.
  public let random: [Answers]

  /// The mean over random directions of a share.
  public func randomMean(_ share: (Answers) -> Double) -> Double {
    random.isEmpty ? .nan : random.reduce(0) { $0 + share($1) } / Double(random.count)
  }
}

/// Runs a traced run again with the probed fact changed.
public struct CausalFollowUp: Sendable {
  public var change: CausalEffect.Change
  /// The iterations at which to change the site.
  public var at: [Int]
  /// How many random directions of equal length to compare with.
  public var directions = 10
  public var seed: UInt64 = 0

  public init(_ change: CausalEffect.Change, at: [Int]) {
    self.change = change
    self.at = at
  }

  /// How many runs it makes.
  public var work: Int { 2 + directions }

  /// Changes the site where `findings` have a probe, at `at`, and runs on to the run's end.
  /// - Parameters:
  ///   - labels: those that were probed for.
  ///   - isCancelled: asked before each run.
  /// - Throws: `ProbeError` for an iteration without a probe or a site that is no whole batch, `ModelError`,
  ///   `TraceError`. Nil when cancelled before the first random direction was done.
  public func run(
    _ run: TracedRun, _ site: ProbedSite, _ findings: LinearFindings, labels: ProbeLabels,
    isCancelled: () -> Bool = { false }, progress: (_ what: String) -> Void = { _ in }
  ) throws -> CausalEffect? {
    guard site.examples == Array(0..<run.examples) else {
      throw ProbeError(
        .incompleteTrace,
        "\(site.name) was recorded of \(site.examples.count) of \(run.examples) examples",
        remedy: "Capture all examples to see what a change does.")
    }
    let plan = try ChangePlan(self, site, findings, labels)
    let start = try startState(run)
    if isCancelled() { return nil }
    let before = try answers(run, start, plan, .none)
    progress("run as it was")
    if isCancelled() { return nil }
    let sizes = SizeRecord()
    let after = try answers(run, start, plan, .change, sizes)
    progress(change.name)
    var random: [[Int]] = []
    for draw in 0..<directions where !isCancelled() {
      random.append(try answers(run, start, plan, .random(draw)))
      progress("random direction \(draw + 1)")
    }
    if directions > 0, random.isEmpty { return nil }
    let scoring = try AnswerScoring(run, labels, plan.positions, before)
    return CausalEffect(
      change: change, at: at, positions: plan.positions, relativeSize: sizes.mean,
      original: scoring.score(before), edited: scoring.score(after),
      random: random.map(scoring.score))
  }

  /// The recorded latent to go on from: the last before the first change.
  private func startState(_ run: TracedRun) throws -> (latent: Tensor<Double>, at: Int) {
    let first = at.min() ?? 0
    guard let from = run.latentIterations.last(where: { $0 < first }) else {
      throw ProbeError(
        .notFound, "no latent was recorded before iteration \(first), to run on from",
        remedy: "Choose a later iteration, or capture the latent from iteration 0 on.")
    }
    let shape = [run.examples, run.input.positions, run.model.configuration.width]
    return (try run.states(iteration: from).reshaped(shape), from)
  }

  /// The likeliest class at each `[example × position]` at the run's end.
  private func answers(
    _ run: TracedRun, _ start: (latent: Tensor<Double>, at: Int), _ plan: ChangePlan,
    _ kind: ChangePlan.Kind, _ sizes: SizeRecord? = nil
  ) throws -> [Int] {
    var options = RunOptions<Double>()
    options.iterations = run.iterations - start.at
    options.trajectory = run.iterations
    options.start = start
    if kind != .none {
      let (site, seed) = (plan.site, seed)
      options.edits = [
        .replace(site, at: .only(Set(at))) { value, context in
          plan.changed(value, context.iteration, context.examples, kind, seed: seed, sizes)
        }
      ]
    }
    guard let logits = try run.model.run(run.input, options).logits else { return [] }
    let (rows, classes) = (logits.rowCount, logits.rowLength)
    return logits.read { x in
      (0..<rows).map { row in
        var best = 0
        for c in 1..<classes where x[row * classes + c] > x[row * classes + best] { best = c }
        return best
      }
    }
  }
}
