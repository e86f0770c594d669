import AsuraDiff
import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

@Suite struct LayerRuleTests {
  /// Whatever the sizes, and whoever computes the product, a row's bits are its own.
  @Test func rowsOfALinearLayerAreComputedAlone() throws {
    func check<S: Scalar>(_: S.Type) {
      withEvery(
        "inputs, outputs", in: [(12, 20), (32, 96), (64, 32), (5, 16), (48, 7), (600, 32), (32, 1)]
      ) {
        inputs, outputs in
        let (count, i) = (1100, Interpreter<S>.plain)
        let x: Tensor<S> = normal([count, inputs])
        let weight = Value<S>(normal([outputs, inputs], seed: 2))
        let bias = Value<S>(normal([outputs], seed: 3))
        let r: Tensor<S> = normal([count, outputs], seed: 4)
        let all = i.linear(Value(x), weight, bias, adding: Value(r), rowwise: true).tensor
        let plain = i.linear(Value(x), weight, bias, adding: Value(r)).tensor
        #expect(relativeError(all, plain) < (S.self == Float.self ? 1e-5 : 1e-13))
        for (start, length) in [(0, 1), (7, 1), (3, 5), (60, 20), (100, 64), (999, 101), (0, 1025)]
        {
          let range = start..<start + length
          let some = i.linear(
            Value(x.slice(range)), weight, bias, adding: Value(r.slice(range)), rowwise: true)
          #expect(
            some.tensor.isIdentical(to: all.slice(range)),
            "\(S.self) rows \(range): \(currentCase)")
        }
      }
    }
    check(Float.self)
    check(Double.self)
  }

  @Test func linear() throws {
    try withEvery(
      "rows, in, out",
      in: [([1], 1, 1), ([2, 3], 5, 7), ([4], 17, 33), ([0], 3, 2), ([2, 0], 3, 2)]
    ) { rows, width, out in
      try withEvery("bias", in: [true, false]) { bias in
        try withEvery("offset", in: [0, 4]) { offset in
          let x: Tensor<Double> = normal(rows + [width])
          let weight: Tensor<Double> = normal([out, width + offset + 2], seed: 2)
          try checkDerivatives(at: [x, weight] + (bias ? [normal([out], seed: 3)] : [])) { i, v in
            i.linear(v[0], v[1], bias ? v[2] : nil, offset: offset)
          }
        }
      }
    }
  }

  @Test func linearAddedToSomething() throws {
    try withEvery("rows, in, out", in: [([1], 1, 1), ([2, 3], 5, 16), ([0], 3, 2)]) {
      rows, width, out in
      try withEvery("bias", in: [true, false]) { bias in
        let inputs: [Tensor<Double>] = [
          normal(rows + [width]), normal([out, width], seed: 2), normal(rows + [out], seed: 3),
        ]
        try checkDerivatives(at: inputs + (bias ? [normal([out], seed: 4)] : [])) { i, v in
          i.linear(v[0], v[1], bias ? v[3] : nil, adding: v[2])
        }
      }
    }
  }

  /// Whether the product is ours, OpenBLAS's or dealt out in blocks.
  @Test func linearAddsAsIfAddedAfterwards() {
    func check<S: Scalar>(_: S.Type) {
      withEvery("rows, in, out", in: [(37, 20, 16), (37, 20, 80), (37, 20, 7), (1100, 5, 32)]) {
        rows, width, out in
        let i = Interpreter<S>.plain
        let (x, w) = (Value<S>(normal([rows, width])), Value<S>(normal([out, width], seed: 2)))
        let (b, r) = (Value<S>(normal([out], seed: 3)), Value<S>(normal([rows, out], seed: 4)))
        let product = i.linear(x, w)
        let biased = i.add(product, b)
        #expect(i.linear(x, w, b).tensor.isIdentical(to: biased.tensor), "\(currentCase)")
        #expect(
          i.linear(x, w, b, adding: r).tensor.isIdentical(to: i.add(r, biased).tensor),
          "\(currentCase)")
        #expect(
          i.linear(x, w, adding: r).tensor.isIdentical(to: i.add(r, product).tensor),
          "\(currentCase)")
      }
    }
    check(Float.self)
    check(Double.self)
  }

  @Test func linearOfManyRowsIsDealtOut() throws {
    // More rows than one block of the workers.
    let x: Tensor<Double> = normal([2100, 3])
    try checkDerivatives(at: [x, normal([2, 3], seed: 2), normal([2], seed: 3)]) { i, v in
      i.linear(v[0], v[1], v[2])
    }
    let w: Tensor<Double> = normal([2, 3], seed: 2)
    let results = [1, 2, 5].map { count in
      Workers.$current.withValue(Workers(count: count)) {
        Interpreter.plain.linear(Value(x), Value(w)).tensor
      }
    }
    #expect(results.allSatisfy { $0.isIdentical(to: results[0]) })
    #expect(relativeError(results[0], x.matmul(w, transposed: (.no, .yes))) < 1e-15)
  }

  @Test func linearWithoutInputsOrOutputs() throws {
    let i = Interpreter<Double>.plain
    poisonFreeMemory()
    let none = i.linear(Value(.zeros([3, 0])), Value(.zeros([2, 0]))).tensor
    #expect(none == .zeros([3, 2]))
    let tape = Tape<Double>()
    let x = Value.variable(normal([3, 4], as: Double.self))
    let y = Interpreter.recording(on: tape).linear(x, Value(.zeros([0, 4])))
    poisonFreeMemory()
    try tape.pullback([(y, .zeros([3, 0]))])
    #expect(x.cotangent == .zeros([3, 4]))
  }

  @Test(arguments: NormKind.allCases, [true, false])
  func norm(_ kind: NormKind, bias: Bool) throws {
    try withEvery("shape", in: [[1, 3], [2, 2, 5], [3, 16], [2, 17], [1, 40], [0, 4]]) { shape in
      let width = shape[shape.count - 1]
      let x: Tensor<Double> = normal(shape)
      let gain: Tensor<Double> = normal([width], seed: 2)
      let inputs = [x, gain] + (bias ? [normal([width], seed: 3)] : [])
      try checkDerivatives(at: inputs, tolerance: 1e-7) { i, v in
        i.norm(v[0], kind, gain: v[1], bias: bias ? v[2] : nil, epsilon: 1e-2)
      }
    }
  }

  @Test func normOfOneColumn() throws {
    // A layer norm of one number gives the bias, and does not vary with its input.
    let tape = Tape<Double>()
    let x = Value.variable(Tensor<Double>([2, 1], [3, -4]))
    let y = Interpreter.recording(on: tape).norm(
      x, .layer, gain: Value(Tensor([1], [2])), bias: Value(Tensor([1], [0.5])), epsilon: 1e-5)
    #expect(y.tensor.elements == [0.5, 0.5])
    try tape.pullback([(y, Tensor([2, 1], [1, 1]))])
    #expect(x.cotangent?.elements == [0, 0])
    try checkDerivatives(at: [normal([3, 1]), normal([1], seed: 2)], tolerance: 1e-7) { i, v in
      i.norm(v[0], .rms, gain: v[1], epsilon: 0.3)
    }
  }

  @Test func normByHand() {
    let x = Tensor<Double>([1, 4], [1, 2, 3, 6])
    let gain = Tensor<Double>([4], [1, 1, 2, 1])
    let i = Interpreter<Double>.plain
    let layer = i.norm(Value(x), .layer, gain: Value(gain), epsilon: 0.5).tensor
    // Mean 3, variance 3.5, so the divisor is 2.
    #expect(layer.elements == [-1, -0.5, 0, 1.5])
    let rms = i.norm(Value(x), .rms, gain: Value(gain), epsilon: 0).tensor
    #expect(
      relativeError(rms, Tensor([1, 4], [1, 2, 6, 6].map { $0 / 12.5.squareRoot() })) < 1e-15)
  }

  @Test func gather() throws {
    let table: Tensor<Double> = normal([4, 5])
    try checkDerivatives(at: [table]) { i, v in i.gather(v[0], [3, 0, 0, -1, 2, 3], shape: [2, 3]) }
    try checkDerivatives(at: [table]) { i, v in
      i.gather(v[0], [3, 0, 0, -1, -1, -1], channels: 2, shape: [3])
    }
    try checkDerivatives(at: [table]) { i, v in i.gather(v[0], [], shape: [0]) }
    let y = Interpreter.plain.gather(
      Value(Tensor<Double>([2, 2], [1, 2, 10, 20])), [0, 1, 1, 1, -1, 0], channels: 2, shape: [3])
    #expect(y.tensor == Tensor([3, 2], [11, 22, 20, 40, 1, 2]))
  }

  @Test func gatherBias() throws {
    let table: Tensor<Double> = normal([2, 3])
    try checkDerivatives(at: [table]) { i, v in
      i.gatherBias(v[0], [0, 2, -1, 2], shape: [2, 2], missing: -7)
    }
    let y = Interpreter.plain.gatherBias(
      Value(Tensor<Double>([2, 2], [1, 2, 3, 4])), [1, -1], shape: [2], missing: -.infinity)
    #expect(y.tensor == Tensor([2, 2], [2, -.infinity, 4, -.infinity]))
  }

  @Test func crossEntropy() throws {
    try withEvery("smoothing", in: [0, 0.1]) { smoothing in
      try withEvery("classes", in: [1, 2, 5, 17, 40]) { classes in
        let targets: [Int32] = [0, -1, Int32(classes - 1), Int32(classes / 2)]
        try checkDerivatives(at: [normal([2, 2, classes])]) { i, v in
          i.crossEntropy(v[0], targets: targets, smoothing: smoothing, weight: 0.3)
        }
      }
      try checkDerivatives(at: [normal([2, 3])]) { i, v in
        i.crossEntropy(v[0], targets: [-1, -1], smoothing: smoothing)
      }
      try checkDerivatives(at: [normal([0, 3])]) { i, v in
        i.crossEntropy(v[0], targets: [], smoothing: smoothing)
      }
    }
    // All classes alike: log of their number, however smoothed.
    let even = Interpreter<Double>.plain.crossEntropy(
      Value(.zeros([1, 8])), targets: [3], smoothing: 0.2, weight: 2)
    #expect(abs(even.tensor.scalar - 2 * log(8)) < 1e-15)
  }

  @Test func weightedSquaredDistance() throws {
    try withEvery("shape", in: [[1], [3, 5], [2, 3, 17], [2, 0]]) { shape in
      let weights = (0..<shape[0]).map { Double($0) - 0.7 }
      try checkDerivatives(at: [normal(shape), normal(shape, seed: 2)]) { i, v in
        i.weightedSquaredDistance(v[0], v[1], weights: weights)
      }
    }
    let y = Interpreter<Double>.plain.weightedSquaredDistance(
      Value(Tensor([2, 2], [1, 2, 3, 4])), Value(.zeros([2, 2])), weights: [1, 10])
    #expect(y.tensor.scalar == 255)
  }
}
