public import AsuraTensor

/// Anderson mixing: the next state combines the last few images so that, were the map linear, their residual would be
/// smallest (Walker & Ni, "Anderson acceleration for fixed-point iterations", SIAM J. Numer. Anal. 2011).
///
/// Faster than plain iteration where that converges slowly, and often converges where it does not.
public struct AndersonMixing: FixedPointSolver {
  public struct Progress: FixedPointProgress {
    public fileprivate(set) var iterates: Iterates
    fileprivate var history: AndersonHistory

    public func selecting(_ rows: [Int]) -> Self {
      Self(iterates: iterates.selecting(rows), history: history.selecting(rows))
    }
  }

  public let name = "anderson"
  public let maximumIterations = 1000
  /// How many steps back it looks.
  public var memory = 5
  /// The share of the way from the combined states to their combined images, above 0 to 1.
  public var mixing = 1.0
  /// What is added to the least squares' matrix, relative to its squared size, to keep nearly dependent differences
  /// from large coefficients.
  public var regularization = 1e-12

  public init(memory: Int = 5, mixing: Double = 1, regularization: Double = 1e-12) {
    self.memory = memory
    self.mixing = mixing
    self.regularization = regularization
  }

  public func start(_ map: any StateMap, at states: Tensor<Double>) throws -> Progress {
    Progress(
      iterates: Iterates(states, images: try map(states)),
      history: AndersonHistory(memory: memory, mixing: mixing, regularization: regularization))
  }

  public func step(_ progress: inout Progress, of map: any StateMap) throws -> EvaluationCounts {
    let next = try progress.history.next(
      residuals: progress.iterates.residuals, images: progress.iterates.images)
    progress.iterates.move(to: next, images: try map(next))
    return EvaluationCounts(maps: 1)
  }
}
