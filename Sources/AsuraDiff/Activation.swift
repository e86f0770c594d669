import AsuraKernels
import AsuraTensor

/// An elementwise nonlinearity.
public enum ActivationFunction: String, Sendable, Codable, CaseIterable {
  /// `x·σ(2√(2/π)(x + 0.044715x³))`, the tanh form (Hendrycks & Gimpel 2016).
  case gelu
  /// `max(x, 0)`, with slope 0 at 0.
  case relu
  /// `x·σ(x)` (Elfwing et al. 2018).
  case silu
  /// `σ(x) = 1/(1 + e^−x)`
  case sigmoid
}

/// `y = f(x)`. JVP: `ẏ = f′(x)·ẋ`. VJP: `x̄ = f′(x)·ȳ`.
struct Activation<S: Scalar>: Primitive {
  let function: ActivationFunction

  func value(of inputs: [Tensor<S>], keepingResiduals: Bool) -> (Tensor<S>, Tensor<S>?) {
    (Self.value(function, inputs[0]), keepingResiduals ? inputs[0] : nil)
  }

  static func value(_ function: ActivationFunction, _ x: Tensor<S>) -> Tensor<S> {
    Tensor(x.shape) { y in
      x.read { x0 in
        switch function {
        case .gelu: asura_gelu(S.kernelType, x0, y, x.count)
        case .relu: asura_relu(S.kernelType, x0, y, x.count)
        case .silu: asura_silu(S.kernelType, x0, y, x.count)
        case .sigmoid: asura_sigmoid(S.kernelType, x0, y, x.count)
        }
      }
    }
  }

  static func derivative(_ function: ActivationFunction, _ x: Tensor<S>) -> Tensor<S> {
    Tensor(x.shape) { d in
      x.read { x0 in
        switch function {
        case .gelu: asura_gelu_derivative(S.kernelType, x0, d, x.count)
        case .relu: asura_relu_derivative(S.kernelType, x0, d, x.count)
        case .silu: asura_silu_derivative(S.kernelType, x0, d, x.count)
        case .sigmoid: asura_sigmoid_derivative(S.kernelType, x0, d, x.count)
        }
      }
    }
  }

  func jvp(_ x: Tensor<S>, _ tangents: [Tensor<S>?], count: Int) -> Tensor<S> {
    guard let dx = tangents[0] else { preconditionFailure("no input varies") }
    return dx.multipliedRepeatedly(by: Self.derivative(function, x))
  }

  func vjp(_ x: Tensor<S>, _ cotangent: Tensor<S>, into inputs: Cotangents<S>) {
    inputs.add(
      Tensor(x.shape) { dx in
        read(x, cotangent) { x0, dy in
          switch function {
          case .gelu: asura_gelu_vjp(S.kernelType, x0, dy, dx, x.count)
          case .relu, .silu, .sigmoid:
            Self.derivative(function, x).read {
              asura_mul(S.kernelType, $0, dy, dx, x.count)
            }
          }
        }
      }, to: 0)
  }
}

/// SwiGLU (Shazeer 2020): `y = silu(g)·u` where x `[…, 2n]` holds g in its first n columns and u in
/// the others.
///
/// JVP: `ẏ = silu′(g)·u·ġ + silu(g)·u̇`. VJP: `ḡ = silu′(g)·u·ȳ`, `ū = silu(g)·ȳ`.
struct SwiGLU<S: Scalar>: Primitive {
  /// `∂y/∂g` and `∂y/∂u`, each `[…, n]`.
  struct Residuals {
    let byGate: Tensor<S>
    let byValue: Tensor<S>
  }

  func value(of inputs: [Tensor<S>], keepingResiduals: Bool) -> (Tensor<S>, Residuals?) {
    let width = inputs[0].rowLength / 2
    precondition(inputs[0].rowLength == 2 * width, "SwiGLU of an odd width")
    let gate = inputs[0].columns(0..<width)
    let value = inputs[0].columns(width..<2 * width)
    let activated = Activation.value(.silu, gate)
    return (
      activated.multipliedRepeatedly(by: value),
      keepingResiduals
        ? Residuals(
          byGate: Activation.derivative(.silu, gate).multipliedRepeatedly(by: value),
          byValue: activated) : nil
    )
  }

  func jvp(_ r: Residuals, _ tangents: [Tensor<S>?], count: Int) -> Tensor<S> {
    guard let dx = tangents[0] else { preconditionFailure("no input varies") }
    let width = r.byGate.rowLength
    return dx.columns(0..<width).multipliedRepeatedly(by: r.byGate)
      + dx.columns(width..<2 * width).multipliedRepeatedly(by: r.byValue)
  }

  func vjp(_ r: Residuals, _ cotangent: Tensor<S>, into inputs: Cotangents<S>) {
    let width = r.byGate.rowLength
    var dx = Tensor<S>(cotangent.shape.dropLast() + [2 * width]) { _ in }
    dx.setColumns(0..<width, to: cotangent.multipliedRepeatedly(by: r.byGate))
    dx.setColumns(width..<2 * width, to: cotangent.multipliedRepeatedly(by: r.byValue))
    inputs.add(dx, to: 0)
  }
}

extension Interpreter {
  /// `f(x)`, elementwise.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  public func activate(_ x: Value<S>, _ function: ActivationFunction) -> Value<S> {
    apply(Activation(function: function), x)
  }

  /// `silu(x[…, :n])·x[…, n:]` for x `[…, 2n]`.
  public func swiGLU(_ x: Value<S>) -> Value<S> { apply(SwiGLU(), x) }
}

extension Tensor {
  /// Every run of `factor.count` elements times `factor`, elementwise.
  func multipliedRepeatedly(by factor: Self) -> Self {
    guard factor.count > 0 else { return self }
    return Self(shape) { y in
      AsuraTensor.read(self, factor) {
        asura_mul_repeated(S.kernelType, $0, $1, y, count / factor.count, factor.count)
      }
    }
  }
}
