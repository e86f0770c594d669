import AsuraKernels

/// Whether a matrix operand is used as stored or transposed.
public enum Transpose: Sendable { case no, yes }

/// C ← α·op(A)·op(B) + bias + D + β·C on row-major matrices with row strides `lda`, `ldb`, `ldd`, `ldc`,
/// where C is `m × n` and the sum runs over `k`; `bias` is a row added to each, and D may not overlap C. Small products
/// of the sizes a layer makes run on kernels of ours where they are faster (`asura_small_gemm`), the others on OpenBLAS.
@inlinable @inline(__always)
public func gemm<S: Scalar>(
  _ transA: Transpose = .no, _ transB: Transpose = .no, m: Int, n: Int, k: Int, alpha: Double = 1,
  _ a: UnsafePointer<S>, lda: Int, _ b: UnsafePointer<S>, ldb: Int, bias: UnsafePointer<S>? = nil,
  adding d: UnsafePointer<S>? = nil, ldd: Int = 0, beta: Double = 0, _ c: UnsafeMutablePointer<S>,
  ldc: Int
) {
  if m == 0 || n == 0 { return }
  let isDone = asura_small_gemm(
    S.kernelType, transA == .yes ? 1 : 0, transB == .yes ? 1 : 0, m, n, k, alpha, a, lda, b, ldb,
    bias, d, ldd, beta, c, ldc)
  if isDone != 0 { return }
  _ = BLAS.kernels
  // BLAS insists on strides of at least 1, even of what is empty.
  S.gemm(
    transA, transB, m, n, k, S(alpha), a, max(1, lda), b, max(1, ldb), S(beta), c, max(1, ldc))
  guard bias != nil || d != nil else { return }
  for i in 0..<m {
    let row = c + i * ldc
    if let bias { asura_add(S.kernelType, row, bias, row, n) }
    if let d { asura_add(S.kernelType, row, d + i * ldd, row, n) }
  }
}

extension Tensor {
  /// The product of two matrices, either of them transposed.
  public func matmul(
    _ other: Self, transposed: (Transpose, Transpose) = (.no, .no)
  ) -> Self {
    precondition(rank == 2 && other.rank == 2, "matmul of shapes \(shape) and \(other.shape)")
    let (m, k) = transposed.0 == .no ? (shape[0], shape[1]) : (shape[1], shape[0])
    let (k2, n) =
      transposed.1 == .no ? (other.shape[0], other.shape[1]) : (other.shape[1], other.shape[0])
    precondition(k == k2, "matmul of shapes \(shape) and \(other.shape): \(k) against \(k2)")
    return Self([m, n]) { c in
      AsuraTensor.read(self, other) { a, b in
        gemm(
          transposed.0, transposed.1, m: m, n: n, k: k, a, lda: shape[1], b, ldb: other.shape[1], c,
          ldc: n)
      }
    }
  }

  /// The transpose of a matrix.
  public var transposed: Self {
    precondition(rank == 2, "transpose of shape \(shape)")
    let (rows, columns) = (shape[0], shape[1])
    return Self([columns, rows]) { out in
      read { x in
        for i in 0..<rows { for j in 0..<columns { out[j * rows + i] = x[i * columns + j] } }
      }
    }
  }
}
