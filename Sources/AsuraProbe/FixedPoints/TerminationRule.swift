/// Why a search for a fixed point ended.
public enum SearchEnd: String, Sendable, Codable, CaseIterable {
  /// `q = ½‖F(z) − z‖²` fell to the tolerance: a fixed point.
  case q
  /// `‖F(z) − z‖` fell to the rounding of numbers of the state's size: a fixed point, as nearly as can be told.
  case relativeResidual
  /// q stood still above the tolerance: a slow point at best.
  case stalled
  /// There were as many steps as allowed.
  case maximumIterations
  /// The state ran off, or became infinite or NaN.
  case diverged

  /// Whether it ended at a fixed point.
  public var isConverged: Bool { self == .q || self == .relativeResidual }

  /// What it is called in tables.
  public var label: String {
    switch self {
    case .q: "q below tolerance"
    case .relativeResidual: "residual at rounding"
    case .stalled: "q stood still"
    case .maximumIterations: "out of iterations"
    case .diverged: "diverged"
    }
  }
}

/// When searches for fixed points end; the defaults of the first two are those of FixedPointFinder.
public struct TerminationRule: Sendable, Equatable {
  /// The q at which a search has converged.
  public var q = 1e-12
  /// The change of q in a step at which it counts as standing still.
  public var qChange = 1e-20
  /// The residual relative to `‖F(z)‖` at which a search has converged whatever q is: what is left where states
  /// are so large that their rounding alone keeps q above its tolerance.
  public var relativeResidual = 1e-14
  /// After how many steps to give up; the solver's own number when nil.
  public var maximumIterations: Int?
  /// By what factor a state may outgrow where it began (or 1, where that is more) before it counts as run off.
  public var growth = 1e6

  public init() {}

}

extension FixedPointSolver {
  /// As the rule has it, by q, its change and the state's norm.
  public func terminate(
    _ progress: Progress, after iterations: Int, by rule: TerminationRule
  ) -> [SearchEnd?] {
    let iterates = progress.iterates
    return iterates.images.rowNorms.enumerated().map { row, norm in
      let q = iterates.q[row]
      guard q.isFinite, norm <= rule.growth * max(iterates.startNorms[row], 1) else {
        return .diverged
      }
      if q <= rule.q { return .q }
      if (2 * q).squareRoot() <= rule.relativeResidual * norm { return .relativeResidual }
      if iterates.qChanges[row] <= rule.qChange { return .stalled }
      return iterations >= rule.maximumIterations ?? maximumIterations ? .maximumIterations : nil
    }
  }
}
