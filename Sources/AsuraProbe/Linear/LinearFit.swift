public import AsuraTensor

/// One linear probe, fitted to rows in memory: scores `W x + b`, of each class or of one number.
public struct LinearFit: Sendable {
  /// `[class, width]`, or `[1, width]` of a number, of the values as they are.
  public let weights: Tensor<Double>
  /// `[class]`, or one.
  public let bias: [Double]
  /// What was minimised, at the minimum: `1/n Σ −log p + λ/2 ‖W‖²` of logistic fits, `1/n Σ ‖y − W x̃ − b‖² + λ ‖W‖²` of
  /// ridge, W being those of standardised values x̃; NaN of the others.
  public let objective: Double
  /// The largest entry of the gradient of logistic fits; 0 of closed forms.
  public let gradient: Double
  public let isConverged: Bool

  /// A probe of classes.
  /// - Parameters:
  ///   - values: `[row, width]`.
  ///   - labels: each row's class, from 0.
  ///   - penalty: λ of ridge and logistic fits.
  ///   - shrinkage: of the linear discriminant.
  ///   - tolerance: of the gradient of logistic fits.
  /// - Throws: `LinearAlgebraError` for values that are not finite.
  public init(
    _ estimator: LinearEstimator, values: Tensor<Double>, labels: [Int], classes: Int,
    penalty: Double = 0.01, shrinkage: Double = LinearProbe().shrinkage,
    tolerance: Double = LinearProbe().tolerance
  ) throws {
    precondition(
      labels.allSatisfy { (0..<classes).contains($0) }, "labels outside 0..<\(classes)")
    let rows = Self.rows(values, labels.map(Double.init))
    let moments = try Moments.parts(of: rows, columns: classes) { block, out in
      out.update(repeating: 0, count: block.count * classes)
      for (i, row) in block.enumerated() { out[i * classes + labels[row]] = 1 }
    }[0]
    let standard = Standardized(moments)
    let means = ClassMeans(standard, classes: classes)
    switch estimator {
    case .ridge: try self.init(ridge: moments, standard, penalty)
    case .discriminant: self.init(try means.discriminant(0, shrinkage: shrinkage))
    case .meanDifference: self.init(means.nearest(0))
    case .logistic:
      var regression = LogisticRegression(classes: classes, penalty: penalty)
      regression.solver.tolerance = tolerance
      let fit = try regression.fit(
        rows, parts: [true], labels: labels.map { Int32($0) }, values: standard)
      self.init(
        regression.map(fit, standard), objective: fit.objective, gradient: fit.gradient,
        isConverged: fit.isConverged)
    }
  }

  /// A probe of a number, by ridge or, for the other estimators, along the direction of its covariance.
  public init(
    _ estimator: LinearEstimator, values: Tensor<Double>, numbers: [Double], penalty: Double = 0.01
  ) throws {
    let rows = Self.rows(values, numbers)
    let moments = try Moments.parts(of: rows, columns: 1) { block, out in
      for (i, row) in block.enumerated() { out[i] = numbers[row] }
    }[0]
    let standard = Standardized(moments)
    if estimator == .ridge {
      try self.init(ridge: moments, standard, penalty)
    } else {
      self.init(ClassMeans.direction(standard))
    }
  }

  private init(ridge moments: Moments, _ standard: Standardized, _ penalty: Double) throws {
    let map = try RidgePath(standard).map(penalty)
    let errors = RidgePath.squaredErrors(map, on: moments).reduce(0, +)
    var size = 0.0
    for c in 0..<map.bias.count {
      for i in 0..<moments.width where standard.inverse[[i]] > 0 {
        let w = map.weights[[c, i]] / standard.inverse[[i]]
        size += w * w
      }
    }
    self.init(map, objective: errors / moments.count + penalty * size)
  }

  private init(
    _ map: LinearMap, objective: Double = .nan, gradient: Double = 0, isConverged: Bool = true
  ) {
    weights = map.weights
    bias = map.bias
    self.objective = objective
    self.gradient = gradient
    self.isConverged = isConverged
  }

  private static func rows(_ values: Tensor<Double>, _ labels: [Double]) -> HeldRows {
    precondition(
      values.rank == 2 && values.shape[0] == labels.count && !labels.isEmpty,
      "values \(values.shape) for \(labels.count) labels")
    let plan = RowPlan(
      ProbeLabels(
        name: "", examples: labels.count, positions: 1, values: labels, classes: nil),
      positions: [0], parts: ExampleParts(count: 1, part: labels.map { _ in 0 }),
      width: values.shape[1])
    return HeldRows(plan: plan, x: values)
  }

  /// The scores `[row, class]` of values `[row, width]`.
  public func scores(_ values: Tensor<Double>) -> Tensor<Double> {
    let map = LinearMap(weights: weights, bias: bias)
    return Tensor([values.shape[0], bias.count]) { out in
      values.read { map.scores($0, rows: values.shape[0], into: out) }
    }
  }
}
