public import ComplexModule

/// The real Schur form `A = Q T Qᵀ` of a square matrix, the chosen eigenvalues first.
public struct RealSchur<S: Scalar>: Sendable {
  /// The orthogonal matrix `[n, n]`: its first `chosen` columns span the invariant subspace of the chosen ones.
  public let q: Tensor<S>
  /// Upper triangular but for the 2 × 2 blocks of conjugate pairs, `[n, n]`.
  public let t: Tensor<S>
  /// The eigenvalues in the order of T's diagonal.
  public let values: [Complex<S>]
  /// How many were chosen: of a pair both or none.
  public let chosen: Int
}

extension Tensor {
  /// The real Schur form of a matrix `[n, n]`, with the eigenvalues that `choose` names moved to the front.
  ///
  /// - Parameter choose: Given all eigenvalues, tells of each whether it is wanted; of a conjugate pair either
  ///   both or none, else both are.
  /// - Throws: `LinearAlgebraError` when an element is not finite, the iteration does not converge or eigenvalues
  ///   are too close to change places. LAPACK's `gees` and `trsen`.
  public func realSchur(
    choosing choose: ([Complex<S>]) -> [Bool]
  ) throws(LinearAlgebraError) -> RealSchur<S> {
    let (checked, n) = try squareLapackInput("Schur form")
    guard n > 0 else { return RealSchur(q: checked, t: checked, values: [], chosen: 0) }
    // LAPACK reads the transpose column by column as the matrix itself.
    var t = checked.transposed
    var q = Tensor.zeros([n, n])
    var (real, imaginary) = (Tensor.zeros([n]), Tensor.zeros([n]))
    let size = [Int32(n)]
    var (count, flags): (Int32, [Int32]) = (0, Array(repeating: 0, count: n))
    func call(
      _ body: (
        _ t: UnsafeMutablePointer<S>, _ q: UnsafeMutablePointer<S>, _ re: UnsafeMutablePointer<S>,
        _ im: UnsafeMutablePointer<S>
      ) -> Int32
    ) throws(LinearAlgebraError) -> [Complex<S>] {
      let info = t.update { t in
        q.update { q in real.update { re in imaginary.update { im in body(t, q, re, im) } } }
      }
      guard info == 0 else {
        throw .didNotConverge(operation: "Schur form", shape: shape, code: Int(info))
      }
      return zip(real.elements, imaginary.elements).map { Complex($0, $1) }
    }
    let unordered = try call { t, q, re, im in
      callLAPACK { work, length, info in
        S.lapack.gees(
          "V", size, t, size, &count, re, im, q, size, work, [length], &flags, info)
      }
    }
    let wanted = choose(unordered)
    precondition(wanted.count == n, "\(wanted.count) choices of \(n) eigenvalues")
    let selection = wanted.map { Int32($0 ? 1 : 0) }
    let ordered = try call { t, q, re, im in
      var (condition, separation): (S, S) = (0, 0)
      return callLAPACK { work, length, info in
        S.lapack.trsen(
          "N", "V", selection, size, t, size, q, size, re, im, &count, &condition, &separation,
          work, [length], &flags, [Int32(max(1, n))], info)
      }
    }
    return RealSchur(q: q.transposed, t: t.transposed, values: ordered, chosen: Int(count))
  }
}
