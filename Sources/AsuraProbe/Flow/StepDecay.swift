internal import Foundation

/// How the steps of one run get shorter: as a power of the iteration's number, or by the same factor each time.
///
/// Both laws are lines through the logarithms of the steps: over `log t` for a power, `s ∝ t^p`, over `t` for a
/// geometric one, `s ∝ ρ^t`. Which fits better is told by the root mean square distances from the lines.
public struct StepDecay: Sendable, Equatable {
  public enum Law: String, Sendable, CaseIterable {
    /// Each step is the same share of the one before, as near a point that attracts.
    case geometric
    /// The steps follow a power of the iteration's number.
    case power
    /// The steps keep their length.
    case constant
    /// Neither law is near, or neither clearly nearer than the other.
    case undecided
  }

  /// Over `log t`: the slope is the power.
  public let power: LineFit
  /// Over `t`: the slope is the logarithm of the factor.
  public let geometric: LineFit
  /// The iterations whose steps were fitted: the step of iteration t leads to z_t.
  public let iterations: ClosedRange<Int>

  /// A law must be nearer than the other by this factor to be named.
  public static let decisiveRatio = 1.5
  /// And this near, in natural logarithms: steps within some factor of 1.6 of it.
  public static let largestScatter = 0.5
  /// Steps that change by less than this factor over the fitted iterations are constant.
  public static let constantChange = 1.25
  /// Fewer steps than this are not fitted.
  public static let fewestSteps = 4

  /// The factor from one step to the next.
  public var factor: Double { exp(geometric.slope) }
  /// The standard error of `factor`.
  public var factorError: Double { factor * geometric.slopeError }

  public var law: Law {
    let span = Double(iterations.upperBound - iterations.lowerBound)
    if abs(geometric.slope) * span < log(Self.constantChange),
      geometric.residual < log(Self.constantChange)
    {
      return .constant
    }
    let (near, far) = (
      min(power.residual, geometric.residual), max(power.residual, geometric.residual)
    )
    guard near <= Self.largestScatter, far > Self.decisiveRatio * near else { return .undecided }
    return near == geometric.residual ? .geometric : .power
  }

  /// The law of a path's steps before they first fall to `floor`, or of the later half of those; nil when they are too
  /// few.
  public init?(_ path: PathGeometry, floor: Double = 0, laterHalf: Bool = false) {
    let end = path.movingSteps(above: floor)
    let start = laterHalf ? end / 2 : 0
    guard end - start >= Self.fewestSteps else { return nil }
    // The step after state t is that of iteration t + 1.
    let t = (start..<end).map { Double(path.first + 1 + $0) }
    let steps = Array(path.steps[start..<end])
    guard let power = LineFit.logarithmic(t, steps),
      let geometric = LineFit(t, steps.map { log($0) })
    else { return nil }
    self.power = power
    self.geometric = geometric
    iterations = path.first + start + 1...path.first + end
  }
}
