import AsuraTensor

/// How a computation is read: as plain values, or recorded on a tape for its derivatives.
///
/// A model is written once in terms of an interpreter's operations; each primitive adds its own in
/// its file. Those a step is made of are compiled once more for each element type (`@_specialize`): a small model spends
/// a tenth of its time in generic code otherwise.
public struct Interpreter<S: Scalar>: Sendable {
  private let recorder: Recorder?

  /// Wraps the tape so that the interpreter can cross into a worker along with its computation.
  ///
  /// `@unchecked Sendable`: a tape is handed to one computation, which runs on one thread at a time.
  private final class Recorder: @unchecked Sendable {
    let tape: Tape<S>
    init(_ tape: Tape<S>) { self.tape = tape }
  }

  /// Values only; nothing is kept.
  public static var plain: Interpreter { Interpreter(recorder: nil) }

  /// Records what depends on variables onto `tape`.
  public static func recording(on tape: Tape<S>) -> Interpreter {
    Interpreter(recorder: Recorder(tape))
  }

  /// Whether derivatives are being recorded.
  public var isRecording: Bool { recorder != nil }

  /// Applies a primitive.
  @inline(__always)
  public func apply<P: Primitive<S>>(_ primitive: P, _ inputs: Value<S>...) -> Value<S> {
    apply(primitive, inputs)
  }

  /// Inlined, so that the primitive is known where it is applied, and written without key paths: what types and key paths
  /// in generic code stand for is looked up at run time, which would take as long as a small primitive.
  @inline(__always)
  func apply<P: Primitive<S>>(_ primitive: P, _ inputs: [Value<S>]) -> Value<S> {
    let tensors = inputs.map { $0.tensor }
    guard let tape = recorder?.tape, inputs.contains(where: { $0.node != nil }) else {
      return Value(primitive.value(of: tensors, keepingResiduals: false).0)
    }
    let (result, residuals) = primitive.value(of: tensors, keepingResiduals: true)
    guard let residuals else { preconditionFailure("\(P.self) kept no residuals") }
    let node = tape.record(
      Application(primitive: primitive, residuals: residuals), inputs: inputs.map { $0.node })
    return Value(result, node: node)
  }

  /// Runs `body` on `input` keeping only `input`; the derivative rules run it again (gradient
  /// checkpointing, Griewank & Walther 2000). What `body` captures may vary too. It must do the
  /// same each time.
  public func recomputing(
    _ input: Value<S>,
    _ body: @escaping (Interpreter, Value<S>) throws -> Value<S>
  ) throws -> Value<S> {
    guard let tape = recorder?.tape else { return try body(self, input) }
    let result = try body(.plain, input).tensor
    let node = tape.record(
      Recomputation(input: input.tensor, body: body), inputs: [input.node])
    return Value(result, node: node)
  }
}

/// A stretch of computation whose linearisation is made anew when it is needed.
private struct Recomputation<S: Scalar>: Linearised {
  let input: Tensor<S>
  let body: (Interpreter<S>, Value<S>) throws -> Value<S>
  var capturesValues: Bool { true }

  func vjp(_ cotangent: Tensor<S>, into inputs: Cotangents<S>) throws {
    let (tape, variable, output) = try linearise()
    try tape.pullback([(output, cotangent)], consuming: true)
    if let result = variable.cotangent { inputs.add(result, to: 0) }
  }

  func jvp(_ tangents: [Tensor<S>?], count: Int) throws -> Tensor<S> {
    let (tape, variable, output) = try linearise()
    // Captured values hold their tangents already.
    return try tape.pushforward(
      tangents[0].map { [(variable, $0)] } ?? [], to: output, count: count)
  }

  private func linearise() throws -> (Tape<S>, Value<S>, Value<S>) {
    let tape = Tape<S>()
    let variable = Value.variable(input)
    return (tape, variable, try body(.recording(on: tape), variable))
  }
}
