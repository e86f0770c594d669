public import AsuraTensor

/// Anderson mixing: the next state combines the last few images so that, were the map linear, their residual would be
/// smallest (Walker & Ni, "Anderson acceleration for fixed-point iterations", SIAM J. Numer. Anal. 2011).
///
/// Faster than plain iteration where that converges slowly, and often converges where it does not.
public struct AndersonMixing: FixedPointSolver {
  public struct Progress: FixedPointProgress {
    public fileprivate(set) var iterates: Iterates
    /// The last differences between residuals and between images, oldest first, `[count, dimension]` each.
    fileprivate var residualDifferences: [Tensor<Double>] = []
    fileprivate var imageDifferences: [Tensor<Double>] = []

    public func selecting(_ rows: [Int]) -> Self {
      Self(
        iterates: iterates.selecting(rows),
        residualDifferences: residualDifferences.map { $0.rows(rows) },
        imageDifferences: imageDifferences.map { $0.rows(rows) })
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
    Progress(iterates: Iterates(states, images: try map(states)))
  }

  public func step(_ progress: inout Progress, of map: any StateMap) throws -> EvaluationCounts {
    let iterates = progress.iterates
    let residuals = iterates.residuals
    // z ← F(z) − (1 − β) r − Σ γ_i (ΔF_i − (1 − β) Δr_i)
    var next = iterates.images
    next.add(residuals, times: mixing - 1)
    let (residualDifferences, imageDifferences) = (
      progress.residualDifferences, progress.imageDifferences
    )
    let weights = try Workers.current.map(map.count) { row in
      try coefficients(residualDifferences.map { $0[row] }, residuals[row])
    }
    for (i, (dr, df)) in zip(residualDifferences, imageDifferences).enumerated() {
      let factors = weights.map { $0[i] }
      next.addRows(of: df, times: factors.map { -$0 })
      if mixing != 1 { next.addRows(of: dr, times: factors.map { (1 - mixing) * $0 }) }
    }
    progress.iterates.move(to: next, images: try map(next))
    progress.residualDifferences.append(progress.iterates.residuals - residuals)
    progress.imageDifferences.append(progress.iterates.images - iterates.images)
    if progress.residualDifferences.count > memory {
      progress.residualDifferences.removeFirst()
      progress.imageDifferences.removeFirst()
    }
    return EvaluationCounts(maps: 1)
  }

  /// The γ that make `‖r − Σ γ_i Δr_i‖² + λ ‖γ‖²` smallest, by QR of the differences with `√λ` times the identity
  /// below them.
  private func coefficients(
    _ differences: [Tensor<Double>], _ residual: Tensor<Double>
  ) throws -> [Double] {
    let (k, n) = (differences.count, residual.count)
    let size = differences.reduce(0) { $0 + $1.dot($1) }
    // Nothing to combine, or nothing finite: the plain step, whose end the rule then finds.
    guard k > 0, size > 0, size.isFinite, residual.isFinite else {
      return Array(repeating: 0, count: k)
    }
    let damping = (regularization * size).squareRoot()
    let matrix = Tensor<Double>([n + k, k]) { a in
      for (j, column) in differences.enumerated() {
        column.read { x in for i in 0..<n { a[i * k + j] = x[i] } }
        for i in 0..<k { a[(n + i) * k + j] = i == j ? damping : 0 }
      }
    }
    let (q, r) = { ($0.q, $0.r) }(try matrix.qr())
    var gamma = q.slice(0..<n).matmul(residual.reshaped([n, 1]), transposed: (.yes, .no)).elements
    r.read { r in
      for i in (0..<k).reversed() {
        for j in i + 1..<k { gamma[i] -= r[i * k + j] * gamma[j] }
        gamma[i] = r[i * k + i] == 0 ? 0 : gamma[i] / r[i * k + i]
      }
    }
    return gamma
  }
}
