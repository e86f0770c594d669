internal import AsuraTensor

/// Ridge regression at every penalty from one factorisation (Hoerl and Kennard 1970): the minimum of
/// `1/n Σ ‖y − W x̃ − b‖² + λ ‖W‖²` over standardised values x̃.
///
/// scikit-learn's `Ridge(alpha)` on the same values has `alpha = n λ`.
struct RidgePath {
  private let values: Standardized
  private let eigen: SymmetricEigen<Double>
  /// The targets' covariances along the eigenvectors, `[column, width]`.
  private let projected: Tensor<Double>

  init(_ values: Standardized) throws(LinearAlgebraError) {
    self.values = values
    eigen = try values.correlation.symmetricEigen()
    projected = values.covariance.matmul(eigen.vectors, transposed: (.no, .yes))
  }

  /// The map at one penalty for all columns.
  func map(_ penalty: Double) -> LinearMap {
    map(Array(repeating: penalty, count: projected.shape[0]))
  }

  /// The map at a penalty of its own for each column.
  func map(_ penalties: [Double]) -> LinearMap {
    let (columns, width) = (projected.shape[0], projected.shape[1])
    precondition(penalties.count == columns, "\(penalties.count) penalties for \(columns) columns")
    var scaled = projected
    scaled.update { w in
      eigen.values.read { values in
        for c in 0..<columns {
          for i in 0..<width {
            // Rounding may leave an eigenvalue of zero just below it.
            let shrunk = max(values[i], 0) + penalties[c]
            w[c * width + i] = shrunk > 1e-12 ? w[c * width + i] / shrunk : 0
          }
        }
      }
    }
    return values.raw(
      scaled.matmul(eigen.vectors), bias: values.targetMean.elements)
  }

  /// The summed squared error of each column of `map` on the rows that `moments` are of.
  static func squaredErrors(_ map: LinearMap, on moments: Moments) -> [Double] {
    let columns = moments.columns
    // About the moments' origin, so that what is subtracted is small.
    let product = map.weights.matmul(moments.xx)
    return (0..<columns).map { c in
      let w = map.weights[c]
      let bias = map.bias[c] + w.dot(moments.origin)
      let (wx, wyx) = (w.dot(moments.x), w.dot(moments.yx[c]))
      let quadratic = w.dot(product[c]) + 2 * bias * wx + bias * bias * moments.count
      return max(0, moments.yy[[c]] - 2 * (wyx + bias * moments.y[[c]]) + quadratic)
    }
  }
}
