public import AsuraTensor

/// A real square matrix known by its products, many vectors at once.
public protocol LinearOperator {
  /// How many rows and columns it has.
  var dimension: Int { get }

  /// `A·v` for each row v of `[rows, dimension]`.
  func apply(_ rows: Tensor<Double>) throws -> Tensor<Double>

  /// `Aᵀ·w` for each row w of `[rows, dimension]`.
  func applyTransposed(_ rows: Tensor<Double>) throws -> Tensor<Double>

  /// The matrix `[dimension, dimension]`, row = output.
  func matrix() throws -> Tensor<Double>
}

extension LinearOperator {
  /// Row by row, by the transpose: of a model's Jacobian both ways cost about the same (`make bench` times both).
  public func matrix() throws -> Tensor<Double> { try applyTransposed(.identity(dimension)) }
}

/// A matrix `[n, n]` written out.
public struct MatrixOperator: LinearOperator {
  private let elements: Tensor<Double>
  public var dimension: Int { elements.shape[0] }

  public init(_ matrix: Tensor<Double>) {
    precondition(
      matrix.rank == 2 && matrix.shape[0] == matrix.shape[1], "an operator \(matrix.shape)")
    elements = matrix
  }

  public func matrix() -> Tensor<Double> { elements }

  public func apply(_ rows: Tensor<Double>) -> Tensor<Double> {
    rows.matmul(elements, transposed: (.no, .yes))
  }

  public func applyTransposed(_ rows: Tensor<Double>) -> Tensor<Double> { rows.matmul(elements) }
}

/// `Q A Qᵀ`: an operator seen from the subspace that the orthonormal rows of Q `[k, dimension]` span, such as the
/// latents of one position. What leads out of the subspace is left out.
public struct RestrictedOperator: LinearOperator {
  private let whole: any LinearOperator
  private let basis: Tensor<Double>
  public var dimension: Int { basis.shape[0] }

  public init(_ whole: any LinearOperator, to basis: Tensor<Double>) {
    precondition(
      basis.rank == 2 && basis.shape[1] == whole.dimension,
      "a basis \(basis.shape) for \(whole.dimension) dimensions")
    self.whole = whole
    self.basis = basis
  }

  public func apply(_ rows: Tensor<Double>) throws -> Tensor<Double> {
    try whole.apply(rows.matmul(basis)).matmul(basis, transposed: (.no, .yes))
  }

  public func applyTransposed(_ rows: Tensor<Double>) throws -> Tensor<Double> {
    try whole.applyTransposed(rows.matmul(basis)).matmul(basis, transposed: (.no, .yes))
  }
}
