public import AsuraTensor

/// Exact dynamic mode decomposition (Tu, Rowley, Luchtenburg, Brunton & Kutz 2014): the eigenvalues of the linear map
/// that best takes each snapshot to the one after it.
///
/// With snapshots as the columns of X and their successors as those of Y, that map is `A = Y X⁺`; X's singular values
/// below the rank are left out, `X ≈ U Σ Vᵀ`, and the eigenvalues are those of `Uᵀ Y V Σ⁻¹`.
public struct DynamicModes: Sendable {
  /// How many singular values are kept.
  public enum RankRule: Sendable, Equatable {
    /// As few as hold this share of the sum of squares.
    case energy(Double)
    /// Those above the optimal threshold for unknown noise, ω(β) times the median (Gavish & Donoho 2014): for many
    /// noisy snapshots of few modes. Clean snapshots have no noise for the median to measure.
    case hardThreshold
    /// So many, as far as there are.
    case fixed(Int)
  }

  /// Largest modulus first; conjugate pairs whole and adjacent, the positive imaginary part first.
  public let eigenvalues: [Complex<Double>]
  /// The exact modes `Y V Σ⁻¹ w`, a row each, of norm 1.
  public let modes: ComplexRows<Double>
  /// How many singular values were kept.
  public let rank: Int
  /// The singular values of X, largest first.
  public let singularValues: [Double]
  /// How many pairs of snapshots there were.
  public let pairs: Int
  /// `‖Y − A X‖ / ‖Y‖`, Frobenius norms: how much of the successors the linear map misses.
  public let residual: Double

  /// Whether there are as many modes as pairs, so that the fit would be perfect whatever the snapshots were.
  public var isInterpolating: Bool { rank == pairs }

  /// A share of the energy such that modes of relative amplitude 10⁻⁵ are kept, and the rounding of 32-bit
  /// recordings, near 10⁻⁷, is not.
  public static let defaultRule = RankRule.energy(1 - 1e-10)

  /// - Parameters:
  ///   - snapshots: `[pair, dimension]`.
  ///   - successors: what each became, of the same shape.
  /// - Throws: `LinearAlgebraError`.
  public init(
    from snapshots: Tensor<Double>, to successors: Tensor<Double>, rule: RankRule = defaultRule
  ) throws {
    precondition(
      snapshots.rank == 2 && snapshots.shape == successors.shape && snapshots.shape[0] > 0,
      "snapshots of shape \(snapshots.shape), successors of shape \(successors.shape)")
    // Rows are snapshots here: X = rowsᵀ, so that LAPACK's left vectors are V and its right ones Uᵀ.
    let svd = try snapshots.singularValueDecomposition()
    let values = svd.values.elements
    let rank = Self.rank(values, shape: snapshots.shape, rule)
    self.rank = rank
    singularValues = values
    pairs = snapshots.shape[0]
    let v = Self.columns(rank, of: svd.left)
    let u = svd.right.slice(0..<rank)
    // Y V Σ⁻¹, transposed: [rank, dimension].
    var image = v.matmul(successors, transposed: (.yes, .no))
    // ‖Y − Y V Vᵀ‖
    let missed = successors - v.matmul(image)
    let size = successors.norm
    residual = size > 0 ? missed.norm / size : 0
    let dimension = snapshots.shape[1]
    image.update { rows in
      for i in 0..<rank { for j in 0..<dimension { rows[i * dimension + j] /= values[i] } }
    }
    let small = try u.matmul(image, transposed: (.no, .yes)).eigenDecomposition()
    eigenvalues = small.values
    modes = Self.normalized(
      ComplexRows(
        real: small.vectors.real.matmul(image), imaginary: small.vectors.imaginary.matmul(image)))
  }

  private static func rank(_ values: [Double], shape: [Int], _ rule: RankRule) -> Int {
    let nonzero = values.count { $0 > 1e-14 * (values.first ?? 0) && $0 > 0 }
    switch rule {
    case .fixed(let count): return min(max(count, 0), nonzero)
    case .energy(let share):
      let total = values.reduce(0) { $0 + $1 * $1 }
      // Counted from what is left out, since a share near 1 is lost in the sum of what is kept.
      return (1..<max(1, nonzero)).first { kept in
        values[kept...].reduce(0) { $0 + $1 * $1 } <= (1 - share) * total
      } ?? nonzero
    case .hardThreshold:
      let beta = Double(shape.min() ?? 1) / Double(max(1, shape.max() ?? 1))
      let omega = ((0.56 * beta - 0.95) * beta + 1.82) * beta + 1.43
      let sorted = values.sorted()
      let n = sorted.count
      let middle = n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2
      return min(nonzero, max(1, values.count { $0 > omega * middle }))
    }
  }

  private static func columns(_ count: Int, of matrix: Tensor<Double>) -> Tensor<Double> {
    let (rows, width) = (matrix.shape[0], matrix.shape[1])
    return Tensor([rows, count]) { out in
      matrix.read { x in
        for i in 0..<rows { (out + i * count).update(from: x + i * width, count: count) }
      }
    }
  }

  private static func normalized(_ rows: ComplexRows<Double>) -> ComplexRows<Double> {
    var (real, imaginary) = (rows.real, rows.imaginary)
    let (count, length) = (real.shape[0], real.shape[1])
    for row in 0..<count {
      let norm = (real[row].dot(real[row]) + imaginary[row].dot(imaginary[row])).squareRoot()
      guard norm > 0 else { continue }
      real.update { x in for i in 0..<length { x[row * length + i] /= norm } }
      imaginary.update { x in for i in 0..<length { x[row * length + i] /= norm } }
    }
    return ComplexRows(real: real, imaginary: imaginary)
  }
}

extension DynamicModes {
  /// The modes of a path, from its steps: where `F(z) = A z + b` the step `z_{t+1} − z_t` becomes `A` times itself, so
  /// that neither b nor the place of rest has to be known.
  ///
  /// - Parameters:
  ///   - states: `[state, dimension]`, in order.
  ///   - steps: which steps to use, the one from state 0 to state 1 being step 0.
  /// Nil for fewer than two steps, and for steps that are all zero.
  public init?(
    ofPath states: Tensor<Double>, steps: Range<Int>, rule: RankRule = defaultRule
  ) throws {
    guard steps.count >= 2 else { return nil }
    let count = steps.count
    let differences =
      states.slice(steps.lowerBound + 1..<steps.upperBound + 1) - states.slice(steps)
    let snapshots = differences.slice(0..<count - 1)
    guard snapshots.norm > 0 else { return nil }
    try self.init(from: snapshots, to: differences.slice(1..<count), rule: rule)
  }
}
