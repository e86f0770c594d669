internal import AsuraTensor
internal import Foundation

/// Linear probes of one fact at every chosen iteration and position of a recorded site (Alain and Bengio, "Understanding
/// intermediate layers using linear classifier probes", 2016), with what it takes to believe them.
///
/// A site × iteration × position is a problem of its own; with `isPooled` all positions of an iteration are one. Probes
/// are tested on examples they were not fitted to: folds divide examples, never positions.
public struct LinearProbe: Sendable, Equatable {
  public var estimator = LinearEstimator.ridge
  /// Penalties λ to choose from, as `RidgePath` and `LogisticRegression` have them: per row, on standardised values.
  public var penalties = [1e-4, 1e-3, 1e-2, 1e-1, 1]
  /// How far the linear discriminant's covariance is drawn towards a multiple of the identity, 0 to 1.
  public var shrinkage = 0.01
  /// The largest entry of a logistic fit's gradient.
  public var tolerance = 1e-6
  public var folds = 5
  /// How many shufflings of the labels make the null; nil for 20, or 5 of logistic fits, which cost more.
  public var shuffles: Int?
  /// Replicates of the bootstrap, `fewestReplicates` or more; 0 for no intervals.
  public var replicates = 200
  public var hasControl = true
  public var hasDescriptionLength = true
  /// One probe for all positions of an iteration, instead of one each.
  public var isPooled = false
  /// Whether probes of each iteration are also tested on the others.
  public var hasTransfer = false
  public var seed: UInt64 = 0
  /// Bytes of recorded values that are held at a time, and of rows in the order that probes need beside them; values
  /// beyond that are read anew for every pass.
  public var memory = 256 << 20

  /// The fewest folds: one to test on, one to choose a penalty by, one to fit to.
  public static let fewestFolds = 3
  /// The fewest replicates that give an interval of 95%.
  public static let fewestReplicates = 20
  /// The most classes a fact may have: what is counted grows with their square.
  public static let mostClasses = 256

  public init() {}

  var shuffleCount: Int { shuffles ?? (estimator == .logistic ? 5 : 20) }

  /// How many units of `progress` a run makes.
  public func work(iterations: Int, positions: Int) -> Int {
    iterations * (isPooled ? 1 : positions) + (hasTransfer ? iterations : 0)
  }

  /// Probes `site` for `labels` at `iterations`.
  ///
  /// - Parameters:
  ///   - labels: of all examples and positions of the run.
  ///   - tokens: the run's tokens `[example, position, channel]`, for the control task; nil for none.
  ///   - positions: the run's positions to probe; all recorded ones when nil.
  ///   - isCancelled: asked now and then; once true, the iterations done by then are the result.
  ///   - progress: called with how much more was done, in units of one probe.
  /// An iteration with values that are not finite ends the work; the error is the findings' `failure` beside what came
  /// before it.
  /// - Throws: `ProbeError` for labels that do not fit or are constant, too few examples, values that are not finite;
  ///   `TraceError`, `LinearAlgebraError`. Nil when cancelled before the first iteration was done.
  public func run(
    on site: ProbedSite, labels: ProbeLabels, tokens: (ids: [Int32], channels: Int)? = nil,
    iterations: [Int], positions: [Int]? = nil,
    isCancelled: @escaping @Sendable () -> Bool = { false },
    progress: (_ units: Int, _ what: String) -> Void = { _, _ in }
  ) throws -> LinearFindings? {
    let study = try LinearStudy(
      self, site, labels, tokens, positions: positions, isCancelled: isCancelled)
    var solutions: [[LinearProblem.Solution?]] = []
    var failure: (any Error)?
    var chunks = study.chunks(iterations)
    while failure == nil, !chunks.isEmpty {
      let chunk = chunks.removeFirst()
      do {
        guard let solved = try study.solve(chunk) else { break }
        solutions += solved
        progress(study.problems.count * chunk.count, "t=\(chunk.last ?? 0)")
      } catch {
        // One by one, to keep those before the one that fails.
        if chunk.count > 1 { chunks = chunk.map { [$0] } + chunks } else { failure = error }
      }
    }
    let done = Array(iterations.prefix(solutions.count))
    guard !done.isEmpty else {
      if let failure { throw failure }
      return nil
    }
    var transfer: CodeTransfer?
    if hasTransfer {
      transfer = try study.transfer(done, solutions) { progress(1, "transfer to t=\($0)") }
    }
    return study.findings(
      done, solutions, transfer, failure,
      isComplete: done.count == iterations.count && (transfer != nil || !hasTransfer))
  }
}
