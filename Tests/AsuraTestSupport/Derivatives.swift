import AsuraDiff
import AsuraTensor
import Testing

/// A computation to be differentiated, written for any interpreter.
public typealias Differentiable =
  (Interpreter<Double>, [Value<Double>]) throws -> Value<Double>

/// The one check every derivative rule passes, in `Double`.
///
/// - Plain and recorded values have the same bits.
/// - JVPs, several at once, agree with central differences of fourth order.
/// - VJPs agree with JVPs: `⟨w, J·v⟩ = ⟨Jᵀ·w, v⟩` to `1e-12`.
/// - With only one input varying, or all but one, the numbers are the same.
/// - A tape can be played twice, adds to cotangents that are there, and gives the same when consumed.
///
/// `steps` are the differences' steps, one an input; 0 keeps an input out of all derivatives.
public func checkDerivatives(
  at inputs: [Tensor<Double>], steps: [Double]? = nil, tolerance: Double = 1e-8,
  sourceLocation: SourceLocation = #_sourceLocation, of f: Differentiable
) throws {
  let steps = steps ?? Array(repeating: 1e-3, count: inputs.count)
  let varying = inputs.indices.filter { steps[$0] > 0 }
  let count = 3
  let directions: [Tensor<Double>] = inputs.enumerated().map { i, input in
    normal([count] + input.shape, seed: UInt64(100 + i))
  }
  func expect(_ error: Double, _ limit: Double, _ what: String) {
    #expect(
      error <= limit, "\(what) is off by \(error): \(currentCase)", sourceLocation: sourceLocation)
  }

  poisonFreeMemory()
  let plain = try f(.plain, inputs.map { Value($0) }).tensor
  let whole = try Recording(f, inputs, varying: Set(varying))
  #expect(
    plain.isIdentical(to: whole.output.tensor),
    "plain and recorded values differ: \(currentCase)", sourceLocation: sourceLocation)

  // JVP against differences.
  let tangent = try whole.pushforward(directions, count)
  var parts: Tensor<Double>?
  for i in varying {
    let alone = try Recording(f, inputs, varying: [i])
    let product = try alone.pushforward(directions, count)
    for k in 0..<count {
      let difference = try centralDifference(f, inputs, i, directions[i][k], steps[i])
      expect(relativeDistance(product[k], difference), tolerance, "JVP of input \(i)")
    }
    if parts == nil { parts = product } else { parts?.add(product) }
  }
  if let parts { expect(relativeDistance(tangent, parts), 1e-12, "the sum of JVPs") }
  for i in varying where varying.count > 1 {
    let others = try Recording(f, inputs, varying: Set(varying).subtracting([i]))
    let alone = try Recording(f, inputs, varying: [i])
    let sum = try others.pushforward(directions, count) + alone.pushforward(directions, count)
    expect(relativeDistance(sum, tangent), 1e-12, "the JVP without input \(i)")
  }

  // VJP against JVP.
  let weights: Tensor<Double> = normal(plain.shape, seed: 99)
  poisonFreeMemory()
  let gradients = try whole.pullback(weights)
  for k in 0..<count {
    let forward = tangent[k].dot(weights)
    var (backward, scale) = (0.0, tangent[k].norm * weights.norm)
    for (i, gradient) in zip(varying, gradients) {
      backward += gradient.dot(directions[i][k])
      scale += gradient.norm * directions[i][k].norm
    }
    expect(abs(forward - backward) / max(scale, 1e-300), 1e-12, "⟨w, J·v⟩ − ⟨Jᵀ·w, v⟩")
  }
  for (n, i) in varying.enumerated() {
    let alone = try Recording(f, inputs, varying: [i]).pullback(weights)[0]
    expect(relativeDistance(alone, gradients[n]), 1e-13, "the VJP of input \(i) alone")
  }

  // Again, on top of what is there.
  let first = try whole.pullback(weights, clearing: true)
  for (a, b) in zip(first, gradients) {
    #expect(
      a.isIdentical(to: b), "a second pullback differs: \(currentCase)",
      sourceLocation: sourceLocation)
  }
  let present = varying.map { normal(inputs[$0].shape, seed: 98, as: Double.self) }
  for (n, i) in varying.enumerated() {
    whole.variables[i].clearCotangent()
    try whole.tape.pullback([(whole.variables[i], present[n])])
  }
  let added = try whole.pullback(weights, clearing: false)
  for (n, gradient) in gradients.enumerated() {
    let expected = gradient + present[n]
    expect(relativeDistance(added[n], expected), 1e-12, "adding to a cotangent")
  }
  let consumed = try whole.pullback(weights, clearing: true, consuming: true)
  for (a, b) in zip(consumed, gradients) {
    #expect(
      a.isIdentical(to: b), "a consuming pullback differs: \(currentCase)",
      sourceLocation: sourceLocation)
  }
}

/// A computation recorded with some of its inputs varying.
private struct Recording {
  let tape = Tape<Double>()
  let variables: [Value<Double>]
  let output: Value<Double>
  let varying: [Int]

  init(_ f: Differentiable, _ inputs: [Tensor<Double>], varying: Set<Int>) throws {
    self.varying = varying.sorted()
    variables = inputs.enumerated().map { i, x in varying.contains(i) ? .variable(x) : Value(x) }
    output = try f(.recording(on: tape), variables)
  }

  func pushforward(_ directions: [Tensor<Double>], _ count: Int) throws -> Tensor<Double> {
    try tape.pushforward(varying.map { (variables[$0], directions[$0]) }, to: output, count: count)
  }

  func pullback(
    _ weights: Tensor<Double>, clearing: Bool = true, consuming: Bool = false
  ) throws -> [Tensor<Double>] {
    if clearing { for i in varying { variables[i].clearCotangent() } }
    try tape.pullback([(output, weights)], consuming: consuming)
    return varying.map { variables[$0].cotangent ?? .zeros(variables[$0].shape) }
  }
}

/// `(8·(f(x+h) − f(x−h)) − (f(x+2h) − f(x−2h))) / 12h` along a direction of one input.
private func centralDifference(
  _ f: Differentiable, _ inputs: [Tensor<Double>], _ index: Int, _ direction: Tensor<Double>,
  _ step: Double
) throws -> Tensor<Double> {
  func value(_ h: Double) throws -> Tensor<Double> {
    var moved = inputs
    moved[index].add(direction, times: h)
    return try f(.plain, moved.map { Value($0) }).tensor
  }
  let near = try value(step) - value(-step)
  let far = try value(2 * step) - value(-2 * step)
  // Where both sides are −∞ (masked scores) nothing varies.
  return Tensor(
    near.shape,
    zip(near.elements, far.elements).map { $0.isNaN ? 0 : (8 * $0 - $1) / (12 * step) })
}

/// ‖a − b‖ / ‖b‖, or ‖a‖ when b is nothing; infinite where either holds NaN.
private func relativeDistance(_ a: Tensor<Double>, _ b: Tensor<Double>) -> Double {
  let distance = a.squaredDistance(to: b).squareRoot()
  return distance.isFinite ? distance / max(b.norm, 1e-3) : .infinity
}
