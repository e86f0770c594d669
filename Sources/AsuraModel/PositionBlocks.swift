import AsuraDiff
import AsuraTensor

/// The diagonal blocks `∂F_p/∂z_p` of the step map's Jacobian: every position's effect on itself.
///
/// Under a causal mask a position depends on none after it, so that the Jacobian is block triangular and its
/// eigenvalues are those of these blocks together: exactly, for a `width`-th of the products and
/// `positions²` times fewer operations of the eigenvalue solver.
///
/// All blocks come from the same `width` products. The sequence is run beside a twin of itself: a twin's position
/// attends to the first sequence's positions, which stay as they are, and to itself. Tangents of all twins at once
/// then never mix.
package struct PositionBlocks<S: Scalar>: Sendable {
  private let map: StepMap<S>
  private let positions: Int
  private let width: Int

  /// - Parameter input: one example.
  /// - Precondition: the model's mask is causal.
  package init(
    _ model: RecurrentTransformer<S>, _ input: ModelInput, iteration: Int, of count: Int
  ) throws {
    precondition(model.hasTriangularStepMap, "a mask that is not causal")
    precondition(input.batch == 1, "\(input.batch) examples, not one")
    positions = input.positions
    width = model.configuration.width
    let twinned = try ModelInput(
      tokens: input.tokens + input.tokens, batch: 1, positions: 2 * positions,
      channels: input.channels, positionIDs: input.positionIDs + input.positionIDs)
    map = try StepMap(model, twinned, iteration: iteration, of: count, isTwinned: true)
  }

  /// The blocks `[position, width, width]` at a latent `[1, position, width]`, row = output.
  package func callAsFunction(at latent: Tensor<S>) throws -> Tensor<S> {
    precondition(latent.shape == [1, positions, width], "a latent of shape \(latent.shape)")
    let rows = latent.reshaped([positions, width])
    let twins = Tensor.concatenating([rows, rows]).reshaped(map.shape)
    let (positions, width) = (self.positions, self.width)
    let (state, chunk) = (positions * width, 16)
    let chunks = (width + chunk - 1) / chunk
    // A linearisation is replayed by one thread at a time, so each part of the chunks makes its own.
    let parts = min(chunks, 4)
    return try Tensor([positions, width, width]) { blocks in
      // The parts write disjoint columns of memory that outlives the call.
      nonisolated(unsafe) let blocks = blocks
      try Workers.current.forEach(parts) { part in
        let linearization = try map.linearized(at: twins)
        for first in stride(from: part * chunk, to: width, by: parts * chunk) {
          let count = min(chunk, width - first)
          var tangents = Tensor<S>.zeros([count] + map.shape)
          tangents.update { v in
            for i in 0..<count {
              for p in 0..<positions { v[(2 * i + 1) * state + p * width + first + i] = 1 }
            }
          }
          try linearization.jvp(tangents).read { images in
            for i in 0..<count {
              let image = images + (2 * i + 1) * state
              for row in 0..<state { blocks[row * width + first + i] = image[row] }
            }
          }
        }
      }
    }
  }
}

extension RecurrentTransformer {
  /// Whether no position's next latent depends on the latents after it: then the step map's Jacobian is block
  /// triangular. Prelude and coda do not matter, and have the same mask.
  package var hasTriangularStepMap: Bool { configuration.attention.mask == .causal }
}
