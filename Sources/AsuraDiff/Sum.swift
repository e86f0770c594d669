import AsuraKernels
import AsuraTensor

/// `y = a + c·b`, where b has a's shape or a's last axes and is then repeated over the first ones.
///
/// JVP: `ẏ = ȧ + c·ḃ`. VJP: `ā = ȳ`, `b̄ = c·Σ ȳ` over the repeats.
struct Sum<S: Scalar>: Primitive {
  let factor: S

  struct Residuals {
    let shape: [Int]
    let repeated: [Int]
  }

  func value(of inputs: [Tensor<S>], keepingResiduals: Bool) -> (Tensor<S>, Residuals?) {
    let (a, b) = (inputs[0], inputs[1])
    precondition(
      a.shape.suffix(b.rank) == b.shape[...], "adding shape \(b.shape) to \(a.shape)")
    let y: Tensor<S>
    if a.shape == b.shape && factor == 1 {
      y = a + b
    } else {
      var sum = a
      Self.add(b, to: &sum, times: factor)
      y = sum
    }
    return (y, Residuals(shape: a.shape, repeated: b.shape))
  }

  /// Adds `b`, repeated over a's first axes, to `a`.
  private static func add(_ b: Tensor<S>, to a: inout Tensor<S>, times factor: S) {
    guard b.count > 0 else { return }
    let repeats = a.count / b.count
    b.read { b0 in
      a.update { a in
        for i in 0..<repeats {
          asura_axpy(S.kernelType, Double(factor), b0, a + i * b.count, b.count)
        }
      }
    }
  }

  func jvp(_ r: Residuals, _ tangents: [Tensor<S>?], count: Int) -> Tensor<S> {
    var y = tangents[0] ?? .zeros([count] + r.shape)
    if let db = tangents[1] {
      let perTangent = Tensor<S>.elementCount(of: r.shape)
      let width = Tensor<S>.elementCount(of: r.repeated)
      let repeats = width == 0 ? 0 : perTangent / width
      db.read { db in
        y.update { y in
          for k in 0..<count {
            for i in 0..<repeats {
              asura_axpy(
                S.kernelType, Double(factor), db + k * width, y + k * perTangent + i * width, width)
            }
          }
        }
      }
    }
    return y
  }

  func vjp(_ r: Residuals, _ cotangent: Tensor<S>, into inputs: Cotangents<S>) {
    inputs.add(cotangent, to: 0)
    if r.shape == r.repeated {
      inputs.add(factor == 1 ? cotangent : cotangent.scaled(by: factor), to: 1)
    } else {
      inputs.accumulate(1, shape: r.repeated) { db in
        let width = Tensor<S>.elementCount(of: r.repeated)
        cotangent.read { dy in
          for i in 0..<(width == 0 ? 0 : cotangent.count / width) {
            asura_axpy(S.kernelType, Double(factor), dy + i * width, db, width)
          }
        }
      }
    }
  }
}

/// `y = a + c·(b − a)`, so that `c = 1` gives exactly b. JVP: `ẏ = ȧ + c·(ḃ − ȧ)`.
/// VJP: `ā = (1 − c)·ȳ`, `b̄ = c·ȳ`.
struct Interpolation<S: Scalar>: Primitive {
  let factor: S

  func value(of inputs: [Tensor<S>], keepingResiduals: Bool) -> (Tensor<S>, [Int]?) {
    let (a, b) = (inputs[0], inputs[1])
    precondition(a.shape == b.shape, "interpolating between shapes \(a.shape) and \(b.shape)")
    if factor == 1 { return (b, a.shape) }
    return (Self.mix(a, b, factor), a.shape)
  }

  private static func mix(_ a: Tensor<S>, _ b: Tensor<S>, _ factor: S) -> Tensor<S> {
    Tensor(a.shape) { y in
      read(a, b) { asura_lerp(S.kernelType, Double(factor), $0, $1, y, a.count) }
    }
  }

  func jvp(_ shape: [Int], _ tangents: [Tensor<S>?], count: Int) -> Tensor<S> {
    let db = tangents[1] ?? .zeros([count] + shape)
    return factor == 1 ? db : Self.mix(tangents[0] ?? .zeros([count] + shape), db, factor)
  }

