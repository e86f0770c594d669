internal import COpenBLAS
public import RealModule

/// The BLAS and LAPACK routines of one element type; use `gemm` and the methods of `Tensor`.
public protocol LAPACKScalar: Real {
  static var lapack: LAPACKRoutines<Self> { get }
  static func gemm(
    _ transA: Transpose, _ transB: Transpose, _ m: Int, _ n: Int, _ k: Int, _ alpha: Self,
    _ a: UnsafePointer<Self>, _ lda: Int, _ b: UnsafePointer<Self>, _ ldb: Int, _ beta: Self,
    _ c: UnsafeMutablePointer<Self>, _ ldc: Int)
  /// `y ← α A x + β y` or with Aᵀ, of a column-major matrix of m rows.
  static func gemv(
    _ transA: Transpose, _ m: Int, _ n: Int, _ alpha: Self, _ a: UnsafePointer<Self>, _ lda: Int,
    _ x: UnsafePointer<Self>, _ beta: Self, _ y: UnsafeMutablePointer<Self>)
}

extension Transpose {
  fileprivate var cblas: CBLAS_TRANSPOSE { self == .no ? CblasNoTrans : CblasTrans }
}

extension Float: LAPACKScalar {
  public static var lapack: LAPACKRoutines<Float> {
    LAPACKRoutines(
      geev: sgeev_, gebal: sgebal_, lahqr: asura_slahqr,
      laqr3: asura_slaqr3, laqr5: asura_slaqr5, gees: asura_sgees, trsen: strsen_, syevd: ssyevd_,
      gesdd: sgesdd_,
      gelqf: sgelqf_, orglq: sorglq_, potrf: spotrf_,
      gelsd: sgelsd_)
  }

  public static func gemm(
    _ transA: Transpose, _ transB: Transpose, _ m: Int, _ n: Int, _ k: Int, _ alpha: Float,
    _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int, _ beta: Float,
    _ c: UnsafeMutablePointer<Float>, _ ldc: Int
  ) {
    cblas_sgemm(
      CblasRowMajor, transA.cblas, transB.cblas, Int32(m), Int32(n), Int32(k), alpha, a,
      Int32(lda), b, Int32(ldb), beta, c, Int32(ldc))
  }

  public static func gemv(
    _ transA: Transpose, _ m: Int, _ n: Int, _ alpha: Float, _ a: UnsafePointer<Float>, _ lda: Int,
    _ x: UnsafePointer<Float>, _ beta: Float, _ y: UnsafeMutablePointer<Float>
  ) {
    cblas_sgemv(
      CblasColMajor, transA.cblas, Int32(m), Int32(n), alpha, a, Int32(lda), x, 1, beta, y, 1)
  }
}

extension Double: LAPACKScalar {
  public static var lapack: LAPACKRoutines<Double> {
    LAPACKRoutines(
      geev: dgeev_, gebal: dgebal_, lahqr: asura_dlahqr,
      laqr3: asura_dlaqr3, laqr5: asura_dlaqr5, gees: asura_dgees, trsen: dtrsen_, syevd: dsyevd_,
      gesdd: dgesdd_,
      gelqf: dgelqf_, orglq: dorglq_, potrf: dpotrf_,
      gelsd: dgelsd_)
  }

  public static func gemm(
    _ transA: Transpose, _ transB: Transpose, _ m: Int, _ n: Int, _ k: Int, _ alpha: Double,
    _ a: UnsafePointer<Double>, _ lda: Int, _ b: UnsafePointer<Double>, _ ldb: Int,
    _ beta: Double, _ c: UnsafeMutablePointer<Double>, _ ldc: Int
  ) {
    cblas_dgemm(
      CblasRowMajor, transA.cblas, transB.cblas, Int32(m), Int32(n), Int32(k), alpha, a,
      Int32(lda), b, Int32(ldb), beta, c, Int32(ldc))
  }

  public static func gemv(
    _ transA: Transpose, _ m: Int, _ n: Int, _ alpha: Double, _ a: UnsafePointer<Double>,
    _ lda: Int,
    _ x: UnsafePointer<Double>, _ beta: Double, _ y: UnsafeMutablePointer<Double>
  ) {
    cblas_dgemv(
      CblasColMajor, transA.cblas, Int32(m), Int32(n), alpha, a, Int32(lda), x, 1, beta, y, 1)
  }
}
