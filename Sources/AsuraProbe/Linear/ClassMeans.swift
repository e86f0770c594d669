internal import AsuraTensor
internal import Foundation

/// Probes made of the classes' means: the linear discriminant, and the mean difference.
///
/// Columns of the targets are the classes of one labelling after the other, 1 where the row is of the class.
struct ClassMeans {
  private let values: Standardized
  private let classes: Int

  init(_ values: Standardized, classes: Int) {
    self.values = values
    self.classes = classes
  }

  /// The mean of each class of labelling `set`, standardised, `[class, width]`; zeros for a class without rows.
  private func means(_ set: Int) -> Tensor<Double> {
    Tensor.concatenating(
      (0..<classes).map { c in
        let column = set * classes + c
        let share = values.targetMean[[column]]
        return values.covariance[column].scaled(by: share > 0 ? 1 / share : 0)
          .reshaped([1, values.mean.count])
      })
  }

  private func share(_ set: Int, _ c: Int) -> Double { values.targetMean[[set * classes + c]] }

  /// Fisher's linear discriminant, as the Gaussian classifier of one covariance:
  /// `μ_cᵀ Σ⁻¹ x − ½ μ_cᵀ Σ⁻¹ μ_c + log π_c` with `Σ = (1 − γ) Σ_within + γ tr(Σ_within)/width`.
  ///
  /// scikit-learn's `LinearDiscriminantAnalysis(solver="lsqr", shrinkage=γ)` on the same values.
  func discriminant(_ set: Int, shrinkage: Double) throws(LinearAlgebraError) -> LinearMap {
    let means = means(set)
    let width = values.mean.count
    var within = values.correlation
    within.update { s in
      means.read { m in
        for c in 0..<classes {
          let (share, mean) = (share(set, c), m + c * width)
          for i in 0..<width {
            let scaled = share * mean[i]
            for j in 0..<width { s[i * width + j] -= scaled * mean[j] }
          }
        }
        var trace = 0.0
        for i in 0..<width { trace += s[i * width + i] }
        // Coordinates that do not vary, and classes without spread, would leave it singular.
        let ridge = max(shrinkage * trace / Double(max(width, 1)), 1e-10)
        for i in 0..<width * width { s[i] *= 1 - shrinkage }
        for i in 0..<width { s[i * width + i] += ridge }
      }
    }
    let weights = try PositiveDefinite(within).solve(means)
    let bias = (0..<classes).map { c in
      let prior = share(set, c)
      return -0.5 * weights[c].dot(means[c]) + (prior > 0 ? log(prior) : -1e30)
    }
    return values.raw(weights, bias: bias)
  }

  /// The nearest class mean, standardised: `μ_c · x − ½ ‖μ_c‖²`. Between two classes, the difference of their means.
  func nearest(_ set: Int) -> LinearMap {
    let means = means(set)
    let bias = (0..<classes).map { c in
      share(set, c) > 0 ? -0.5 * means[c].dot(means[c]) : -1e30
    }
    return values.raw(means, bias: bias)
  }

  /// For a number: the direction of its covariance with the values, scaled by least squares along it.
  static func direction(_ values: Standardized) -> LinearMap {
    let columns = values.covariance.shape[0]
    let spread = values.covariance.matmul(values.correlation)
    var weights = values.covariance
    weights.update { w in
      let width = values.mean.count
      for c in 0..<columns {
        let (d, sd) = (values.covariance[c], spread[c])
        let along = d.dot(sd)
        let factor = along > 0 ? d.dot(d) / along : 0
        for i in 0..<width { w[c * width + i] *= factor }
      }
    }
    return values.raw(weights, bias: values.targetMean.elements)
  }
}
