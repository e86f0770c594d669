/// The solution of smallest norm among those that minimise `‖A X − B‖`.
public struct LeastSquares<S: Scalar>: Sendable {
  /// `X`, `[n]` or `[n, columns]` as `B` was given.
  public let solution: Tensor<S>
  /// How many singular values of `A` counted as nonzero. Below `n`, the solution is one of many.
  public let rank: Int
  /// The singular values of `A`, `[min(m, n)]`, largest first.
  public let singularValues: Tensor<S>
}

extension Tensor {
  /// Solves `A X = B` in the least squares sense, whatever the shape and rank of `A`.
  ///
  /// `A` is this matrix `[m, n]`; `B` is `[m]` or `[m, columns]`. Singular values below `cutoff`
  /// (in 0..<1) times the largest count as zero; the default is the machine precision times the
  /// larger side. A matrix without rows has the zero solution. LAPACK's `gelsd` (divide-and-conquer
  /// SVD).
  ///
  /// - Throws: `LinearAlgebraError` when an element of either matrix is not finite or the iteration
  ///   does not converge.
  public func leastSquares(
    _ b: Tensor, cutoff: S? = nil
  ) throws(LinearAlgebraError) -> LeastSquares<S> {
    let (_, m, n) = try lapackInput("least squares")
    precondition(
      (1...2).contains(b.rank) && b.shape[0] == m,
      "least squares of \(shape) with right-hand side \(b.shape): \(m) rows expected")
    let relative = cutoff ?? S.ulpOfOne * S(max(m, n))
    precondition((0..<1).contains(relative), "least squares with cutoff \(relative)")
    try b.requireFinite("least squares, right-hand side")
    let columns = b.rank == 1 ? 1 : b.shape[1]
    let solutionShape = b.rank == 1 ? [n] : [n, columns]
    let (k, larger) = (min(m, n), max(m, n))
    var values = Tensor.zeros([k])
    guard k > 0, columns > 0 else {
      return LeastSquares(
        solution: .zeros(solutionShape), rank: 0,
        singularValues: columns == 0 && k > 0 ? try singularValues() : values)
    }
    var matrix = transposed
    // One buffer takes B in and brings X out, each of its columns as long as the longer of the two.
    var sides = Tensor.zeros([columns, larger])
    let given = b.reshaped([m, columns])
    sides.update { sides in
      given.read { b in
        for i in 0..<m { for c in 0..<columns { sides[c * larger + i] = b[i * columns + c] } }
      }
    }
    var rank: Int32 = 0
    // At most log₂ k levels of 3k integers and 11k more.
    let levels = max(0, Int.bitWidth - k.leadingZeroBitCount)
    var integers = [Int32](repeating: 0, count: k * (3 * levels + 11))
    let info = matrix.update { a in
      sides.update { x in
        values.update { s in
          integers.withUnsafeMutableBufferPointer { integers in
            callLAPACK { work, length, info in
              S.lapack.gelsd(
                [Int32(m)], [Int32(n)], [Int32(columns)], a, [Int32(m)], x, [Int32(larger)], s,
                [relative], &rank, work, [length], integers.baseAddress, info)
            }
          }
        }
      }
    }
    guard info == 0 else {
      throw .didNotConverge(operation: "least squares", shape: shape, code: Int(info))
    }
    let solution = Tensor([n, columns]) { out in
      sides.read { x in
        for i in 0..<n { for c in 0..<columns { out[i * columns + c] = x[c * larger + i] } }
      }
    }
    return LeastSquares(
      solution: solution.reshaped(solutionShape), rank: Int(rank), singularValues: values)
  }
}
