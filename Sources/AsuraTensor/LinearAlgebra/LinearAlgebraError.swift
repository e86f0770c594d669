/// Why a matrix could not be factorised.
public enum LinearAlgebraError: Error, Equatable, Sendable {
  /// The matrix has a NaN or an infinity; the first one is at `row`, `column`.
  case notFinite(operation: String, shape: [Int], row: Int, column: Int, value: Double)
  /// LAPACK's iteration gave up. `code` is its info.
  case didNotConverge(operation: String, shape: [Int], code: Int)
  /// The leading block of `order` rows and columns is not positive definite.
  case notPositiveDefinite(shape: [Int], order: Int)
}

extension LinearAlgebraError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .notFinite(let operation, let shape, let row, let column, let value):
      """
      \(operation): the matrix of shape \(shape) holds \(value) at row \(row), column \(column); \
      find where the values stop being finite before analysing them
      """
    case .didNotConverge(let operation, let shape, let code):
      """
      \(operation) of a matrix of shape \(shape) did not converge (LAPACK info \(code)); \
      try double precision, or scale the matrix to entries near 1
      """
    case .notPositiveDefinite(let shape, let order):
      """
      Cholesky factorisation: the matrix of shape \(shape) is not positive definite (its leading \
      block of order \(order) is not); add a small multiple of the identity, or use symmetricEigen
      """
    }
  }
}
