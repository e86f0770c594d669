import AsuraDiff
import AsuraTensor

/// One iteration as a map of the latent at a fixed input: `F(z; e)`, with its derivatives.
///
/// It is the same computation a run makes: `F` applied to a run's latent gives the run's next one, to
/// the bit where the batch is small enough to be run in one part.
public struct StepMap<S: Scalar>: Sendable {
  let computation: Computation<S>
  /// The embedded tokens, before the prelude.
  let tokens: Value<S>
  let embedded: Computation<S>.Embedded
  let iteration: Int
  let step: Double
  /// The shape of a latent, `[batch, position, width]`.
  public let shape: [Int]

  /// How many numbers a latent holds.
  public var dimension: Int { shape.reduce(1, *) }

  /// - Parameter isTwinned: Whether the input's second half repeats the first: see `PositionBlocks`.
  package init(
    _ model: RecurrentTransformer<S>, _ input: ModelInput, iteration: Int, of count: Int,
    isTwinned: Bool = false
  ) throws {
    try model.check(input)
    guard iteration >= 1 else {
      throw ModelError(.input, "iteration \(iteration)", remedy: "Iterations count from 1.")
    }
    try model.check(iterations: iteration)
    computation = model.computation(
      .plain, geometry: try Geometry(model.configuration, input, isTwinned: isTwinned),
      hooks: nil, examples: 0..<input.batch)
    tokens = try computation.embedTokens(input)
    embedded = try computation.prepare(tokens)
    step = model.eulerStep(iterations: count)
    self.iteration = iteration
    shape = [input.batch, input.positions, model.configuration.width]
  }

  /// `F(z)`
  public func callAsFunction(_ z: Tensor<S>) throws -> Tensor<S> {
    precondition(z.shape == shape, "a latent of shape \(z.shape), not \(shape)")
    return try computation.iterate(Value(z), embedded, iteration: iteration, step: step).tensor
  }

  /// F and its Jacobian at z.
  public func linearized(at z: Tensor<S>) throws -> Linearization<S> {
    precondition(z.shape == shape, "a latent of shape \(z.shape), not \(shape)")
    let tape = Tape<S>()
    let variable = Value.variable(z)
    let output = try computation.reading(with: .recording(on: tape)).iterate(
      variable, embedded, iteration: iteration, step: step)
    return Linearization(tape: tape, variable: variable, output: output)
  }
}

/// A map's value and Jacobian at one point, applied forwards to many tangents at once or backwards.
public struct Linearization<S: Scalar> {
  private let tape: Tape<S>
  private let variable: Value<S>
  private let output: Value<S>

  init(tape: Tape<S>, variable: Value<S>, output: Value<S>) {
    self.tape = tape
    self.variable = variable
    self.output = output
  }

  /// The map's value.
  public var value: Tensor<S> { output.tensor }

  /// `J·ẋ` for `count` tangents `[count] + shape`.
  public func jvp(_ tangents: Tensor<S>) throws -> Tensor<S> {
    try tape.pushforward([(variable, tangents)], to: output, count: tangents.shape[0])
  }

  /// `Jᵀ·ȳ` for a cotangent of the value's shape.
  public func vjp(_ cotangent: Tensor<S>) throws -> Tensor<S> {
    variable.clearCotangent()
    try tape.pullback([(output, cotangent)])
    return variable.cotangent ?? .zeros(variable.shape)
  }
}

extension RecurrentTransformer {
  /// The step map at an input: iteration `iteration` (which only matters to unshared cores) of a
  /// run of `count` (which only matters to Euler updates of step 1/T).
  public func stepMap(
    _ input: ModelInput, iteration: Int = 1, of count: Int? = nil
  ) throws -> StepMap<S> {
    try StepMap(self, input, iteration: iteration, of: count ?? configuration.iterations)
  }
}
