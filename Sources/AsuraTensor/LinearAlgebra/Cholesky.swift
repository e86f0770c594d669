extension Tensor {
  /// The lower triangular `L` with `A = L Lᵀ` of a symmetric positive definite matrix `[n, n]`, of
  /// which only the lower triangle is read. LAPACK's `potrf`.
  ///
  /// - Throws: `LinearAlgebraError` when an element is not finite or the matrix is not positive
  ///   definite to working precision.
  public func cholesky() throws(LinearAlgebraError) -> Tensor {
    var (matrix, n) = try squareLapackInput("Cholesky factorisation")
    guard n > 0 else { return matrix }
    _ = BLAS.kernels
    var info: Int32 = 0
    matrix.update { a in
      // The row-major lower triangle is the column-major upper one.
      S.lapack.potrf("U", [Int32(n)], a, [Int32(n)], &info)
      for i in 0..<n { for j in i + 1..<max(n, i + 1) { a[i * n + j] = 0 } }
    }
    guard info == 0 else { throw .notPositiveDefinite(shape: shape, order: Int(info)) }
    return matrix
  }
}
