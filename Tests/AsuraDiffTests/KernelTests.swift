import AsuraDiff
import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

/// Values of the vectorised kernels against 60-digit answers (`Tests/Goldens/elementwise`), at ordinary and
/// extreme inputs.
@Suite struct KernelTests {
  private let golden: Golden
  init() throws { golden = try Golden("elementwise") }

  /// Each element within `units` of the expected one's last place, or within `floor`.
  private func expect<S: Scalar>(
    _ actual: Tensor<S>, _ expected: Tensor<S>, units: S, floor: S = S.leastNormalMagnitude,
    _ what: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for (i, (a, b)) in zip(actual.elements, expected.elements).enumerated() {
      let same = a == b || (a.isNaN && b.isNaN) || abs(a - b) <= max(units * b.ulp, floor)
      #expect(
        same, "\(what)[\(i)] is \(a), expected \(b): \((a - b) / b.ulp) units",
        sourceLocation: sourceLocation)
    }
  }

  private func activations<S: Scalar>(_ prefix: String, _: S.Type) throws {
    func tensor(_ name: String) throws -> Tensor<S> { try golden.file.tensor("\(prefix).\(name)") }
    for function in [ActivationFunction.gelu, .silu, .sigmoid] {
      let x = try tensor("\(function).input")
      let tape = Tape<S>()
      let v = Value.variable(x)
      let y = Interpreter.recording(on: tape).activate(v, function)
      try tape.pullback([(y, Tensor(x.shape, repeating: 1))])
      // The exponent is rounded before exp, which multiplies its error by its size.
      for (i, x) in x.elements.enumerated() {
        let tolerance = S.ulpOfOne * (8 + 2 * min(abs(x * x * x), 700))
        let (value, slope) = (y.tensor.elements[i], v.cotangent!.elements[i])
        let (e, d) = (
          try tensor("\(function).value").elements[i],
          try tensor("\(function).derivative").elements[i]
        )
        let tiny = S.leastNormalMagnitude * max(1, abs(x * x * x))
        #expect(
          value == e || abs(value - e) <= tolerance * abs(e) + tiny,
          "\(function)(\(x)) \(value) \(e)")
        #expect(
          slope == d || abs(slope - d) <= tolerance * max(abs(d), min(1, abs(e))) + tiny,
          "\(function)′(\(x)) is \(slope), expected \(d)")
      }
    }
  }

  @Test func activations() throws {
    try activations("f64", Double.self)
    try activations("f32", Float.self)
  }

  private func softmax<S: Scalar>(_ prefix: String, _: S.Type) throws {
    let x: Tensor<S> = try golden.file.tensor("\(prefix).softmax.input")
    let y = Interpreter.plain.softmax(Value(x)).tensor
    expect(y, try golden.file.tensor("\(prefix).softmax.value"), units: 16, "\(prefix) softmax")
  }

  @Test func softmax() throws {
    try softmax("f64", Double.self)
    try softmax("f32", Float.self)
  }

  private func crossEntropy<S: Scalar>(_ prefix: String, _: S.Type) throws {
    let logits: Tensor<S> = try golden.file.tensor("\(prefix).cross_entropy.logits")
    let targets = try golden.file.integers("\(prefix).cross_entropy.targets").map { Int32($0) }
    for (kind, smoothing) in [("plain", 0), ("smooth", golden.smoothing)] {
      let losses: Tensor<S> = try golden.file.tensor("\(prefix).cross_entropy.\(kind).loss")
      let gradient: Tensor<S> = try golden.file.tensor("\(prefix).cross_entropy.\(kind).gradient")
      for (row, target) in targets.enumerated() {
        let tape = Tape<S>()
        let x = Value.variable(logits.slice(row..<row + 1))
        let loss = Interpreter.recording(on: tape).crossEntropy(
          x, targets: [target], smoothing: smoothing)
        try tape.pullback([(loss, Tensor([], repeating: 1))])
        let size = logits[row].elements.filter(\.isFinite).map { abs($0) }.max() ?? 1
        expect(
          loss.tensor.reshaped([1]), losses.slice(row..<row + 1), units: 8,
          floor: 8 * S.ulpOfOne * max(1, size), "\(prefix) \(kind) loss of row \(row)")
        expect(
          x.cotangent!, gradient.slice(row..<row + 1), units: 16, floor: 4 * S.ulpOfOne,
          "\(prefix) \(kind) gradient of row \(row)")
      }
    }
  }

  @Test func crossEntropy() throws {
    try crossEntropy("f64", Double.self)
    try crossEntropy("f32", Float.self)
  }

  /// exp is inside softmax: of (0, x) for x ≤ 0 it is `exp(x)/(1 + exp(x))`.
  @Test func exponentialsUnderflowToZero() {
    let i = Interpreter<Float>.plain
    let y = i.softmax(Value(Tensor([2, 2], [0, -1e30, 3e38, -3e38]))).tensor
    #expect(y.elements == [1, 0, 1, 0])
  }

  @Test func notANumberShows() {
    func check<S: Scalar>(_: S.Type) {
      withEvery("width", in: [3, 16, 40]) { width in
        var x: Tensor<S> = normal([2, width])
        x.update { $0[1] = .nan }
        let i = Interpreter<S>.plain
        let results = [
          i.softmax(Value(x)), i.activate(Value(x), .gelu), i.activate(Value(x), .silu),
          i.activate(Value(x), .relu), i.activate(Value(x), .sigmoid),
          i.norm(Value(x), .layer, gain: Value(Tensor([width], repeating: 1)), epsilon: 1e-5),
          i.norm(Value(x), .rms, gain: Value(Tensor([width], repeating: 1)), epsilon: 1e-5),
        ]
        for y in results {
          #expect(y.tensor[[0, 1]].isNaN, "\(S.self) \(currentCase)")
          #expect(y.tensor[1].isFinite, "\(S.self) \(currentCase)")
        }
        let loss = i.crossEntropy(Value(x), targets: [0, 0])
        #expect(loss.tensor.scalar.isNaN)
        #expect(i.crossEntropy(Value(x), targets: [-1, 0]).tensor.isFinite)
      }
      // Nothing but −∞ and NaN.
      let masked = Interpreter<S>.plain.softmax(Value(Tensor([1, 2], [-.infinity, .nan]))).tensor
      let shows = masked.elements.contains { $0.isNaN }
      #expect(shows)
    }
    check(Float.self)
    check(Double.self)
  }

  @Test func floatAgreesWithDouble() {
    withEvery("width", in: [1, 5, 16, 37, 200]) { width in
      let (x, w): (Tensor<Double>, Tensor<Double>) = (
        normal([6, width]), normal([width, width], seed: 2)
      )
      let bound = Double(Float.ulpOfOne) * (4 + Double(width).squareRoot())
      typealias Operation<S: Scalar> = (Interpreter<S>, Value<S>, Value<S>) -> Value<S>
      func all<S: Scalar>(_: S.Type) -> [Tensor<S>] {
        let i = Interpreter<S>.plain
        let (x, w) = (Value<S>(x.converted()), Value<S>(w.converted()))
        let g = Value(w.tensor[0])
        return [
          i.linear(x, w, g), i.activate(x, .gelu), i.activate(x, .silu), i.activate(x, .relu),
          i.activate(x, .sigmoid),
          i.norm(x, .layer, gain: g, bias: g, epsilon: 1e-2),
          i.norm(x, .rms, gain: g, epsilon: 1e-2), i.softmax(x),
          i.crossEntropy(x, targets: [0, 0, 0, 0, 0, 0]),
        ].map(\.tensor)
      }
      // The inputs themselves are rounded to Float first.
      let double = all(Double.self)
      for (n, (a, b)) in zip(all(Float.self), double).enumerated() {
        #expect(relativeError(a.converted(to: Double.self), b) < bound, "\(n) \(currentCase)")
      }
    }
  }
}
