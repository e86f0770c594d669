import AsuraTensor

/// Latents that earlier batches ended with, for later ones to start from (as in neural cellular automata, Mordvintsev
/// et al. 2020): what a model makes of its own results, over many more iterations than one update pays for.
///
/// They are the latents of other inputs, so an answer must not depend on how the latent came about. They belong to the
/// training state and are in its checkpoints.
package struct LatentPool<S: Scalar>: Sendable {
  /// How many it keeps of each number of positions, the newest.
  package let capacity: Int
  /// `[entry, position, width]` by number of positions, oldest first.
  package private(set) var latents: [Int: Tensor<S>] = [:]

  package init(capacity: Int) { self.capacity = capacity }

  /// Takes in a batch's latents `[batch, position, width]`; those that are not finite are left out.
  package mutating func add(_ batch: Tensor<S>) {
    guard batch.isFinite else { return }
    let (count, positions) = (batch.shape[0], batch.shape[1])
    let new = batch.slice(max(0, count - capacity)..<count)
    guard let old = latents[positions], new.shape[0] < capacity else {
      latents[positions] = new
      return
    }
    let kept = min(old.shape[0], capacity - new.shape[0])
    latents[positions] = .concatenating([
      old.slice(old.shape[0] - kept..<old.shape[0]), new,
    ])
  }

  /// Starts for a batch, any entry as likely; nil while it has none of so many positions.
  package func draw(examples: Int, positions: Int, random: inout Random) -> Tensor<S>? {
    guard let entries = latents[positions] else { return nil }
    return .concatenating(
      (0..<examples).map { _ in
        let entry = Int.random(in: 0..<entries.shape[0], using: &random)
        return entries.slice(entry..<entry + 1)
      })
  }

  /// Puts back what a checkpoint holds.
  mutating func restore(_ entries: Tensor<S>, positions: Int) { latents[positions] = entries }
}