  func vjp(_ shape: [Int], _ cotangent: Tensor<S>, into inputs: Cotangents<S>) {
    if factor != 1 { inputs.add(cotangent.scaled(by: 1 - factor), to: 0) }
    inputs.add(factor == 1 ? cotangent : cotangent.scaled(by: factor), to: 1)
  }
}

/// `y = a + g∘(b − a)`, elementwise.
///
/// JVP: `ẏ = ȧ + g∘(ḃ − ȧ) + ġ∘(b − a)`. VJP: `b̄ = g∘ȳ`, `ā = ȳ − b̄`, `ḡ = (b − a)∘ȳ`.
struct Gating<S: Scalar>: Primitive {
  struct Residuals {
    let difference: Tensor<S>
    let gate: Tensor<S>
  }

  func value(of inputs: [Tensor<S>], keepingResiduals keep: Bool) -> (Tensor<S>, Residuals?) {
    let (a, b, gate) = (inputs[0], inputs[1], inputs[2])
    precondition(
      a.shape == b.shape && a.shape == gate.shape,
      "gating between shapes \(a.shape) and \(b.shape) by \(gate.shape)")
    let difference = b - a
    return (
      a + difference.multipliedRepeatedly(by: gate),
      keep ? Residuals(difference: difference, gate: gate) : nil
    )
  }

  func jvp(_ r: Residuals, _ tangents: [Tensor<S>?], count: Int) -> Tensor<S> {
    var y = tangents[0] ?? .zeros([count] + r.gate.shape)
    let change = tangents[1].map { b in tangents[0].map { b - $0 } ?? b } ?? y.scaled(by: -1)
    y.add(change.multipliedRepeatedly(by: r.gate))
    if let gate = tangents[2] { y.add(gate.multipliedRepeatedly(by: r.difference)) }
    return y
  }

  func vjp(_ r: Residuals, _ cotangent: Tensor<S>, into inputs: Cotangents<S>) {
    let ofB = cotangent.multipliedRepeatedly(by: r.gate)
    inputs.add(cotangent - ofB, to: 0)
    inputs.add(ofB, to: 1)
    inputs.add(cotangent.multipliedRepeatedly(by: r.difference), to: 2)
  }
}

/// `y = c·x`. JVP: `ẏ = c·ẋ`. VJP: `x̄ = c·ȳ`.
struct Scaling<S: Scalar>: Primitive {
  let factor: S

  func value(of inputs: [Tensor<S>], keepingResiduals: Bool) -> (Tensor<S>, Void?) {
    (inputs[0].scaled(by: factor), ())
  }
  func jvp(_: Void, _ tangents: [Tensor<S>?], count: Int) -> Tensor<S> {
    guard let dx = tangents[0] else { preconditionFailure("no input varies") }
    return dx.scaled(by: factor)
  }
  func vjp(_: Void, _ cotangent: Tensor<S>, into inputs: Cotangents<S>) {
    inputs.add(cotangent.scaled(by: factor), to: 0)
  }
}

extension Interpreter {
  /// `a + c·b`, where b has a's shape, or a's last axes and is repeated over the others.
  @_specialize(where S == Float)
  @_specialize(where S == Double)
  public func add(_ a: Value<S>, _ b: Value<S>, times c: S = 1) -> Value<S> {
    apply(Sum(factor: c), a, b)
  }

  /// `a + c·(b − a)`; exactly b when c is 1.
  public func interpolate(_ a: Value<S>, _ b: Value<S>, _ c: S) -> Value<S> {
    apply(Interpolation(factor: c), a, b)
  }

  /// `a + g∘(b − a)`, elementwise: a where the gate is 0, b where it is 1.
  public func interpolate(_ a: Value<S>, _ b: Value<S>, gate: Value<S>) -> Value<S> {
    apply(Gating(), a, b, gate)
  }

  /// `c·x`
  public func scale(_ x: Value<S>, by c: S) -> Value<S> { apply(Scaling(factor: c), x) }
}
