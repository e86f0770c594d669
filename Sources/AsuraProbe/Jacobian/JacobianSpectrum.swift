public import AsuraTensor

/// Eigenvalues of a map's Jacobian at one state: of the step map's, `∂F/∂z` over the latent `[position × width]`.
///
/// They tell how one more iteration acts on small disturbances of that latent: along an eigenvector a
/// disturbance is multiplied by the eigenvalue. Where the latent is at rest (a fixed point of F), a spectral
/// radius below 1 means that small disturbances die out in the long run. Elsewhere the next iteration has
/// another Jacobian, and even at rest a non-normal Jacobian lets disturbances grow for a while first.
public struct JacobianSpectrum: Sendable, Equatable {
  public enum Method: Sendable, Equatable {
    /// All eigenvalues, from the Jacobian as a matrix, by LAPACK.
    case dense
    /// Only so many of largest modulus, from Jacobian-vector products, by ARPACK.
    case leading(Int)
    /// All eigenvalues of a block triangular Jacobian: those of its diagonal blocks, one a position, by LAPACK.
    case blocks
  }

  public let method: Method
  /// The size of the state, or of the part of it that was looked at.
  public let dimension: Int
  /// Largest modulus first; conjugate pairs whole and adjacent, the positive imaginary part first.
  public let eigenvalues: [Complex<Double>]
  /// How far the eigenvalues are from true ones, as a ratio.
  ///
  /// For `leading` the largest `‖J v − λ v‖ / |λ|`, with fresh products. For `dense` the larger of
  /// `|Σλ − tr J| / ‖J‖` and `|Σλ² − tr J²| / ‖J‖²` (Frobenius norms), which judges all of them together and
  /// no single one; for `blocks` the worst block's. NaN when there is no eigenvalue to judge.
  public let residual: Double
  /// Whether all eigenvalues sought were found to the tolerance.
  public let converged: Bool
  /// How many Jacobian-vector products were made.
  public let applications: Int
  /// How long it took.
  public let seconds: Double
  /// Where to start the search for the leading eigenvalues of the next Jacobian of a trajectory.
  public internal(set) var restartVector: Tensor<Double>?

  /// The largest modulus of an eigenvalue; NaN when none was found.
  public var spectralRadius: Double { eigenvalues.first?.length ?? .nan }

  /// How far beyond the unit circle an eigenvalue must lie to count as outside: directions that a map
  /// leaves as they are have eigenvalues of 1, which rounding puts on either side.
  public static let circleMargin = 1e-9

  /// How many eigenvalues lie outside the unit circle by more than `circleMargin`, of those sought.
  public var outsideUnitCircle: Int {
    eigenvalues.count { $0.length > 1 + Self.circleMargin }
  }

  /// Whether there may be more outside the unit circle than were sought.
  public var mayHaveMoreOutside: Bool {
    eigenvalues.count < dimension && (!converged || outsideUnitCircle == eigenvalues.count)
  }
}

// MARK: - All eigenvalues

extension JacobianSpectrum {
  /// All eigenvalues of a Jacobian.
  ///
  /// Memory and time grow with the square and the cube of the dimension: see `DenseCost`.
  /// - Throws: `LinearAlgebraError` when the Jacobian is not finite or LAPACK does not converge.
  public static func dense(of jacobian: any LinearOperator) throws -> Self {
    let start = ContinuousClock.now
    let matrix = try jacobian.matrix()
    let eigenvalues = try matrix.eigenvalues()
    return JacobianSpectrum(
      method: .dense, dimension: jacobian.dimension, eigenvalues: eigenvalues,
      residual: traceResidual(eigenvalues, matrix), converged: true,
      applications: jacobian.dimension, seconds: secondsSince(start))
  }

  /// All eigenvalues of a map's Jacobian at a state `[1, dimension]`.
  public static func dense(of map: any StateMap, at state: Tensor<Double>) throws -> Self {
    try dense(of: StateJacobian(of: map, at: state))
  }

