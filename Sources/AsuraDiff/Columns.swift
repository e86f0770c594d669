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

/// The columns of a and, after them, those of b, over the last axis. JVP: the same of ȧ and ḃ. VJP: ȳ's columns of each.
struct ColumnJoin<S: Scalar>: Primitive {
  struct Residuals {
    let a: [Int]
    let b: [Int]
    /// Where b's columns are.
    var ofB: Range<Int> { (a.last ?? 0)..<(a.last ?? 0) + (b.last ?? 0) }
  }

  func value(of inputs: [Tensor<S>], keepingResiduals: Bool) -> (Tensor<S>, Residuals?) {
    let r = Residuals(a: inputs[0].shape, b: inputs[1].shape)
    precondition(
      r.a.dropLast() == r.b.dropLast(), "joining columns of shapes \(r.a) and \(r.b)")
    return (Self.joined(inputs[0], inputs[1], r), r)
  }

  private static func joined(_ a: Tensor<S>, _ b: Tensor<S>, _ r: Residuals) -> Tensor<S> {
    var y = Tensor<S>(a.shape.dropLast() + [r.ofB.upperBound]) { _ in }
    y.setColumns(0..<r.ofB.lowerBound, to: a)
    y.setColumns(r.ofB, to: b)
    return y
  }

  func jvp(_ r: Residuals, _ tangents: [Tensor<S>?], count: Int) -> Tensor<S> {
    Self.joined(tangents[0] ?? .zeros([count] + r.a), tangents[1] ?? .zeros([count] + r.b), r)
  }

  func vjp(_ r: Residuals, _ cotangent: Tensor<S>, into inputs: Cotangents<S>) {
    inputs.add(cotangent.columns(0..<r.ofB.lowerBound), to: 0)
    inputs.add(cotangent.columns(r.ofB), to: 1)
  }
}

extension Interpreter {
  /// The columns of a and, after them, those of b, over the last axis.
  public func joiningColumns(_ a: Value<S>, _ b: Value<S>) -> Value<S> {
    apply(ColumnJoin(), a, b)
  }

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
