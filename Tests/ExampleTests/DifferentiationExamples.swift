import Asura
import Testing

/// `y = x²`. JVP: `ẏ = 2x·ẋ`. VJP: `x̄ = 2x·ȳ`.
struct Square<S: Scalar>: Primitive {
  func value(of inputs: [Tensor<S>], keepingResiduals: Bool) -> (Tensor<S>, Tensor<S>?) {
    let x = inputs[0]
    let y = Tensor(x.shape, x.elements.map { $0 * $0 })
    return (y, keepingResiduals ? x : nil)
  }

  func jvp(_ x: Tensor<S>, _ tangents: [Tensor<S>?], count: Int) -> Tensor<S> {
    guard let dx = tangents[0] else { preconditionFailure("no input varies") }
    return .concatenating(
      (0..<count).map { k in Self.twice(x, dx[k]).reshaped([1] + x.shape) })
  }

  func vjp(_ x: Tensor<S>, _ cotangent: Tensor<S>, into inputs: Cotangents<S>) {
    inputs.add(Self.twice(x, cotangent), to: 0)
  }

  private static func twice(_ x: Tensor<S>, _ v: Tensor<S>) -> Tensor<S> {
    Tensor(x.shape, zip(x.elements, v.elements).map { 2 * $0 * $1 })
  }
}

extension Interpreter {
  /// `x²`, elementwise.
  func square(_ x: Value<S>) -> Value<S> { apply(Square(), x) }
}

/// The code of the article on differentiation.
@Suite struct DifferentiationExamples {
  @Test func bothDirections() throws {
    let x = Tensor<Double>([2, 3], [1, -2, 3, 0, 0.5, -1])
    let tape = Tape<Double>()
    let interpreter = Interpreter.recording(on: tape)
    let variable = Value.variable(x)
    let y = interpreter.square(interpreter.scale(variable, by: 3))  // (3x)²

    // Forwards: two tangents at once, [2] + shape.
    let tangents = Tensor<Double>([2, 2, 3], (0..<12).map { Double($0) })
    let pushed = try tape.pushforward([(variable, tangents)], to: y, count: 2)

    // Backwards: adds to the variable's cotangent.
    let cotangent = Tensor<Double>([2, 3], repeating: 1)
    try tape.pullback([(y, cotangent)])
    let gradient = variable.cotangent

    #expect(y.tensor.elements == x.elements.map { 9 * $0 * $0 })
    #expect(gradient?.elements == x.elements.map { 18 * $0 })
    let expected = tangents.elements.enumerated().map { 18 * x.elements[$0 % 6] * $1 }
    #expect(pushed.elements == expected)
  }

  /// ⟨w, J v⟩ = ⟨Jᵀ w, v⟩, for the step map of a whole model.
  @Test func jacobianOfAnIteration() throws {
    let model = RecurrentTransformer<Double>(
      try ModelConfiguration(
        vocabulary: 5, classes: 5, width: 8, iterations: 6,
        attention: AttentionConfiguration(heads: 2), mlp: MLPConfiguration(width: 16)), seed: 1)
    let input = try ModelInput(tokens: [0, 1, 2, 3], batch: 1, positions: 4)
    let map = try model.stepMap(input)
    let jacobian = try map.linearized(at: try model.run(input).latent)
    var random = Random(seed: 2)
    let v = Tensor<Double>.normal(map.shape, using: &random)
    let w = Tensor<Double>.normal(map.shape, using: &random)
    let forward = w.dot(try jacobian.jvp(v.reshaped([1] + map.shape)).reshaped(map.shape))
    let backward = try jacobian.vjp(w).dot(v)
    #expect(abs(forward - backward) < 1e-12 * abs(forward))
  }
}
