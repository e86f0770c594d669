import AsuraDiff
import AsuraTensor

extension StepMap {
  /// The logits `[batch, position, class]` of a latent, as a readout after this map's iteration gives them.
  package func readout(_ z: Tensor<S>) throws -> Tensor<S> {
    precondition(z.shape == shape, "a latent of shape \(z.shape), not \(shape)")
    return try computation.readout(Value(z), embedded, iteration: iteration).tensor
  }

  /// The readout and its Jacobian at z: what a small change of the latent does to the logits.
  package func linearizedReadout(at z: Tensor<S>) throws -> Linearization<S> {
    precondition(z.shape == shape, "a latent of shape \(z.shape), not \(shape)")
    let tape = Tape<S>()
    let variable = Value.variable(z)
    let output = try computation.reading(with: .recording(on: tape)).readout(
      variable, embedded, iteration: iteration)
    return Linearization(tape: tape, variable: variable, output: output)
  }
}
