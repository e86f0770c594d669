import AsuraKernels
import AsuraTensor

/// What a norm does to each row (the last axis) before its gain and bias.
public enum NormKind: String, Sendable, Codable, CaseIterable {
  /// Subtract the mean, divide by the standard deviation (Ba et al. 2016).
  case layer
  /// Divide by the root mean square (Zhang & Sennrich 2019).
  case rms
}

/// `y = x̂·g + b`, with `x̂ = (x − mean)·r`, `r = 1/√(variance + ε)` (layer), or
/// `x̂ = x·r`, `r = 1/√(mean square + ε)` (RMS).
///
/// ∂x̂/∂x is symmetric: `J v = r·(v − mean(v) − x̂·mean(x̂·v))` (without mean(v) for RMS), so
/// JVP: `ẏ = J(ẋ)·g + x̂·ġ + ḃ`. VJP: `x̄ = J(ȳ·g)`, `ḡ = Σ ȳ·x̂`, `b̄ = Σ ȳ`.
struct Normalization<S: Scalar>: Primitive {
  let kind: NormKind
  let epsilon: Double
  let hasBias: Bool

  struct Residuals {
    let normalized: Tensor<S>
    let inverseScale: Tensor<S>
    let gain: Tensor<S>
  }

  private var centred: Int32 { kind == .layer ? 1 : 0 }

  func value(of inputs: [Tensor<S>], keepingResiduals keep: Bool) -> (Tensor<S>, Residuals?) {
    let (x, gain) = (inputs[0], inputs[1])
    let (rows, width) = (x.rowCount, x.rowLength)
    precondition(gain.shape == [width], "norm: gain \(gain.shape) for rows of \(width)")
    var (normalized, inverseScale): (Tensor<S>?, Tensor<S>?)
    let y = Tensor<S>(x.shape) { y in
      read(x, gain) { x, g in
        read(hasBias ? inputs[2] : nil) { b in
          func run(_ h: UnsafeMutablePointer<S>?, _ r: UnsafeMutablePointer<S>?) {
            asura_norm(S.kernelType, centred, epsilon, x, g, b, y, h, r, rows, width)
          }
          guard keep else { return run(nil, nil) }
          inverseScale = Tensor([rows]) { r in
            normalized = Tensor(inputs[0].shape) { h in run(h, r) }
          }
        }
      }
    }
    guard let normalized, let inverseScale else { return (y, nil) }
    return (y, Residuals(normalized: normalized, inverseScale: inverseScale, gain: gain))
  }

  func jvp(_ r: Residuals, _ tangents: [Tensor<S>?], count: Int) -> Tensor<S> {
    let (rows, width) = (r.normalized.rowCount, r.normalized.rowLength)
    var y: Tensor<S>
    if let dx = tangents[0] {
      let inner = Tensor<S>(dx.shape) { out in
        read(r.normalized, r.inverseScale, dx) { h, s, v in
          asura_norm_derivative(S.kernelType, centred, h, s, nil, v, out, count, rows, width)
        }
      }
      y = inner.multipliedRepeatedly(by: r.gain)
    } else {
      y = .zeros([count] + r.normalized.shape)
    }
    for k in 0..<count {
      if let dg = tangents[1] {
        let term = r.normalized.multipliedRepeatedly(by: dg[k])
        term.read { t in
          y.update { asura_axpy(S.kernelType, 1, t, $0 + k * term.count, term.count) }
        }
      }
      if hasBias, let db = tangents[2]?[k] {
        db.read { b in
          y.update { asura_add_to_rows(S.kernelType, b, $0 + k * rows * width, rows, width) }
        }
      }
    }
    return y
  }

  func vjp(_ r: Residuals, _ cotangent: Tensor<S>, into inputs: Cotangents<S>) {
    let (rows, width) = (r.normalized.rowCount, r.normalized.rowLength)
    inputs.add(
      Tensor(cotangent.shape) { out in
        read(r.normalized, r.inverseScale, r.gain) { h, s, g in
          cotangent.read {
            asura_norm_derivative(S.kernelType, centred, h, s, g, $0, out, 1, rows, width)
          }
        }
      }, to: 0)
    inputs.accumulate(1, shape: [width]) { dg in
      read(r.normalized, cotangent) {
        asura_norm_gain_vjp(S.kernelType, $0, $1, dg, rows, width)
      }
    }
    if hasBias {
      inputs.accumulate(2, shape: [width]) { db in
        cotangent.read { asura_sum_rows(S.kernelType, $0, db, rows, width) }
      }
    }
  }
}

extension Interpreter {
  /// Normalises the last axis of x `[…, width]`, then applies gain and bias `[width]`.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  public func norm(
    _ x: Value<S>, _ kind: NormKind, gain: Value<S>, bias: Value<S>? = nil, epsilon: Double
  ) -> Value<S> {
    precondition(
      bias == nil || bias?.shape == gain.shape,
      "norm: bias \(bias?.shape ?? []) for gain \(gain.shape)")
    let primitive = Normalization<S>(kind: kind, epsilon: epsilon, hasBias: bias != nil)
    return apply(primitive, bias.map { [x, gain, $0] } ?? [x, gain])
  }
}
