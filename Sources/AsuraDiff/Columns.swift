import AsuraTensor

/// Columns `range` of the last axis. JVP: the same columns of ẋ. VJP: ȳ in those columns.
struct Columns<S: Scalar>: Primitive {
  let range: Range<Int>

  func value(of inputs: [Tensor<S>], keepingResiduals: Bool) -> (Tensor<S>, [Int]?) {
    (inputs[0].columns(range), inputs[0].shape)
  }
  func jvp(_ shape: [Int], _ tangents: [Tensor<S>?], count: Int) -> Tensor<S> {
    guard let dx = tangents[0] else { preconditionFailure("no input varies") }
    return dx.columns(range)
  }
  func vjp(_ shape: [Int], _ cotangent: Tensor<S>, into inputs: Cotangents<S>) {
    var dx = Tensor<S>.zeros(shape)
    dx.setColumns(range, to: cotangent)
    inputs.add(dx, to: 0)
  }
}

/// x with columns `range` of the last axis taken from v. JVP: the same of ẋ and v̇.
/// VJP: `x̄ = ȳ` with zeros in those columns, `v̄ = ȳ`'s columns.
struct ColumnReplacement<S: Scalar>: Primitive {
  let range: Range<Int>

  struct Residuals {
    let shape: [Int]
    let replaced: [Int]
  }

  func value(of inputs: [Tensor<S>], keepingResiduals: Bool) -> (Tensor<S>, Residuals?) {
    var y = inputs[0]
    y.setColumns(range, to: inputs[1])
    return (y, Residuals(shape: y.shape, replaced: inputs[1].shape))
  }
  func jvp(_ r: Residuals, _ tangents: [Tensor<S>?], count: Int) -> Tensor<S> {
    var y = tangents[0] ?? .zeros([count] + r.shape)
    y.setColumns(range, to: tangents[1] ?? .zeros([count] + r.replaced))
    return y
  }
  func vjp(_ r: Residuals, _ cotangent: Tensor<S>, into inputs: Cotangents<S>) {
    inputs.add(cotangent.columns(range), to: 1)
    guard inputs.wants(0) else { return }
    var dx = cotangent
    dx.setColumns(range, to: .zeros(r.replaced))
    inputs.add(dx, to: 0)
  }
}

extension Interpreter {
  /// Columns `range` of the last axis.
  public func columns(_ x: Value<S>, _ range: Range<Int>) -> Value<S> {
    apply(Columns(range: range), x)
  }

  /// x with columns `range` of the last axis replaced by v.
  public func replacingColumns(
    _ x: Value<S>, _ range: Range<Int>, with v: Value<S>
  ) -> Value<S> {
    apply(ColumnReplacement(range: range), x, v)
  }
}

extension Tensor {
  /// A copy of columns `range` of the last axis.
  public func columns(_ range: Range<Int>) -> Self {
    let (rows, width) = (rowCount, rowLength)
    precondition(
      range.lowerBound >= 0 && range.upperBound <= width, "columns \(range) of shape \(shape)")
    return Self(shape.dropLast() + [range.count]) { y in
      read { x in
        for r in 0..<rows {
          (y + r * range.count).update(
            from: x + r * width + range.lowerBound, count: range.count)
        }
      }
    }
  }

  /// Replaces columns `range` of the last axis.
  public mutating func setColumns(_ range: Range<Int>, to values: Self) {
    let (rows, width) = (rowCount, rowLength)
    precondition(
      range.lowerBound >= 0 && range.upperBound <= width
        && values.shape == shape.dropLast() + [range.count],
      "setting columns \(range) of shape \(shape) to shape \(values.shape)")
    values.read { v in
      update { y in
        for r in 0..<rows {
          (y + r * width + range.lowerBound).update(from: v + r * range.count, count: range.count)
        }
      }
    }
  }
}
