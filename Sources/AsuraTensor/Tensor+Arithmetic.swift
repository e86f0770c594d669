import AsuraKernels

extension Tensor {
  /// Adds `factor` times another tensor of the same shape in place.
  public mutating func add(_ other: Self, times factor: S = 1) {
    precondition(shape == other.shape, "adding \(other.shape) to \(shape)")
    let count = count
    other.read { x in update { asura_axpy(S.kernelType, Double(factor), x, $0, count) } }
  }

  /// The sum of two tensors of the same shape.
  public static func + (a: Self, b: Self) -> Self {
    precondition(a.shape == b.shape, "adding shapes \(a.shape) and \(b.shape)")
    return Self(a.shape) { y in
      AsuraTensor.read(a, b) { asura_add(S.kernelType, $0, $1, y, a.count) }
    }
  }

  /// The difference of two tensors of the same shape.
  public static func - (a: Self, b: Self) -> Self {
    var result = a
    result.add(b, times: -1)
    return result
  }

  /// Every element times `factor`.
  public func scaled(by factor: S) -> Self {
    Self(shape) { y in read { asura_scale(S.kernelType, Double(factor), $0, y, count) } }
  }

  /// The sum of the elements, in double.
  public var sum: Double { read { asura_sum(S.kernelType, $0, count) } }

  /// The sum of products of corresponding elements, in double.
  public func dot(_ other: Self) -> Double {
    precondition(count == other.count, "dot of \(shape) and \(other.shape)")
    return AsuraTensor.read(self, other) { asura_dot(S.kernelType, $0, $1, count) }
  }

  /// The Euclidean norm of all elements, in double.
  public var norm: Double { dot(self).squareRoot() }

  /// The squared Euclidean distance to a tensor of the same count, in double.
  public func squaredDistance(to other: Self) -> Double {
    precondition(count == other.count, "distance of \(shape) and \(other.shape)")
    return AsuraTensor.read(self, other) {
      asura_squared_distance(S.kernelType, $0, $1, count)
    }
  }

  /// Whether no element is infinite or NaN.
  public var isFinite: Bool { read { asura_all_finite(S.kernelType, $0, count) != 0 } }

  /// The elements in another precision.
  @inlinable
  public func converted<T: Scalar>(to type: T.Type = T.self) -> Tensor<T> {
    if let same = self as? Tensor<T> { return same }
    return Tensor<T>(shape) { y in
      read { x in for i in 0..<count { y[i] = T(x[i]) } }
    }
  }
}

extension Tensor {
  /// Moves every element towards another tensor's by a share of the way.
  public mutating func interpolate(to other: Self, by share: S) {
    precondition(shape == other.shape, "interpolating from \(shape) to \(other.shape)")
    let count = count
    other.read { x in update { asura_lerp(S.kernelType, Double(share), $0, x, $0, count) } }
  }

  /// The place of the largest element in row-major order, the first of equals; 0 when there is
  /// none.
  public var largestIndex: Int {
    read { x in
      var best = 0
      for i in 0..<count where x[i] > x[best] { best = i }
      return best
    }
  }
}
