import AsuraDiff
import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

/// Sizes of rows: one, odd, just around and beyond a vector of 16.
private let widths = [1, 3, 15, 16, 17, 33]

@Suite struct ElementwiseRuleTests {
  @Test func add() throws {
    try withEvery("shape", in: [[1], [2, 3], [4, 17], [0, 3], [2, 3, 5]]) { shape in
      try withEvery("factor", in: [1, -0.5]) { factor in
        try checkDerivatives(at: [normal(shape), normal(shape, seed: 2)]) { i, x in
          i.add(x[0], x[1], times: factor)
        }
      }
    }
  }

  @Test func addRepeated() throws {
    try withEvery(
      "shapes",
      in: [([3, 4], [4]), ([2, 3, 5], [3, 5]), ([2, 1], []), ([0, 3], [3]), ([2, 17], [17])]
    ) { a, b in
      try withEvery("factor", in: [1, 3]) { factor in
        try checkDerivatives(at: [normal(a), normal(b, seed: 2)]) { i, x in
          i.add(x[0], x[1], times: factor)
        }
      }
    }
  }

  @Test func addingAValueToItself() throws {
    try checkDerivatives(at: [normal([3, 5])]) { i, x in i.add(x[0], x[0], times: 2) }
  }

  @Test func interpolate() throws {
    try withEvery("factor", in: [0, 0.3, 1]) { factor in
      try withEvery("shape", in: [[1], [3, 17], [0, 2]]) { shape in
        try checkDerivatives(at: [normal(shape), normal(shape, seed: 2)]) { i, x in
          i.interpolate(x[0], x[1], factor)
        }
      }
    }
    let (a, b): (Tensor<Double>, Tensor<Double>) = (normal([40]), normal([40], seed: 2))
    #expect(Interpreter.plain.interpolate(Value(a), Value(b), 1).tensor.isIdentical(to: b))
  }

  @Test func interpolatingAllTheWayForgetsTheStart() throws {
    let tape = Tape<Double>()
    let (a, b) = (Value.variable(Tensor<Double>([1], [0])), Value.variable(Tensor([1], [0])))
    let y = Interpreter.recording(on: tape).interpolate(a, b, 1)
    let tangent = try tape.pushforward(
      [(a, Tensor([1, 1], [1e20])), (b, Tensor([1, 1], [3]))], to: y, count: 1)
    #expect(tangent.elements == [3])
  }

  @Test func gating() throws {
    try withEvery("shape", in: [[1], [3, 17], [2, 3, 5], [0, 2]]) { shape in
      try checkDerivatives(at: [normal(shape), normal(shape, seed: 2), normal(shape, seed: 3)]) {
        $0.interpolate($1[0], $1[1], gate: $1[2])
      }
    }
    let (a, b) = (Tensor<Double>([3], [1, 2, 3]), Tensor<Double>([3], [5, 6, 7]))
    let gate = Tensor<Double>([3], [0, 0.25, 1])
    let y = Interpreter.plain.interpolate(Value(a), Value(b), gate: Value(gate)).tensor
    #expect(y.elements == [1, 3, 7])
  }

  @Test func sigmoid() {
    let x: [Double] = [-800, -40, -3, -1e-9, 0, 0.5, 20, 800]
    let expected = x.map { 1 / (1 + exp(-$0)) }
    func check<S: Scalar>(_: S.Type, _ limit: Double) {
      let y = Interpreter<S>.plain.activate(Value(Tensor([8], x.map { S($0) })), .sigmoid).tensor
      for (found, expected) in zip(y.elements, expected) {
        #expect(abs(Double(found) - expected) <= limit * expected + 1e-37, "\(found) \(expected)")
      }
    }
    check(Double.self, 1e-15)
    check(Float.self, 2e-7)
  }

  @Test func scale() throws {
    try withEvery("shape", in: [[], [1], [3, 17], [0]]) { shape in
      try checkDerivatives(at: [normal(shape)]) { i, x in i.scale(x[0], by: -1.7) }
    }
  }

  @Test(arguments: ActivationFunction.allCases)
  func activate(_ function: ActivationFunction) throws {
    try withEvery("width", in: widths) { width in
      // Away from ReLU's kink.
      let x = Tensor<Double>(
        [3, width], normal([3, width], as: Double.self).elements.map { abs($0) < 0.1 ? 0.5 : $0 })
      try checkDerivatives(at: [x]) { i, x in i.activate(x[0], function) }
    }
    try checkDerivatives(at: [.zeros([0, 4])]) { i, x in i.activate(x[0], function) }
  }

  @Test func swiGLU() throws {
    try withEvery("width", in: widths) { width in
      try checkDerivatives(at: [normal([2, 3, 2 * width])]) { i, x in i.swiGLU(x[0]) }
    }
    try checkDerivatives(at: [.zeros([0, 4])]) { i, x in i.swiGLU(x[0]) }
    // silu(g)·u by hand, in this order of columns.
    let y = Interpreter<Double>.plain.swiGLU(Value(Tensor([4], [1, -2, 3, 5]))).tensor
    let expected: [Double] = [3 / (1 + exp(-1.0)), -10 / (1 + exp(2.0))]
    #expect(relativeError(y, Tensor([2], expected)) < 1e-15)
  }

  @Test func columns() throws {
    try withEvery("range", in: [0..<1, 2..<5, 0..<7, 6..<7, 3..<3]) { range in
      try checkDerivatives(at: [normal([2, 3, 7])]) { i, x in i.columns(x[0], range) }
      try checkDerivatives(at: [normal([2, 3, 7]), normal([2, 3, range.count], seed: 2)]) {
        $0.replacingColumns($1[0], range, with: $1[1])
      }
    }
    try checkDerivatives(at: [normal([0, 7])]) { i, x in i.columns(x[0], 1..<3) }
    try withEvery("widths", in: [(1, 1), (3, 5), (0, 2), (2, 0)]) { a, b in
      try checkDerivatives(at: [normal([2, 3, a]), normal([2, 3, b], seed: 2)]) {
        $0.joiningColumns($1[0], $1[1])
      }
    }
  }

  @Test func columnsAreThoseOfTheRange() {
    let x = Tensor<Double>([2, 3], [1, 2, 3, 4, 5, 6])
    let i = Interpreter<Double>.plain
    #expect(i.columns(Value(x), 1..<3).tensor.elements == [2, 3, 5, 6])
    let joined = i.joiningColumns(Value(x), Value(Tensor([2, 1], [7, 8])))
    #expect(joined.tensor.elements == [1, 2, 3, 7, 4, 5, 6, 8])
    let replaced = i.replacingColumns(Value(x), 0..<1, with: Value(Tensor([2, 1], [7, 8])))
    #expect(replaced.tensor.elements == [7, 2, 3, 8, 5, 6])
  }
}
