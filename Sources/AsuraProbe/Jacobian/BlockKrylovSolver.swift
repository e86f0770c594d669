public import AsuraTensor

/// Finds the leading eigenvalues of a symmetric operator that is known only by applying it, several vectors at once.
///
/// The block Krylov–Schur method (Stewart, "A Krylov–Schur algorithm for large eigenproblems", SIAM J. Matrix
/// Anal. Appl. 23, 2001; Zhou and Saad, "Block Krylov–Schur method for large symmetric eigenvalue problems", Numer.
/// Algor. 47, 2008). A block sees multiple eigenvalues, as many copies as it has vectors, can start from a whole
/// invariant subspace of a like operator, and its products go through a model together.
///
/// It takes operators that are not symmetric too, with `order` `largestModulus`, but where many eigenvalues lie near
/// the leading ones, as in a Jacobian's spectrum, it takes several times the products of ARPACK's one-vector
/// iteration, or gives up: `ArnoldiSolver` is for those.
public struct BlockKrylovSolver: Sendable, Equatable {
  /// Which eigenvalues lead.
  public enum Order: Sendable, Equatable {
    case largestModulus
    /// Largest value, of a symmetric operator.
    case largestReal
  }

  /// How many eigenvalues to find; one more is returned when the last would split a conjugate pair.
  public var count: Int
  public var order: Order
  /// How many vectors go through the operator at once.
  public var block: Int
  /// The relative error wished for, as estimated from the Krylov decomposition; 0 is the machine precision.
  public var tolerance: Double
  /// After how many restarts to give up.
  public var maximumRestarts: Int
  /// What the random start vectors are drawn from.
  public var seed: UInt64

  public init(
    count: Int, order: Order = .largestReal, block: Int = 16, tolerance: Double = 0,
    maximumRestarts: Int = 300, seed: UInt64 = 0
  ) {
    self.count = count
    self.order = order
    self.block = block
    self.tolerance = tolerance
    self.maximumRestarts = maximumRestarts
    self.seed = seed
  }

  /// The leading eigenvalues of the operator `apply` on vectors of `size` elements, with their vectors.
  ///
  /// - Parameters:
  ///   - start: Rows `[any, size]` to start from, such as the `basis` of a like operator's spectrum.
  ///   - apply: Takes rows `[rows, size]` to their images `[rows, size]`. What it throws ends the solve.
  /// - Throws: `ArnoldiError`, `LinearAlgebraError`, or what `apply` throws. Not converging is no error: see
  ///   `converged`.
  public func leadingEigenvalues(
    size: Int, start: Tensor<Double>? = nil, of apply: (Tensor<Double>) throws -> Tensor<Double>
  ) throws -> ArnoldiSpectrum<Double> {
    try validate(size: size)
    var applications = 0
    func checked(_ rows: Tensor<Double>) throws -> Tensor<Double> {
      let images = try apply(rows)
      precondition(
        images.shape == rows.shape, "the operator took \(rows.shape) to \(images.shape)")
      applications += rows.shape[0]
      guard images.isFinite else {
        throw ArnoldiError.operatorNotFinite(application: applications)
      }
      return images
    }
    if let start {
      precondition(start.rank == 2 && start.shape[1] == size, "start vectors \(start.shape)")
      guard start.isFinite else { throw ArnoldiError.badStartVector }
    }
    var decomposition = KrylovDecomposition(
      start: start, size: size, block: min(block, size), seed: seed)
    // Half of what there is room for is kept at a restart: the more, the fewer of them.
    let room = min(size, max(80, 3 * count + 6 * decomposition.block))
    let kept = count + (room - count) / 2
    var restarts = 0
    while true {
      try decomposition.expand(checked)
      let isFull =
        decomposition.isInvariant
        || (room < size && decomposition.count + decomposition.block > room)
      // Looking takes time of its own: when something may have converged, or the room is used up.
      guard isFull || (start != nil && decomposition.count >= count + 2) else { continue }
      let ritz = try decomposition.ritz(keeping: min(kept, decomposition.count), order: order)
      let leading = ritz.leading(count, order)
      // Below the rounding of the decomposition itself an estimate means nothing.
      let good = leading.filter { index in
        ritz.estimates[index] <= max(tolerance * ritz.values[index].length, ritz.rounding)
      }
      let converged = good.count == leading.count
      guard converged || decomposition.isInvariant || (isFull && restarts >= maximumRestarts)
      else {
        if isFull {
          decomposition.restart(from: ritz)
          restarts += 1
        }
        continue
      }
      return try ArnoldiSpectrum(
        groups: ritz.groups(
          decomposition.isInvariant ? leading : good, in: decomposition.basis), count: count,
        size: size, order: order, keepVectors: true, applications: applications,
        restarts: restarts, converged: converged || decomposition.isInvariant, apply: checked)
    }
  }

  private func validate(size: Int) throws(ArnoldiError) {
    for (name, value) in [
      ("count", count), ("block", block), ("maximumRestarts", maximumRestarts),
    ] where value < 1 {
      throw .invalidOption(name: name, value: "\(value)", expected: "at least 1")
    }
    guard tolerance >= 0, tolerance.isFinite else {
      throw .invalidOption(name: "tolerance", value: "\(tolerance)", expected: "0 or more")
    }
    guard size >= 0, count <= size - 2 else {
      throw .tooFewDimensions(size: size, count: count)
    }
  }
}
