public import AsuraTensor

/// What kind of motion a path is, by stated thresholds, with the numbers they were applied to.
///
/// The kinds are tried in this order, and the first that fits is the verdict:
///
/// 1. `clock`: the run goes on and on alike. Over its second half the step varies by at most `steadiness` of its mean and
///    the cosine of the turning angle by at most `steadiness`, without the steps having died down; or the states
///    return, `‖z_t − z_{t−p}‖ ≤ returning` times the extent for the last p of them, p at most half of the run.
/// 2. `flow`: iterating follows a differential equation. With a refinement: it converges at an order of
///    `orders`, and F's own run stays within `nearness` of the limit flow, as a share of its length. Without one: no
///    step is more than `nearness` of the path's length, and successive steps are nearly parallel, the mean cosine
///    at least `smoothness`.
/// 3. `contraction`: the run comes to rest at a point, in steps too coarse to follow a flow: the last two steps are
///    at most `rest` times the longest.
/// 4. `neither` of these.
///
/// A flow may come to rest as well; `comesToRest` tells.
public struct FlowVerdict: Sendable, Equatable {
  public enum Kind: String, Sendable, CaseIterable {
    case contraction, flow, clock, neither
  }

  public static let steadiness = 0.05
  public static let returning = 1e-3
  public static let orders = 0.8...1.2
  public static let nearness = 0.1
  public static let smoothness = 0.9
  public static let rest = 0.01

  public let kind: Kind
  /// The longer of the last two steps over the longest of all; 0 for a path that never moves.
  public let finalStep: Double
  /// The standard deviation of the step over its mean, in the second half.
  public let speedVariation: Double
  /// The standard deviation of the cosine between successive steps, in the second half.
  public let turnVariation: Double
  /// The longest step over the path's length.
  public let largestShare: Double
  /// The mean cosine between successive steps, of those that are more than rounding.
  public let meanCosine: Double
  /// The smallest number of iterations after which states return; nil when they do not.
  public let period: Int?
  /// The order of convergence and the deviation from the limit flow; nil without a refinement.
  public let order: Double?
  public let deviation: Double?

  /// Whether the run has all but stopped.
  public var comesToRest: Bool { finalStep <= Self.rest }

  /// - Parameters:
  ///   - path: at least two steps.
  ///   - states: the path's states, `[state, coordinate]`, to find returns in.
  ///   - floor: steps below it are rounding.
  ///   - refinement: of this path, where the map is at hand.
  public init(
    _ path: PathGeometry, states: Tensor<Double>, floor: Double,
    refinement: Refinement.System? = nil
  ) {
    let (steps, count) = (path.steps, path.steps.count)
    finalStep = path.largestStep > 0 ? (steps.suffix(2).max() ?? 0) / path.largestStep : 0
    let second = steps[(count / 2)...]
    speedVariation = PathGeometry.deviation(second) / PathGeometry.mean(second)
    turnVariation = PathGeometry.deviation(
      path.cosines[min(count / 2, path.cosines.count)...].filter(\.isFinite))
    let moving = path.movingSteps(above: floor)
    largestShare = path.largestStep / path.length
    meanCosine = PathGeometry.mean(path.cosines.prefix(max(0, moving - 1)).filter(\.isFinite))
    let period = Self.period(states, path)
    self.period = period
    order = refinement?.order
    deviation = refinement?.deviation

    let isSteady =
      moving == count && count >= 6 && finalStep >= 0.5 && speedVariation <= Self.steadiness
      && turnVariation <= Self.steadiness
    let isFlow: Bool
    if let refinement {
      isFlow =
        (refinement.isExact || Self.orders.contains(refinement.order))
        && refinement.deviation <= Self.nearness
    } else {
      isFlow = largestShare <= Self.nearness && meanCosine >= Self.smoothness
    }
    kind =
      path.length <= floor
      ? .contraction
      : isSteady || period != nil
        ? .clock : isFlow ? .flow : finalStep <= Self.rest ? .contraction : .neither
  }

  /// The smallest p such that the last p states are where the run was p iterations before; nil for a run at rest.
  private static func period(_ states: Tensor<Double>, _ path: PathGeometry) -> Int? {
    let count = states.shape[0]
    guard count >= 4 else { return nil }
    let near = returning * path.extent
    return (2..<max(3, count / 2 + 1)).first { period in
      guard path.steps.suffix(period).allSatisfy({ $0 > rest * path.largestStep }) else {
        return false
      }
      return (count - period..<count).allSatisfy { t in
        states[t].squaredDistance(to: states[t - period]) <= near * near
      }
    }
  }
}
