/// Why leading eigenvalues could not be sought.
public enum ArnoldiError: Error, Equatable, Sendable {
  /// The operator is too small for a Krylov method: it needs two dimensions more than eigenvalues.
  case tooFewDimensions(size: Int, count: Int)
  /// An option has a value that makes no sense.
  case invalidOption(name: String, value: String, expected: String)
  /// The Krylov basis of `subspace` vectors of `size` elements is beyond what ARPACK can index.
  case tooLarge(size: Int, subspace: Int)
  /// The start vector is zero or not finite.
  case badStartVector
  /// The operator's result had a NaN or an infinity, at its `application`-th use.
  case operatorNotFinite(application: Int)
  /// ARPACK refused its input or broke down.
  case arpack(routine: String, code: Int)
}

extension ArnoldiError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .tooFewDimensions(let size, let count):
      """
      \(count) leading eigenvalues of an operator of \(size) dimensions: the Arnoldi iteration needs \
      at least \(count + 2) dimensions; ask for fewer, or compute all of them from the dense matrix
      """
    case .invalidOption(let name, let value, let expected):
      "leading eigenvalues: \(name) is \(value), expected \(expected)"
    case .tooLarge(let size, let subspace):
      """
      leading eigenvalues: a basis of \(subspace) vectors of \(size) elements is too large for \
      ARPACK; ask for fewer eigenvalues or a smaller subspace
      """
    case .badStartVector:
      "leading eigenvalues: the start vector is zero or not finite; leave it out for a random one"
    case .operatorNotFinite(let application):
      """
      leading eigenvalues: the operator gave a NaN or an infinity at application \(application); \
      check that the latent it is linearised at is finite
      """
    case .arpack(let routine, let code):
      """
      leading eigenvalues: ARPACK's \(routine) stopped with code \(code); try another seed or a \
      larger subspace
      """
    }
  }
}
