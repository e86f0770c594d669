import AsuraTensor

/// The cases the running test is inside of, outermost first.
@TaskLocal private var cases: [String] = []

/// The running case, for a failure to name: `#expect(…, "\(currentCase)")`.
public var currentCase: String { cases.joined(separator: ", ") }

/// Runs `body` for every value; failures within name the value they happened with.
public func withEvery<T>(
  _ label: String, in values: some Sequence<T>, _ body: (T) throws -> Void
) rethrows {
  for value in values {
    try $cases.withValue(cases + ["\(label) \(value)"]) { try body(value) }
  }
}

/// The largest difference between two tensors, relative to the largest element of the expected one.
/// Infinite when one is NaN or infinite where the other is not the same.
public func relativeError<S: Scalar>(_ actual: Tensor<S>, _ expected: Tensor<S>) -> Double {
  precondition(actual.shape == expected.shape, "\(actual.shape) against \(expected.shape)")
  var difference = 0.0
  var scale = 0.0
  for (a, b) in zip(actual.elements, expected.elements) {
    guard a.isFinite && b.isFinite else {
      if a == b { continue }
      return .infinity
    }
    difference = max(difference, abs(Double(a) - Double(b)))
    scale = max(scale, abs(Double(b)))
  }
  return difference / max(scale, 1e-30)
}

/// Normal numbers that depend on nothing but the shape and the seed.
public func normal<S: Scalar>(
  _ shape: [Int], seed: UInt64 = 1, as type: S.Type = S.self
) -> Tensor<S> {
  var random = Random(seed: seed, stream: UInt64(shape.reduce(7) { $0 &* 31 &+ $1 }))
  return .normal(shape, using: &random)
}

/// Fills the memory that new tensors are likely to get with NaN, so that reading what was never
/// written shows.
public func poisonFreeMemory() {
  var tensors: [Tensor<Double>] = []
  for eighths in 8..<88 {
    let count = (1 << (eighths / 8 + 2)) * (8 + eighths % 8) / 8
    for _ in 0..<3 { tensors.append(Tensor([count], repeating: .nan)) }
  }
  tensors.removeAll()
}
