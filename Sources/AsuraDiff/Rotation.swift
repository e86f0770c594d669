import AsuraKernels
import AsuraTensor

/// Rotary positions (Su et al. 2021) on the first `heads` vectors of `headWidth` in each row of
/// `[batch, position, …]`: elements j and j + headWidth/2 turn together by `angle[position, j]`.
///
/// Linear: JVP turns ẋ the same way, VJP turns ȳ back.
struct Rotation<S: Scalar>: Primitive {
  /// Cosines and sines, each `[position, headWidth/2]`.
  let cosine: Tensor<S>
  let sine: Tensor<S>
  let heads: Int

  private func turned(_ x: Tensor<S>, direction: Double) -> Tensor<S> {
    let (positions, half) = (cosine.shape[0], cosine.shape[1])
    var y = x
    let (rows, stride) = (x.rowCount, x.rowLength)
    read(cosine, sine) { c, s in
      y.update {
        asura_rotate(
          S.kernelType, c, s, direction, $0, rows, stride, positions, heads, 2 * half)
      }
    }
    return y
  }

  func value(of inputs: [Tensor<S>], keepingResiduals: Bool) -> (Tensor<S>, Void?) {
    precondition(
      inputs[0].rank >= 2 && inputs[0].shape[inputs[0].rank - 2] == cosine.shape[0]
        && cosine.shape == sine.shape && heads * 2 * cosine.shape[1] <= inputs[0].rowLength,
      "rotating shape \(inputs[0].shape) at \(cosine.shape[0]) positions")
    return (turned(inputs[0], direction: 1), ())
  }
  func jvp(_: Void, _ tangents: [Tensor<S>?], count: Int) -> Tensor<S> {
    guard let dx = tangents[0] else { preconditionFailure("no input varies") }
    return turned(dx, direction: 1)
  }
  func vjp(_: Void, _ cotangent: Tensor<S>, into inputs: Cotangents<S>) {
    inputs.add(turned(cotangent, direction: -1), to: 0)
  }
}

extension Interpreter {
  /// Turns the first `heads` vectors of each row by angles whose cosines and sines are
  /// `[position, headWidth/2]`.
  public func rotate(
    _ x: Value<S>, cosine: Tensor<S>, sine: Tensor<S>, heads: Int
  ) -> Value<S> {
    apply(Rotation(cosine: cosine, sine: sine, heads: heads), x)
  }
}
