import AsuraKernels

/// LAPACK's routines for one element type, by their names without the type's letter.
///
/// Arguments are LAPACK's own, every one a pointer; matrices are column-major. A row-major matrix
/// handed over as it is reads there as its transpose, which the callers put to use: they ask for
/// the factorisation of Aᵀ whose column-major result is the row-major one wanted of A.
public struct LAPACKRoutines<S> {
  typealias Flag = UnsafePointer<CChar>?
  typealias Count = UnsafePointer<Int32>?
  typealias Input = UnsafePointer<S>?
  typealias Output = UnsafeMutablePointer<S>?
  typealias Integers = UnsafeMutablePointer<Int32>?

  let geev:
    (
      Flag, Flag, Count, Output, Count, Output, Output, Output, Count, Output, Count, Output,
      Count, Integers
    ) -> Void
  let gebal: (Flag, Count, Output, Count, Integers, Integers, Output, Integers) -> Void
  let lahqr: (Int32, Output, Output, Output, Integers) -> Void
  let laqr3:
    (
      Int32, Int32, Int32, Int32, Output, Integers, Integers, Output, Output, Output, Output,
      Output, Output, Int32
    ) -> Void
  let laqr5:
    (
      Int32, Int32, Int32, Int32, Output, Output, Output, Output, Output, Int32, Output, Output
    ) -> Void
  let gees:
    (
      Flag, Count, Output, Count, Integers, Output, Output, Output, Count, Output, Count, Integers,
      Integers
    ) -> Void
  let trsen:
    (
      Flag, Flag, UnsafePointer<Int32>?, Count, Output, Count, Output, Count, Output, Output,
      Integers, Output, Output, Output, Count, Integers, Count, Integers
    ) -> Void
  let syevd:
    (Flag, Flag, Count, Output, Count, Output, Output, Count, Integers, Count, Integers) -> Void
  let gesdd:
    (
      Flag, Count, Count, Output, Count, Output, Output, Count, Output, Count, Output, Count,
      Integers, Integers
    ) -> Void
  let gelqf: (Count, Count, Output, Count, Output, Output, Count, Integers) -> Void
  let orglq: (Count, Count, Count, Output, Count, Input, Output, Count, Integers) -> Void
  let potrf: (Flag, Count, Output, Count, Integers) -> Void
  let gelsd:
    (
      Count, Count, Count, Output, Count, Output, Count, Output, Input, Integers, Output, Count,
      Integers, Integers
    ) -> Void
}

extension Tensor {
  /// This matrix, checked to be finite, for LAPACK to overwrite (a copy is made then), and its
  /// sizes.
  func lapackInput(
    _ operation: String
  ) throws(LinearAlgebraError) -> (matrix: Self, rows: Int, columns: Int) {
    precondition(rank == 2, "\(operation) of shape \(shape): a matrix has two axes")
    precondition(
      shape.allSatisfy { $0 <= Int32.max }, "\(operation) of shape \(shape): too large for LAPACK")
    try requireFinite(operation)
    return (self, shape[0], shape[1])
  }

  /// As `lapackInput`, for a square matrix.
  func squareLapackInput(
    _ operation: String
  ) throws(LinearAlgebraError) -> (matrix: Self, size: Int) {
    let (matrix, rows, columns) = try lapackInput(operation)
    precondition(rows == columns, "\(operation) of shape \(shape): the matrix must be square")
    return (matrix, rows)
  }

  /// Throws at the first NaN or infinity, on which LAPACK may never return.
  func requireFinite(_ operation: String) throws(LinearAlgebraError) {
    let bad: Int? = read { x in
      asura_all_finite(S.kernelType, x, count) != 0
        ? nil : (0..<count).first { !x[$0].isFinite }
    }
    guard let bad else { return }
    throw .notFinite(
      operation: operation, shape: shape, row: bad / rowLength, column: bad % rowLength,
      value: Double(elements[bad]))
  }
}

/// Runs a LAPACK routine twice, as all of them want: first with a workspace size of −1, upon which
/// it writes the size it would like, then with that workspace. Returns its info code.
///
/// It runs on one thread, as all of BLAS does: threads inside LAPACK gained a tenth at most, and would
/// make results depend on their number.
func callLAPACK<S: Scalar>(
  _ routine: (UnsafeMutablePointer<S>, Int32, UnsafeMutablePointer<Int32>) -> Void
) -> Int32 {
  _ = BLAS.kernels
  var info: Int32 = 0
  var wanted: S = 0
  routine(&wanted, -1, &info)
  guard info == 0 else { return info }
  // A float cannot hold every integer: round up so as not to fall short.
  let length = max(1, Int(wanted.nextUp.rounded(.up)))
  precondition(length <= Int32.max, "LAPACK wants a workspace of \(length) elements")
  let work = Storage<S>(count: length)
  routine(work.base, Int32(length), &info)
  withExtendedLifetime(work) {}
  return info
}
