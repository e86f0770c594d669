internal import AsuraKernels
import AsuraTensor
import Synchronization

/// How long the latent is and how far it moves, found part by part of the batch while iterations come.
///
/// Each example's share is computed by itself and they are added in order, so nothing depends on the parts or on
/// which came first. Only the latest latents are kept.
final class LatentSteps: Sendable {
  private struct Part: Sendable {
    let rows: Range<Int>
    let values: any Sendable
  }
  private struct Entry: Sendable {
    var parts: [Part] = []
    /// Of each example ‖z_t‖² and ‖z_t − z_{t−1}‖²; NaN where it did not come.
    var squares: [Double]
    var distances: [Double]
  }
  private let examples: Int
  private let entries = Mutex<[Int: Entry]>([:])

  init(examples: Int) { self.examples = examples }

  /// Takes the latents of some examples after `iteration`.
  func add<S: Scalar>(_ latent: Tensor<S>, rows: Range<Int>, iteration: Int) {
    let before = entries.withLock { $0[iteration - 1]?.parts ?? [] }
    let each = latent.count / max(1, rows.count)
    var squares = [Double](repeating: .nan, count: rows.count)
    var distances = squares
    latent.read { z in
      for (index, example) in rows.enumerated() {
        let z = z + index * each
        squares[index] = asura_dot(S.kernelType, z, z, each)
        guard let part = before.first(where: { $0.rows.contains(example) }),
          let values = part.values as? Tensor<S>
        else { continue }
        values.read { y in
          let y = y + (example - part.rows.lowerBound) * each
          distances[index] = asura_squared_distance(S.kernelType, z, y, each)
        }
      }
    }
    entries.withLock { entries in
      let none = [Double](repeating: .nan, count: examples)
      var entry = entries[iteration] ?? Entry(squares: none, distances: none)
      entry.parts.append(Part(rows: rows, values: latent))
      entry.squares.replaceSubrange(rows, with: squares)
      entry.distances.replaceSubrange(rows, with: distances)
      entries[iteration] = entry
    }
  }

  /// The relative step ‖z_t − z_{t−1}‖ / ‖z_t‖ and the norm ‖z_t‖ after an iteration, over the whole batch; the
  /// step is NaN where the latent before was not seen, both where this one was not. Forgets what came before.
  func take(_ iteration: Int) -> (step: Double, norm: Double) {
    entries.withLock { entries in
      let entry = entries[iteration]
      for old in entries.keys where old < iteration { entries[old] = nil }
      guard let entry else { return (.nan, .nan) }
      let norm = entry.squares.reduce(0, +).squareRoot()
      return (entry.distances.reduce(0, +).squareRoot() / norm, norm)
    }
  }
}
