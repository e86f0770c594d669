/// The thin singular value decomposition `A = U diag(values) Vᵀ` of a matrix `[m, n]`, k = min(m,
/// n).
public struct SingularValueDecomposition<S: Scalar>: Sendable {
  /// The left vectors `[m, k]`, orthonormal columns.
  public let left: Tensor<S>
  /// The singular values `[k]`, largest first, none negative.
  public let values: Tensor<S>
  /// The right vectors `[k, n]` (Vᵀ), orthonormal rows.
  public let right: Tensor<S>
}

extension Tensor {
  /// The thin singular value decomposition of a matrix `[m, n]`. LAPACK's `gesdd`.
  ///
  /// - Throws: `LinearAlgebraError` when an element is not finite or the iteration does not
  ///   converge.
  public func singularValueDecomposition()
    throws(LinearAlgebraError) -> SingularValueDecomposition<S>
  {
    try gesdd(vectors: true)
  }

  /// The singular values `[min(m, n)]` of a matrix `[m, n]`, largest first.
  ///
  /// - Throws: `LinearAlgebraError` when an element is not finite or the iteration does not
  ///   converge.
  public func singularValues() throws(LinearAlgebraError) -> Tensor {
    try gesdd(vectors: false).values
  }

  private func gesdd(
    vectors: Bool
  ) throws(LinearAlgebraError) -> SingularValueDecomposition<S> {
    var (matrix, m, n) = try lapackInput("singular values")
    let k = min(m, n)
    var values = Tensor.zeros([k])
    var left = Tensor.zeros(vectors ? [m, k] : [0, 0])
    var right = Tensor.zeros(vectors ? [k, n] : [0, 0])
    if k > 0 {
      // LAPACK sees Aᵀ = V Σ Uᵀ, an n × m matrix: its left vectors are our right ones, and its
      // column-major output of either is the row-major one we want.
      let (rows, columns, rank) = ([Int32(n)], [Int32(m)], [Int32(k)])
      var integers = [Int32](repeating: 0, count: 8 * k)
      let info = matrix.update { a in
        values.update { s in
          left.update { u in
            right.update { v in
              integers.withUnsafeMutableBufferPointer { integers in
                callLAPACK { work, length, info in
                  S.lapack.gesdd(
                    vectors ? "S" : "N", rows, columns, a, rows, s, v, rows, u, rank, work,
                    [length], integers.baseAddress, info)
                }
              }
            }
          }
        }
      }
      guard info == 0 else {
        throw .didNotConverge(operation: "singular values", shape: shape, code: Int(info))
      }
    }
    return SingularValueDecomposition(left: left, values: values, right: right)
  }
}
