/// The thin factorisation `A = Q R` of a matrix `[m, n]`, k = min(m, n).
public struct QRDecomposition<S: Scalar>: Sendable {
  /// Orthonormal columns, `[m, k]`.
  public let q: Tensor<S>
  /// Upper triangular, `[k, n]`, no negative entry on its diagonal.
  public let r: Tensor<S>
}

extension Tensor {
  /// The thin QR factorisation of a matrix `[m, n]`.
  ///
  /// With the diagonal of `R` kept from being negative the factors of a matrix of full column rank
  /// are unique, and so change smoothly with it. LAPACK's `gelqf` on the transpose.
  ///
  /// - Throws: `LinearAlgebraError.notFinite` when an element is not finite.
  public func qr() throws(LinearAlgebraError) -> QRDecomposition<S> {
    var (matrix, m, n) = try lapackInput("QR factorisation")
    let k = min(m, n)
    var r = Tensor.zeros([k, n])
    var q = Tensor.zeros([m, k])
    guard k > 0 else { return QRDecomposition(q: q, r: r) }
    // LAPACK sees Aᵀ = L Q', so A = Q'ᵀ Lᵀ; read row-major, its output is already transposed.
    let (rows, columns, rank) = ([Int32(n)], [Int32(m)], [Int32(k)])
    let reflectors = Storage<S>(count: k)
    defer { withExtendedLifetime(reflectors) {} }
    var info = matrix.update { a in
      callLAPACK { work, length, info in
        S.lapack.gelqf(rows, columns, a, rows, reflectors.base, work, [length], info)
      }
    }
    precondition(info == 0, "gelqf refused its argument \(-info)")
    matrix.read { a in
      r.update { r in
        for i in 0..<k { for j in i..<n { r[i * n + j] = a[i * n + j] } }
      }
      // The reflectors lie in the first k of n columns of each row; Q takes rows of k.
      q.update { q in
        for i in 0..<m { (q + i * k).update(from: a + i * n, count: k) }
      }
    }
    info = q.update { q in
      callLAPACK { work, length, info in
        S.lapack.orglq(rank, columns, rank, q, rank, reflectors.base, work, [length], info)
      }
    }
    precondition(info == 0, "orglq refused its argument \(-info)")
    r.update { r in
      q.update { q in
        for j in 0..<k where r[j * n + j] < 0 {
          for column in j..<n { r[j * n + column].negate() }
          for row in 0..<m { q[row * k + j].negate() }
        }
      }
    }
    return QRDecomposition(q: q, r: r)
  }
}
