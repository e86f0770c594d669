public import AsuraTensor
internal import Foundation

/// Whether an iterated map follows a flow: runs of i·k steps `z ← z + (F(z) − z)/k`, compared at matching times.
///
/// Such a run is Euler's method, of step 1/k, for the flow `dz/dt = F(z) − z`, of which iterating F itself is the
/// coarsest approximation, k = 1. Where a model's own update is `euler` with step Δ, `F(z) − z` holds that Δ and the
/// finer steps are Δ/k. Euler's method is of order 1: for a smooth enough flow its distance from the flow halves
/// when the step does, once the step is small. So two questions have numbers for answers: does the path converge, at
/// order 1, as k grows; and how far from the limit does F itself run?
public struct Refinement: Sendable {
  /// The numbers k of steps to an iteration: 1 first, each the same multiple of the one before.
  public let factors: [Int]
  /// How many iterations were followed.
  public let iterations: Int
  /// The systems' results, a row each.
  public let systems: [System]

  /// The refinement of one system's path.
  public struct System: Sendable, Equatable {
    /// For each k but the finest: how far its path is from that of the next finer, the root mean square over
    /// iterations 1…T.
    public let differences: [Double]
    /// For each iteration 1…T: how far F's own run (k = 1) is from the limit flow at that time.
    public let deviations: [Double]
    /// How long the limit flow's path is, through its states at whole times.
    public let limitLength: Double
    /// How uncertain the limit is: the root mean square distance between the extrapolations of first and second
    /// order (NaN with fewer than three factors).
    public let limitError: Double
    /// The line through the logarithms of `differences` and k: its slope is minus the order.
    public let fit: LineFit?
    /// `log(difference/next difference) / log(ratio of k)`: the order between neighbouring pairs of factors, of
    /// which the last is nearest the limit.
    public let orders: [Double]

    /// The order of convergence, near the limit: 1 for Euler's method on a smooth flow. NaN when the paths agree to
    /// rounding, or with fewer than three factors.
    public var order: Double { orders.last ?? .nan }
    /// How much the order still changes from one pair of factors to the next, or the fitted slope's standard error,
    /// whichever is larger.
    public var orderError: Double {
      let change = orders.count > 1 ? abs(orders[orders.count - 1] - orders[orders.count - 2]) : 0
      let scatter = fit?.slopeError ?? .nan
      return scatter.isFinite ? max(change, scatter) : orders.count > 1 ? change : .nan
    }
    /// The largest deviation as a share of the limit flow's length; 0 for a path that never moves.
    public var deviation: Double {
      let largest = deviations.max() ?? .nan
      return limitLength > 0 ? largest / limitLength : largest == 0 ? 0 : .infinity
    }
    /// Whether all runs agree to rounding, as they do where every step is along a straight line at constant speed.
    public var isExact: Bool {
      differences.allSatisfy { $0 <= Refinement.rounding * max(limitLength, .leastNormalMagnitude) }
    }
  }

  /// Differences below this share of the path's length are rounding.
  public static let rounding = 1e-12

  /// Follows `iterations` iterations at every k side by side, keeping one state a k.
  ///
  /// - Parameters:
  ///   - start: the states to begin from, `[system, dimension]`.
  ///   - map: the map of iteration t = 1…T, the same each time unless weights are unshared.
  ///   - isCancelled: asked after each iteration; once true, what was followed so far is the result.
  ///   - progress: called after each iteration.
  /// - Precondition: `factors` start with 1 and each is the same multiple, 2 or more, of the one before; two at least.
  /// - Throws: `ProbeError` of kind `notFinite` when a run leaves the finite numbers; what the map throws.
  public init(
    from start: Tensor<Double>, iterations: Int, factors: [Int],
    isCancelled: () -> Bool = { false }, progress: (_ iteration: Int) -> Void = { _ in },
    map: (_ iteration: Int) throws -> any StateMap
  ) throws {
    precondition(Self.areGeometric(factors), "factors \(factors), expected such as 1, 2, 4, 8")
    var runs = factors.map { _ in start }
    var comparison = Comparison(start, factors: factors)
    var done = 0
    for t in 1...max(1, iterations) where done < iterations && !(done > 0 && isCancelled()) {
      let map = try map(t)
      for (index, k) in factors.enumerated() {
        for _ in 0..<k { runs[index].interpolate(to: try map(runs[index]), by: 1 / Double(k)) }
        guard runs[index].isFinite else {
          throw ProbeError(
            .notFinite,
            "with \(k) steps to an iteration the latent is no longer finite at iteration \(t)",
            remedy: "Follow fewer iterations, or refine less.")
        }
      }
      comparison.compare(runs)
      done = t
      progress(t)
    }
    self.factors = factors
    self.iterations = done
    systems = comparison.systems
  }

