import AsuraDiff
import AsuraTensor

/// Where derivatives by the input are taken.
package enum InputPlace: Sendable, Equatable {
  /// At the embedded tokens, before the prelude.
  case tokens
  /// At the embedded input e that every iteration recalls, after the prelude. The same where there is none.
  case embedded
}

extension StepMap {
  /// F and its Jacobian by the latent and the input together, at a latent z and this map's own input.
  package func linearized(
    at z: Tensor<S>, input place: InputPlace
  ) throws -> InputLinearization<S> {
    precondition(z.shape == shape, "a latent of shape \(z.shape), not \(shape)")
    let tape = Tape<S>()
    let recording = computation.reading(with: .recording(on: tape))
    let latent = Value.variable(z)
    let input = variable(place)
    let output = try recording.iterate(
      latent, recording.prepare(input, skippingPrelude: place == .embedded), iteration: iteration,
      step: step)
    return InputLinearization(tape: tape, latent: latent, input: input, output: output)
  }

  /// What tangents `[count] + shape` of the input make of the initial latent: nothing unless it is the input.
  package func initialTangents(
    _ tangents: Tensor<S>, of place: InputPlace
  ) throws -> Tensor<S> {
    guard computation.configuration.initialLatent == .input else { return .zeros(tangents.shape) }
    guard place == .tokens, computation.configuration.prelude > 0 else { return tangents }
    let tape = Tape<S>()
    let input = variable(place)
    let latent = try computation.reading(with: .recording(on: tape)).prepare(input).input
    return try tape.pushforward([(input, tangents)], to: latent, count: tangents.shape[0])
  }

  private func variable(_ place: InputPlace) -> Value<S> {
    .variable(place == .tokens ? tokens.tensor : embedded.input.tensor)
  }
}

/// A step map's Jacobian by latent and input together, at one point.
package struct InputLinearization<S: Scalar> {
  fileprivate let tape: Tape<S>
  fileprivate let latent: Value<S>
  fileprivate let input: Value<S>
  fileprivate let output: Value<S>

  /// `∂F/∂z·ż + ∂F/∂e·ė` for as many tangents of both, `[count] + shape` each.
  package func jvp(latent tangents: Tensor<S>, input others: Tensor<S>) throws -> Tensor<S> {
    try tape.pushforward(
      [(latent, tangents), (input, others)], to: output, count: tangents.shape[0])
  }
}
