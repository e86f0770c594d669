internal import AsuraTensor
public import AsuraTrace

/// How disturbances grow along the trajectories of a run's examples, and whether that tells right answers from wrong
/// ones.
public struct TrajectoryGrowth: Sendable {
  public let examples: [Int]
  public let exponents: LyapunovExponents
  /// `‖F(z) − z‖ / ‖F(z)‖` of each example at the last iteration.
  public let lastSteps: [Double]
  /// Whether each example's whole answer is right after the last iteration; nil where the trace has no targets.
  public let isRight: [Bool?]
  /// How well a wrong answer is told by a leading exponent, or a last step, above those of right ones; nil when
  /// there are none of one kind.
  public let byExponent: Separation?
  public let byLastStep: Separation?

  public var rightCount: Int { isRight.count { $0 == true } }
  public var wrongCount: Int { isRight.count { $0 == false } }

  /// Follows the recorded latents at `first` through the iterations before `last`.
  ///
  /// - Throws: `ProbeError`, `LinearAlgebraError` where the trajectory is no longer finite, `TraceError`.
  public init(
    _ count: Int, of run: TracedRun, examples: [Int], from first: Int, to last: Int,
    seed: UInt64 = 0, isCancelled: () -> Bool = { false },
    progress: (_ iteration: Int, _ leading: [Double]) -> Void = { _, _ in }
  ) throws {
    let start = try run.states(of: examples, iteration: first)
    guard count <= start.shape[1] else {
      throw ProbeError(
        .notFound, "\(count) Lyapunov exponents of a state of \(start.shape[1]) numbers",
        remedy: "Ask for \(start.shape[1]) or fewer.")
    }
    guard first < last else {
      throw ProbeError(
        .notFound, "Lyapunov exponents need at least one iteration, not from \(first) to \(last)",
        remedy: "Give a range of iterations: --iter 0...50")
    }
    let shared = run.model.configuration.shared
    let map = try shared ? run.latentMap(examples: examples, at: first) : nil
    exponents = try LyapunovExponents(
      count, from: start, through: Array(first..<last), seed: seed,
      map: { t in try map ?? run.latentMap(examples: examples, at: t) },
      isCancelled: isCancelled, progress: progress)
    let end = exponents.iterations.last.map { $0 + 1 } ?? first
    let states = exponents.end
    if run.hasStep(at: end) {
      let next = try run.latentMap(examples: examples, at: end)(states)
      lastSteps = examples.indices.map { row in
        (next[row] - states[row]).norm / max(next[row].norm, .leastNormalMagnitude)
      }
    } else {
      lastSteps = examples.map { _ in .nan }
    }
    isRight = try run.answersAreRight(examples, latents: states, iteration: end)
    let (verdicts, steps, exponents) = (isRight, lastSteps, self.exponents)
    func separation(_ score: (Int) -> Double) -> Separation? {
      let rows = examples.indices
      return Separation(
        rows.filter { verdicts[$0] == false }.map(score),
        rows.filter { verdicts[$0] == true }.map(score), seed: seed)
    }
    self.examples = examples
    byExponent = separation { exponents.final($0).first ?? .nan }
    byLastStep = separation { steps[$0] }
  }

  /// As a companion file stores it: `lyapunov`: `exponent` `[iteration, example, index]`, the running means, with
  /// `last_step` and `right` (−1 unknown) `[example]`.
  public var data: AnalysisData {
    let (iterations, shape) = (exponents.iterations, exponents.running.shape)
    return AnalysisData(
      "lyapunov", title: "Finite-time Lyapunov exponents",
      axes: [
        AnalysisAxis("iteration", .integers(iterations.map { $0 + 1 })),
        AnalysisAxis("example", .integers(examples)),
        AnalysisAxis("index", .integers(Array(0..<shape[2]))),
      ],
      signal: AnalysisSeries(
        "exponent", .float64(exponents.running), axes: ["iteration", "example", "index"],
        unit: "nat/iteration", longName: "mean growth up to this iteration"),
      extra: [
        AnalysisSeries(
          "last_step", .float64(Tensor([examples.count], lastSteps)), axes: ["example"],
          longName: "|F(z) - z| / |F(z)| after the last iteration"),
        AnalysisSeries(
          "right",
          .integers(IntegerArray([examples.count], isRight.map { $0.map { $0 ? 1 : 0 } ?? -1 })),
          axes: ["example"], longName: "whether the whole answer is right; -1 unknown"),
      ])
  }
}
