internal import AsuraTensor

/// Multinomial logistic regression: the minimum of `1/n Σ −log p(y | x̃) + λ/2 ‖W‖²` over standardised values x̃, with
/// intercepts that are not penalised. Two classes have one row of weights, that of the second.
///
/// scikit-learn's `LogisticRegression(C)` on the same values has `C = 1 / (n λ)`.
struct LogisticRegression {
  /// A fit: a row of standardised weights and an intercept for each class, or the second of two.
  struct Fit: Sendable {
    /// Row by row, `[row, width + 1]`, the intercept last.
    let parameters: [Double]
    /// The minimum reached.
    let objective: Double
    /// The largest entry of the gradient there.
    let gradient: Double
    let iterations: Int
    let isConverged: Bool
  }

  let classes: Int
  let penalty: Double
  var solver = LBFGS()

  /// How many rows of weights there are.
  private var outputs: Int { classes == 2 ? 1 : classes }

  /// Fits the rows of the chosen parts.
  /// - Parameters:
  ///   - labels: the class of every row of the plan.
  ///   - values: the same rows' standardisation.
  ///   - start: another fit's parameters to begin at.
  func fit(
    _ rows: some ProbeRows, parts: [Bool], labels: [Int32], values: Standardized,
    from start: [Double]? = nil
  ) throws -> Fit {
    let objective = LogisticObjective(
      rows, parts, labels, values, outputs: outputs, penalty: penalty)
    let found = try solver.minimize(
      from: start ?? objective.start, { try objective.evaluate($0, &$1) },
      preconditioner: { try objective.preconditioner($0, isFirst: $1 && start == nil) })
    return Fit(
      parameters: found.point, objective: found.value, gradient: found.gradient,
      iterations: found.iterations, isConverged: found.isConverged)
  }

  /// The scores of all classes, of raw values; their softmax is the classes' probabilities.
  func map(_ fit: Fit, _ values: Standardized) -> LinearMap {
    let width = values.mean.count
    let weights = Tensor<Double>(
      [outputs, width],
      (0..<outputs).flatMap { k in fit.parameters[k * (width + 1)..<k * (width + 1) + width] })
    let bias = (0..<outputs).map { fit.parameters[$0 * (width + 1) + width] }
    guard classes == 2 else { return values.raw(weights, bias: bias) }
    return values.raw(
      .concatenating([weights.scaled(by: -0.5), weights.scaled(by: 0.5)]),
      bias: [-0.5 * bias[0], 0.5 * bias[0]])
  }
}
