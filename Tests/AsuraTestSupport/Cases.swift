import AsuraTensor

/// The largest difference between two tensors, relative to the largest element of the expected one.
public func relativeError<S: Scalar>(_ actual: Tensor<S>, _ expected: Tensor<S>) -> Double {
  precondition(actual.shape == expected.shape, "\(actual.shape) against \(expected.shape)")
  var difference = 0.0
  var scale = 0.0
  for (a, b) in zip(actual.elements, expected.elements) {
    guard a.isFinite && b.isFinite else { return a == b ? 0 : .infinity }
    difference = max(difference, abs(Double(a) - Double(b)))
    scale = max(scale, abs(Double(b)))
  }
  return difference / max(scale, 1e-30)
}
