import AsuraTensor

/// One differentiable operation: its value and both of its derivative rules, side by side.
///
/// For `y = f(x₁, …, xₙ)` the rules are the Jacobian-vector product (forward mode)
/// `ẏ = Σᵢ ∂f/∂xᵢ · ẋᵢ` and its transpose, the vector-Jacobian product (reverse mode)
/// `x̄ᵢ += (∂f/∂xᵢ)ᵀ · ȳ`. Whatever the rules need of the value's computation is a residual: nothing
/// else is kept, and a run without derivatives keeps nothing at all.
public protocol Primitive<S>: Sendable {
  associatedtype S: Scalar
  /// What the derivative rules need to know of the values.
  associatedtype Residuals

  /// The value, and the residuals when they are wanted.
  func value(of inputs: [Tensor<S>], keepingResiduals: Bool) -> (Tensor<S>, Residuals?)

  /// The output's tangents `[count] + output shape`; an input's tangents are
  /// `[count] + input shape`, or nil where the input does not vary. At least one is not nil.
  func jvp(_ residuals: Residuals, _ tangents: [Tensor<S>?], count: Int) throws -> Tensor<S>

  /// Adds to each input's cotangent that is wanted.
  func vjp(_ residuals: Residuals, _ cotangent: Tensor<S>, into inputs: Cotangents<S>) throws
}

/// The cotangents of a primitive's inputs, to be added to by its VJP rule.
public struct Cotangents<S: Scalar> {
  let nodes: [Node<S>?]

  /// Whether input `index` varies, so that its cotangent is worth computing.
  public func wants(_ index: Int) -> Bool { nodes[index] != nil }

  /// Adds `tensor` to the cotangent of input `index`.
  public func add(_ tensor: @autoclosure () -> Tensor<S>, to index: Int) {
    guard let node = nodes[index] else { return }
    let tensor = tensor()
    if node.cotangent == nil {
      node.cotangent = tensor
    } else {
      node.cotangent?.add(tensor)
    }
  }

  /// Calls `body` with the cotangent of input `index`, zeros at first, to add to in place.
  public func accumulate(
    _ index: Int, shape: [Int], _ body: (UnsafeMutablePointer<S>) -> Void
  ) {
    guard let node = nodes[index] else { return }
    if node.cotangent == nil { node.cotangent = .zeros(shape) }
    node.cotangent?.update(body)
  }

  /// Calls `body` with the cotangent of input `index` and the factor its old content is to be kept
  /// with: 0 when it is still undefined, 1 after that, as `gemm`'s β.
  public func accumulate(
    _ index: Int, shape: [Int], _ body: (UnsafeMutablePointer<S>, _ beta: Double) -> Void
  ) {
    guard let node = nodes[index] else { return }
    if node.cotangent == nil {
      node.cotangent = Tensor(shape) { body($0, 0) }
    } else {
      node.cotangent?.update { body($0, 1) }
    }
  }
}
