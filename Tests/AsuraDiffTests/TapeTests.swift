import AsuraDiff
import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

/// A block with a weight used several times: enough for cotangents to meet.
private func block(
  _ i: Interpreter<Double>, _ x: Value<Double>, _ weight: Value<Double>
) -> Value<Double> {
  let h = i.activate(i.linear(x, weight), .gelu)
  return i.add(x, i.linear(i.add(h, x), weight), times: 0.5)
}

@Suite struct TapeTests {
  private let x: Tensor<Double> = normal([3, 4])
  private let weight: Tensor<Double> = normal([4, 4], seed: 2)

  @Test func aValueUsedSeveralTimes() throws {
    try checkDerivatives(at: [x, weight], tolerance: 1e-7) { i, v in
      var y = v[0]
      for _ in 0..<3 { y = block(i, y, v[1]) }
      return i.add(y, v[0])
    }
  }

  /// A computation whose stretches are recomputed, or not.
  private func chain(
    _ i: Interpreter<Double>, _ v: [Value<Double>], recomputing: Bool
  ) throws -> Value<Double> {
    // Captured: a variable, and a value computed from variables outside.
    let captured = i.scale(i.activate(v[1], .silu), by: 0.7)
    func stretch(
      _ i: Interpreter<Double>, _ x: Value<Double>,
      _ body: @escaping (Interpreter<Double>, Value<Double>) throws -> Value<Double>
    ) throws -> Value<Double> {
      recomputing ? try i.recomputing(x, body) : try body(i, x)
    }
    var y = v[0]
    for _ in 0..<2 {
      y = try stretch(i, y) { i, x in
        let inner = try stretch(i, block(i, x, captured)) { i, x in
          i.add(block(i, x, v[1]), x)
        }
        return i.add(block(i, inner, captured), v[0])
      }
    }
    return i.add(y, i.linear(v[0], captured))
  }

  @Test func recomputingGivesTheSameBits() throws {
    var results: [(Tensor<Double>, [Tensor<Double>])] = []
    for recomputing in [false, true] {
      for consuming in [false, true] {
        let tape = Tape<Double>()
        let variables = [Value.variable(x), Value.variable(weight)]
        let y = try chain(.recording(on: tape), variables, recomputing: recomputing)
        try tape.pullback([(y, normal(y.shape, seed: 9))], consuming: consuming)
        results.append((y.tensor, variables.map { $0.cotangent! }))
      }
    }
    for (value, gradients) in results.dropFirst() {
      #expect(value.isIdentical(to: results[0].0))
      for (a, b) in zip(gradients, results[0].1) {
        // Sums over several uses are made in another order when a stretch is played on its own.
        #expect(relativeError(a, b) < 1e-14)
      }
    }
    #expect(results[2].1[0].isIdentical(to: results[3].1[0]))
  }

  @Test func recomputingEachIterationOfALoopGivesTheSameBits() throws {
    let gradients = try [false, true].map { recomputing in
      let tape = Tape<Double>()
      let i = Interpreter.recording(on: tape)
      let (x, weight) = (Value.variable(self.x), Value.variable(self.weight))
      var y = x
      for _ in 0..<3 {
        y = recomputing ? try i.recomputing(y) { block($0, $1, weight) } : block(i, y, weight)
      }
      try tape.pullback([(y, normal(y.shape, seed: 9))])
      return [x.cotangent!, weight.cotangent!]
    }
    #expect(gradients[0][0].isIdentical(to: gradients[1][0]))
    #expect(gradients[0][1].isIdentical(to: gradients[1][1]))
  }

  @Test func recomputingHasBothDerivatives() throws {
    try checkDerivatives(at: [x, weight], tolerance: 1e-7) { i, v in
      try chain(i, v, recomputing: true)
    }
  }

  @Test func capturedValuesAreUsedAgainAfterARecomputation() throws {
    try checkDerivatives(at: [x, weight], tolerance: 1e-7) { i, v in
      let captured = i.scale(v[1], by: 2)
      let y = try i.recomputing(v[0]) { i, x in block(i, x, captured) }
      return i.linear(y, captured)
    }
  }

  @Test func recomputingAConstantOfWhatIsCaptured() throws {
    try checkDerivatives(at: [weight], tolerance: 1e-7) { [x] i, v in
      try i.recomputing(Value(x)) { i, x in i.linear(x, v[0]) }
    }
  }

  @Test func aStretchThatReturnsWhatItCaptured() throws {
    try checkDerivatives(at: [x, weight]) { i, v in
      let captured = i.scale(v[0], by: 3)
      return try i.recomputing(v[1]) { _, _ in captured }
    }
  }

