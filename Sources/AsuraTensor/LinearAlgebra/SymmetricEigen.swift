/// Eigenvalues of a symmetric matrix with orthonormal eigenvectors: `A = Vᵀ diag(values) V`.
public struct SymmetricEigen<S: Scalar>: Sendable {
  /// The eigenvalues `[n]`, largest first.
  public let values: Tensor<S>
  /// The eigenvectors `[n, n]`: row `j` belongs to `values[j]`.
  public let vectors: Tensor<S>
}

extension Tensor {
  /// The eigenvalues and eigenvectors of a symmetric matrix `[n, n]`, of which only the lower
  /// triangle is read. LAPACK's `syevd`.
  ///
  /// - Throws: `LinearAlgebraError` when an element is not finite or the iteration does not
  ///   converge.
  public func symmetricEigen() throws(LinearAlgebraError) -> SymmetricEigen<S> {
    var (matrix, n) = try squareLapackInput("symmetric eigenvalues")
    var values = Tensor.zeros([n])
    guard n > 0 else { return SymmetricEigen(values: values, vectors: matrix) }
    let size = [Int32(n)]
    // The integer workspace's size is fixed by the documentation: 3 + 5n with vectors.
    var integers = [Int32](repeating: 0, count: 3 + 5 * n)
    let integerCount = [Int32(integers.count)]
    let info = matrix.update { a in
      values.update { w in
        integers.withUnsafeMutableBufferPointer { integers in
          callLAPACK { work, length, info in
            // The row-major lower triangle is the column-major upper one.
            S.lapack.syevd(
              "V", "U", size, a, size, w, work, [length], integers.baseAddress, integerCount, info)
          }
        }
      }
    }
    guard info == 0 else {
      throw .didNotConverge(operation: "symmetric eigenvalues", shape: shape, code: Int(info))
    }
    // LAPACK's order is ascending, and its columns are our rows.
    return SymmetricEigen(
      values: Tensor([n], values.elements.reversed()),
      vectors: Tensor.concatenating((0..<n).reversed().map { matrix.slice($0..<$0 + 1) }))
  }
}