  /// Whether numbers of steps are 1, r, r², …
  public static func areGeometric(_ factors: [Int]) -> Bool {
    guard factors.count >= 2, factors[0] == 1, factors[1] >= 2 else { return false }
    return zip(factors, factors.dropFirst()).allSatisfy {
      $0.multipliedReportingOverflow(by: factors[1]) == ($1, false)
    }
  }
}

/// Sums up, time by time, how far apart the runs are.
private struct Comparison {
  let factors: [Int]
  private let rows: Int
  /// `[factor][system]`: sums over times of squared distances to the next finer run.
  private var squares: [[Double]]
  private var limitSquares: [Double]
  private var deviations: [[Double]] = []
  private var lengths: [Double]
  private var limit: Tensor<Double>

  init(_ start: Tensor<Double>, factors: [Int]) {
    self.factors = factors
    rows = start.shape[0]
    squares = Array(repeating: Array(repeating: 0, count: rows), count: factors.count - 1)
    limitSquares = Array(repeating: 0, count: rows)
    lengths = limitSquares
    limit = start
  }

  /// Takes in the states of all runs at one time.
  mutating func compare(_ runs: [Tensor<Double>]) {
    let ratio = Double(factors[1])
    for i in squares.indices {
      for row in 0..<rows { squares[i][row] += runs[i][row].squaredDistance(to: runs[i + 1][row]) }
    }
    // Richardson: z_K + (z_K − z_{K/r})/(r − 1) has no error of first order left.
    let finest = runs.count - 1
    let next = Self.extrapolated(runs[finest], runs[finest - 1], by: ratio)
    if finest >= 2 {
      let coarser = Self.extrapolated(runs[finest - 1], runs[finest - 2], by: ratio)
      let second = Self.extrapolated(next, coarser, by: ratio * ratio)
      for row in 0..<rows { limitSquares[row] += next[row].squaredDistance(to: second[row]) }
    }
    deviations.append(runs[0].rowDistances(to: next))
    lengths = zip(lengths, next.rowDistances(to: limit)).map { $0 + $1 }
    limit = next
  }

  private static func extrapolated(
    _ fine: Tensor<Double>, _ coarse: Tensor<Double>, by ratio: Double
  ) -> Tensor<Double> {
    var result = fine
    result.add(fine - coarse, times: 1 / (ratio - 1))
    return result
  }

  var systems: [Refinement.System] {
    let times = Double(max(1, deviations.count))
    return (0..<rows).map { row in
      let differences = squares.map { ($0[row] / times).squareRoot() }
      let isSound = differences.map { $0 > Refinement.rounding * lengths[row] }
      let k = factors.dropLast().map(Double.init)
      let orders = differences.indices.dropLast().compactMap { i in
        isSound[i] && isSound[i + 1]
          ? log(differences[i] / differences[i + 1]) / log(Double(factors[1])) : nil
      }
      let sound = differences.indices.filter { isSound[$0] }
      return Refinement.System(
        differences: differences, deviations: deviations.map { $0[row] }, limitLength: lengths[row],
        limitError: factors.count > 2 ? (limitSquares[row] / times).squareRoot() : .nan,
        fit: .logarithmic(sound.map { k[$0] }, sound.map { differences[$0] }), orders: orders)
    }
  }
}
