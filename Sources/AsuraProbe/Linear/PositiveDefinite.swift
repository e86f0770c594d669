internal import AsuraTensor

/// A factorised symmetric positive definite matrix, ready to solve with.
struct PositiveDefinite: Sendable {
  private let factor: Tensor<Double>

  /// - Throws: `LinearAlgebraError` for a matrix that is not positive definite.
  init(_ matrix: Tensor<Double>) throws(LinearAlgebraError) {
    factor = try matrix.cholesky()
  }

  /// Replaces each of `count` rows `b` at `rows` with `A⁻¹ b`.
  func solve(_ rows: UnsafeMutablePointer<Double>, count: Int) {
    let n = factor.shape[0]
    factor.read { l in
      for k in 0..<count {
        let b = rows + k * n
        for i in 0..<n {
          var value = b[i]
          for j in 0..<i { value -= l[i * n + j] * b[j] }
          b[i] = value / l[i * n + i]
        }
        // Column by column of Lᵀ, whose rows lie in a row of L.
        for i in (0..<n).reversed() {
          b[i] /= l[i * n + i]
          let value = b[i]
          for j in 0..<i { b[j] -= l[i * n + j] * value }
        }
      }
    }
  }

  /// `B A⁻¹` of rows `[row, n]`.
  func solve(_ rows: Tensor<Double>) -> Tensor<Double> {
    var solved = rows
    solved.update { solve($0, count: rows.shape[0]) }
    return solved
  }
}
