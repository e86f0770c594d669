import AsuraDiff
import AsuraTensor

/// The positions of one example that have to be computed again: those that see a position, their own included, whose
/// latent has moved by more than a tolerance since they were computed.
///
/// A core of several blocks sees as many neighbourhoods far. With tolerance 0 every position left out would come to the
/// same bits again.
///
/// `@unchecked Sendable`: within an iteration workers note the changes of disjoint positions; in between one thread has it.
final class ActiveSet<S: Scalar>: @unchecked Sendable {
  /// The positions to compute in the next iteration.
  private(set) var positions: [Int32]
  /// How many positions have been computed so far.
  private(set) var computed = 0
  /// The last iteration in which any were; 0 before the first.
  private(set) var lastIteration = 0

  private let tolerance: Double
  /// For each position those that see it.
  private let reach: NeighbourTable
  private let steps: Int
  /// The latents as those who see them last took them in.
  private let seen: RowBuffer<S>
  /// The positions that changed, each block's from its own place on and ended by −1 where not all of it did.
  private let changed: UnsafeMutablePointer<Int32>
  private let block: Int
  private var marks: [Int32]
  private var mark: Int32 = 0

  /// - Parameters:
  ///   - reach: for each position those that see it.
  ///   - steps: how many neighbourhoods far an iteration sees.
  ///   - block: how many positions are computed at a time.
  init(
    _ latent: Tensor<S>, tolerance: Double, reach: NeighbourTable, steps: Int, block: Int
  ) {
    self.tolerance = tolerance
    self.reach = reach
    self.steps = steps
    self.block = block
    positions = (0..<Int32(reach.positions)).map { $0 }
    seen = RowBuffer(latent)
    changed = .allocate(capacity: max(1, reach.positions))
    marks = Array(repeating: 0, count: reach.positions)
  }

  deinit { changed.deallocate() }

  /// Takes in the new latents `[1, row, width]` of a block of the positions, which begins at `place` among them.
  func note(_ latents: Tensor<S>, _ rows: UnsafeBufferPointer<Int32>, at place: Int) {
    let count = seen.takeChanges(
      of: rows, to: latents, tolerance: tolerance, listing: changed + place)
    if count < rows.count { changed[place + count] = -1 }
  }

  /// Ends iteration `t`: what has changed decides what the next one computes.
  func advance(_ t: Int) {
    computed += positions.count
    lastIteration = t
    var moved: [Int32] = []
    for start in stride(from: 0, to: positions.count, by: block) {
      for place in start..<min(positions.count, start + block) {
        guard changed[place] >= 0 else { break }
        moved.append(changed[place])
      }
    }
    mark += 1
    positions = reach.reached(from: moved, steps: steps, marks: &marks, mark)
  }
}