  @Test func recomputingOnPlainValuesRunsOnce() throws {
    var runs = 0
    let y = try Interpreter.plain.recomputing(Value(x)) { i, x in
      runs += 1
      return i.scale(x, by: 2)
    }
    #expect(runs == 1)
    #expect(y.tensor == x.scaled(by: 2))
  }

  @Test func derivativesStopAtConstants() throws {
    let tape = Tape<Double>()
    let i = Interpreter.recording(on: tape)
    let x = Value.variable(self.x)
    let y = i.add(i.scale(x, by: 2).constant, x)
    try tape.pullback([(y, Tensor([3, 4], repeating: 1))])
    #expect(x.cotangent == Tensor([3, 4], repeating: 1))
  }

  @Test func whatDoesNotVaryHasNoDerivative() throws {
    let tape = Tape<Double>()
    let x = Value.variable(self.x)
    let y = Interpreter.recording(on: tape).scale(Value(self.x), by: 2)
    try tape.pullback([(y, self.x)])
    #expect(x.cotangent == nil)
    let tangent = try tape.pushforward([(x, .zeros([2, 3, 4]))], to: y, count: 2)
    #expect(tangent == .zeros([2, 3, 4]))
  }

  @Test func severalSeedsAddUp() throws {
    let tape = Tape<Double>()
    let i = Interpreter.recording(on: tape)
    let x = Value.variable(self.x)
    let a = i.scale(x, by: 2)
    let b = i.scale(a, by: 3)
    let ones = Tensor<Double>([3, 4], repeating: 1)
    try tape.pullback([(a, ones), (b, ones), (x, ones)])
    #expect(x.cotangent == Tensor([3, 4], repeating: 9))
  }

  /// A primitive that hands out an object as its residual, to see how long it is kept.
  private struct Witness: Primitive {
    final class Token {}
    typealias S = Double
    let onVJP: @Sendable () -> Void
    nonisolated(unsafe) let made: (Token) -> Void
    func value(of inputs: [Tensor<Double>], keepingResiduals: Bool) -> (Tensor<Double>, Token?) {
      guard keepingResiduals else { return (inputs[0], nil) }
      let token = Token()
      made(token)
      return (inputs[0], token)
    }
    func jvp(_: Token, _ tangents: [Tensor<Double>?], count: Int) -> Tensor<Double> { tangents[0]! }
    func vjp(_: Token, _ cotangent: Tensor<Double>, into inputs: Cotangents<Double>) {
      onVJP()
      inputs.add(cotangent, to: 0)
    }
  }

  private final class WeakTokens: @unchecked Sendable {
    private struct Weak { weak var token: Witness.Token? }
    private var tokens: [Weak] = []
    func add(_ token: Witness.Token) { tokens.append(Weak(token: token)) }
    var alive: Int { tokens.count { $0.token != nil } }
    var aliveAtVJP: [Int] = []
  }

  @Test(arguments: [false, true])
  func residualsAreFreedAsTheyAreConsumed(_ consuming: Bool) throws {
    let tokens = WeakTokens()
    let witness = Witness(
      onVJP: { tokens.aliveAtVJP.append(tokens.alive) }, made: { tokens.add($0) })
    let tape = Tape<Double>()
    var y = Value.variable(x)
    for _ in 0..<4 { y = Interpreter.recording(on: tape).apply(witness, y) }
    #expect(tokens.alive == 4)
    try tape.pullback([(y, x)], consuming: consuming)
    #expect(tokens.aliveAtVJP == (consuming ? [4, 3, 2, 1] : [4, 4, 4, 4]))
    #expect(tokens.alive == (consuming ? 0 : 4))
  }

  @Test func nothingIsKeptWithoutDerivatives() throws {
    let tokens = WeakTokens()
    let witness = Witness(onVJP: {}, made: { tokens.add($0) })
    _ = Interpreter.plain.apply(witness, Value(x))
    _ = Interpreter.recording(on: Tape()).apply(witness, Value(x))
    let tape = Tape<Double>()
    let y = try Interpreter.recording(on: tape).recomputing(.variable(x)) { $0.apply(witness, $1) }
    #expect(tokens.alive == 0)
    try tape.pullback([(y, x)])
    #expect(tokens.alive == 0)
  }

  @Test func aLongTapeIsFreedWithoutDeepRecursion() {
    let tape = Tape<Double>()
    let i = Interpreter.recording(on: tape)
    var y = Value.variable(Tensor<Double>([1], [0]))
    for _ in 0..<200_000 { y = i.scale(y, by: 1) }
    #expect(y.tensor.scalar == 0)
  }
}
