/// What Anderson mixing remembers of the steps before, and the step it makes of that (Walker & Ni, "Anderson acceleration
/// for fixed-point iterations", SIAM J. Numer. Anal. 2011): for many searches at once, a row each.
package struct AndersonHistory: Sendable {
  /// How many steps back it looks.
  private let memory: Int
  /// The share of the way from the combined states to their combined images, above 0 to 1.
  private let mixing: Double
  /// What is added to the least squares' matrix, relative to its squared size, to keep nearly dependent differences
  /// from large coefficients.
  private let regularization: Double
  private var last: (residuals: Tensor<Double>, images: Tensor<Double>)?
  /// The last differences between residuals and between images, oldest first, `[count, dimension]` each.
  private var residualDifferences: [Tensor<Double>] = []
  private var imageDifferences: [Tensor<Double>] = []

  package init(memory: Int, mixing: Double = 1, regularization: Double = 1e-12) {
    self.memory = memory
    self.mixing = mixing
    self.regularization = regularization
  }

  /// The rows `rows`, in that order.
  package func selecting(_ rows: [Int]) -> Self {
    var history = self
    history.last = last.map { ($0.residuals.rows(rows), $0.images.rows(rows)) }
    history.residualDifferences = residualDifferences.map { $0.rows(rows) }
    history.imageDifferences = imageDifferences.map { $0.rows(rows) }
    return history
  }

  /// The states to go on from, given the images `F(z)` of those before and their residuals `F(z) − z`,
  /// `[count, dimension]`.
  package mutating func next(
    residuals: Tensor<Double>, images: Tensor<Double>
  ) throws -> Tensor<Double> {
    if let last {
      residualDifferences.append(residuals - last.residuals)
      imageDifferences.append(images - last.images)
      if residualDifferences.count > memory {
        residualDifferences.removeFirst()
        imageDifferences.removeFirst()
      }
    }
    last = (residuals, images)
    // z ← F(z) − (1 − β) r − Σ γ_i (ΔF_i − (1 − β) Δr_i)
    var next = images
    next.add(residuals, times: mixing - 1)
    let differences = residualDifferences
    let weights = try Workers.current.map(residuals.shape[0]) { [self] row in
      try coefficients(differences.map { $0[row] }, residuals[row])
    }
    for (i, (dr, df)) in zip(residualDifferences, imageDifferences).enumerated() {
      let factors = weights.map { $0[i] }
      next.addRows(of: df, times: factors.map { -$0 })
      if mixing != 1 { next.addRows(of: dr, times: factors.map { (1 - mixing) * $0 }) }
    }
    return next
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
