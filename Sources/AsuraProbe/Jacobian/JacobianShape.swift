public import AsuraTensor

/// How a Jacobian stretches and shears in one application: what its eigenvalues do not tell.
public struct JacobianShape: Sendable, Equatable {
  /// A number known from random probes, and how far to believe it.
  public struct Estimate: Sendable, Equatable {
    public let value: Double
    /// The standard error of the mean over the probes.
    public let standardError: Double
  }

  /// What depends on the whole matrix, and so is known only where it was made.
  public struct Whole: Sendable, Equatable {
    /// All singular values, largest first, by LAPACK.
    public let singularValues: [Double]
    public let trace: Double
    public let frobeniusNorm: Double
    /// Henrici's departure from normality, `√(‖J‖_F² − Σ|λ|²)`: 0 for a normal matrix, whose norm is its radius.
    public let departure: Double
    /// `exp(−Σ p log p)` of the singular values' shares p: in how many directions the map passes anything on (Roy
    /// and Vetterli, "The effective rank", EUSIPCO 2007).
    public let effectiveRank: Double
  }

  /// The leading singular values, largest first; the first is the spectral norm.
  public let singularValues: [Double]
  /// The largest `‖Jᵀu − σv‖ / σ` with `u = Jv / ‖Jv‖`, from fresh products.
  public let residual: Double
  /// Whether all those sought were found.
  public let converged: Bool
  /// The largest eigenvalue of `(J + Jᵀ)/2`. Above 1, some disturbance grows along itself in the next iteration.
  public let numericalAbscissa: Double
  /// The spectral norm over the spectral radius: 1 for a normal matrix. A lower bound where the radius is of
  /// leading eigenvalues alone; infinite for a nilpotent matrix.
  public let normOverRadius: Double
  /// The trace by Hutchinson's estimator with Rademacher probes (1990).
  public let traceEstimate: Estimate
  /// `‖J‖_F²` by the same probes.
  public let squaredNormEstimate: Estimate
  public let whole: Whole?
  /// The norms by position of what the leading singular vectors take in and give out, `[value][position]`; their
  /// squares add up to 1. Empty where the state has no positions.
  public internal(set) var inputProfiles: [[Double]] = []
  public internal(set) var outputProfiles: [[Double]] = []

  /// The spectral norm: the most by which one application stretches a disturbance.
  public var spectralNorm: Double { singularValues.first ?? 0 }
}

/// The leading singular values of an operator with their vectors.
public struct LeadingSingular: Sendable {
  /// Largest first.
  public let values: [Double]
  /// What comes out, u, a row each `[values.count, dimension]`.
  public let left: Tensor<Double>
  /// What goes in, v, a row each.
  public let right: Tensor<Double>
  /// The largest `‖Jᵀu − σv‖ / σ`.
  public let residual: Double
  public let converged: Bool

  /// From `JᵀJ`, with products with both the operator and its transpose.
  ///
  /// The squares make small singular values inexact: those below `√ε` times the largest are rounding.
  public init(_ count: Int, of jacobian: any LinearOperator, seed: UInt64 = 0) throws {
    let size = jacobian.dimension
    let count = min(count, size)
    guard count <= size - 2 else {
      let all = try jacobian.matrix().singularValueDecomposition()
      values = Array(all.values.elements.prefix(count))
      left = all.left.transposed.slice(0..<count)
      right = all.right.slice(0..<count)
      (residual, converged) = (0, true)
      return
    }
    let solver = BlockKrylovSolver(
      count: count, order: .largestReal, block: max(8, min(16, count)), seed: seed)
    let found = try solver.leadingEigenvalues(size: size) { rows in
      try jacobian.applyTransposed(jacobian.apply(rows))
    }
    let v = found.vectors?.real ?? .zeros([0, size])
    let images = v.shape[0] > 0 ? try jacobian.apply(v) : v
    let sigma = (0..<v.shape[0]).map { images[$0].norm }
    let u = Tensor(images.shape) { out in
      images.read { x in
        for (i, s) in sigma.enumerated() {
          for j in 0..<size { out[i * size + j] = s > 0 ? x[i * size + j] / s : 0 }
        }
      }
    }
    let back = v.shape[0] > 0 ? try jacobian.applyTransposed(u) : v
    residual =
      sigma.indices.map { i in
        (back[i] - v[i].scaled(by: sigma[i])).norm / max(sigma[i], sigma[0] * 1e-8, 1e-300)
      }.max() ?? .nan
    (values, left, right, converged) = (sigma, u, v, found.converged)
  }
}

extension JacobianShape {
  /// - Parameters:
  ///   - count: how many leading singular values to find.
  ///   - eigenvalues: the spectrum, as far as it is known; all of it where `matrix` is given.
  ///   - matrix: the operator written out, where that was affordable.
  ///   - probes: how many random vectors the estimates take.
  public init(
    of jacobian: any LinearOperator, leading: LeadingSingular, eigenvalues: [Complex<Double>],
    matrix: Tensor<Double>? = nil, probes: Int = 32, seed: UInt64 = 0
  ) throws {
    let size = jacobian.dimension
    singularValues = leading.values
    (residual, converged) = (leading.residual, leading.converged)
    let norm = leading.values.first ?? 0
    let radius = eigenvalues.first?.length ?? .nan
    normOverRadius = norm == 0 ? 1 : norm / radius
    numericalAbscissa = try Self.numericalAbscissa(of: jacobian, seed: seed)

    var random = Random(seed: seed, for: "Hutchinson probes")
    let signs = Tensor<Double>([probes, size]) { x in
      for i in 0..<probes * size { x[i] = random.next() & 1 == 0 ? 1 : -1 }
    }
    let images = try jacobian.apply(signs)
    traceEstimate = Estimate((0..<probes).map { signs[$0].dot(images[$0]) })
    squaredNormEstimate = Estimate((0..<probes).map { images[$0].dot(images[$0]) })

    whole = try matrix.map { matrix in
      let values = try matrix.singularValues().elements
      let sum = values.reduce(0, +)
      var entropy = 0.0
      for value in values where value > 0 { entropy -= value / sum * .log(value / sum) }
      let squares = matrix.dot(matrix)
      let moduli = eigenvalues.reduce(0) { $0 + $1.lengthSquared }
      return Whole(
        singularValues: values, trace: (0..<size).reduce(0) { $0 + matrix[[$1, $1]] },
        frobeniusNorm: squares.squareRoot(), departure: max(0, squares - moduli).squareRoot(),
        effectiveRank: sum > 0 ? .exp(entropy) : 0)
    }
  }

  /// The largest eigenvalue of the operator's symmetric part.
  private static func numericalAbscissa(
    of jacobian: any LinearOperator, seed: UInt64
  ) throws -> Double {
    let size = jacobian.dimension
    guard size > 3 else {
      let matrix = try jacobian.matrix()
      return try (matrix + matrix.transposed).scaled(by: 0.5).symmetricEigen().values.elements[0]
    }
    let solver = BlockKrylovSolver(
      count: 1, order: .largestReal, block: 8, tolerance: 1e-10, seed: seed)
    let found = try solver.leadingEigenvalues(size: size) { rows in
      try (jacobian.apply(rows) + jacobian.applyTransposed(rows)).scaled(by: 0.5)
    }
    return found.values.first?.real ?? .nan
  }
}

extension JacobianShape.Estimate {
  /// The mean of the samples and its standard error, NaN for a single one.
  init(_ samples: [Double]) {
    let count = Double(samples.count)
    let mean = samples.reduce(0, +) / count
    let squares = samples.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    self.init(value: mean, standardError: (squares / (count - 1) / count).squareRoot())
  }
}