  /// All eigenvalues of a block triangular Jacobian with the given diagonal blocks `[block, size, size]`.
  ///
  /// - Parameter applications: how many products the blocks were made from.
  static func blocks(
    _ blocks: Tensor<Double>, applications: Int, since start: ContinuousClock.Instant
  ) throws -> Self {
    // One block a worker: LAPACK works on one thread.
    let parts = try Workers.current.map(blocks.shape[0]) { index in
      let values = try blocks[index].eigenvalues()
      return (values: values, residual: traceResidual(values, blocks[index]))
    }
    let values = parts.flatMap(\.values)
    return JacobianSpectrum(
      method: .blocks, dimension: blocks.shape[0] * blocks.shape[1],
      eigenvalues: Complex.leadingFirst(values).map { values[$0] },
      residual: parts.map(\.residual).max() ?? .nan, converged: true, applications: applications,
      seconds: secondsSince(start))
  }

  /// How far sums over the eigenvalues are from the traces that they should equal.
  static func traceResidual(
    _ eigenvalues: [Complex<Double>], _ matrix: Tensor<Double>
  ) -> Double {
    let n = eigenvalues.count
    var (trace, traceOfSquare, squares) = (0.0, 0.0, 0.0)
    matrix.read { a in
      for i in 0..<n {
        trace += a[i * n + i]
        for j in 0..<n {
          traceOfSquare += a[i * n + j] * a[j * n + i]
          squares += a[i * n + j] * a[i * n + j]
        }
      }
    }
    guard squares > 0 else { return 0 }
    let sum = eigenvalues.reduce(0) { $0 + $1.real }
    let sumOfSquares = eigenvalues.reduce(0) {
      $0 + $1.real * $1.real - $1.imaginary * $1.imaginary
    }
    return max(
      abs(sum - trace) / squares.squareRoot(), abs(sumOfSquares - traceOfSquare) / squares)
  }
}

// MARK: - The leading ones

extension JacobianSpectrum {
  /// The `count` eigenvalues of largest modulus of a Jacobian, without ever making the matrix. A search for as many
  /// as there are falls back on `dense`.
  ///
  /// - Parameters:
  ///   - previous: The spectrum at the state before, whose vectors the search then starts from.
  ///   - tolerance: The relative error wished for; 0 is the machine precision.
  ///   - seed: What start vectors are drawn from.
  /// - Throws: `ArnoldiError`. Not converging is no error: see `converged`.
  public static func leading(
    _ count: Int, of jacobian: any LinearOperator, after previous: JacobianSpectrum? = nil,
    tolerance: Double = 0, seed: UInt64 = 0
  ) throws -> Self {
    let size = jacobian.dimension
    guard count <= size - 2 else { return try dense(of: jacobian) }
    let start = ContinuousClock.now
    // A basis twice as large as ARPACK's own users take halves the products, which cost more than it does.
    let solver = ArnoldiSolver(
      count: count, subspace: max(4 * count, 20), tolerance: tolerance, seed: seed)
    let warm = previous?.restartVector.flatMap { $0.shape == [size] ? $0 : nil }
    let found = try solver.leadingEigenvalues(size: size, start: warm, of: jacobian.apply)
    return JacobianSpectrum(
      method: .leading(count), dimension: size, eigenvalues: found.values,
      residual: found.residuals.max() ?? .nan, converged: found.converged,
      applications: found.applications, seconds: secondsSince(start),
      restartVector: found.restartVector)
  }

  /// The leading eigenvalues of a map's Jacobian at a state `[1, dimension]`.
  public static func leading(
    _ count: Int, of map: any StateMap, at state: Tensor<Double>,
    after previous: JacobianSpectrum? = nil, tolerance: Double = 0, seed: UInt64 = 0
  ) throws -> Self {
    try leading(
      count, of: StateJacobian(of: map, at: state), after: previous, tolerance: tolerance,
      seed: seed)
  }
}

func secondsSince(_ start: ContinuousClock.Instant) -> Double {
  (ContinuousClock.now - start) / .seconds(1)
}
