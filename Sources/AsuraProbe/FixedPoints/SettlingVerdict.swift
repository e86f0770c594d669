internal import Foundation

/// How a trajectory ended.
public enum Settling: Sendable, Equatable {
  /// The state came to rest.
  case converged
  /// The state goes round: it recurs after so many iterations, and not sooner.
  case cycle(period: Int)
  /// A slider: the state moves on in one direction, by steps that stay as long as they are.
  case drifting
  /// The state's direction came to rest while its norm grows.
  case directionSettled
  /// What is read out came to rest while the state moves.
  case readoutSettled
  /// None of these, as far as the trajectory goes.
  case none

  /// What it is called in tables and files.
  public var label: String {
    switch self {
    case .converged: "converged"
    case .cycle(let period): "cycle of \(period)"
    case .drifting: "drifting"
    case .directionSettled: "direction settled"
    case .readoutSettled: "readout settled"
    case .none: "none"
    }
  }
}

/// What a trajectory's steps say of whether, when and how fast it settled.
public struct SettlingVerdict: Sendable, Equatable {
  public let settling: Settling
  /// The first iteration from which on the verdict's own condition held; nil for `none` and `drifting`.
  public let since: Int?
  /// The first iteration after which no answer changed; nil where there was no readout.
  public let answerSince: Int?
  /// The last iteration, with `‖z_t − z_{t−1}‖`, that relative to `‖z_t‖`, and `‖z_t‖`.
  public let last: Int
  public let step: Double
  public let relativeStep: Double
  public let norm: Double
  /// By how much the norm grew in the last iteration, as a ratio.
  public let growth: Double
  /// The measured rate of the steps' decay (or growth) at the end.
  public let rate: DecayRate?
}

/// What counts as settled.
public struct SettlingRule: Sendable, Equatable {
  /// The step at which a state counts as at rest, relative to the largest norm it has had; of its direction likewise.
  public var tolerance = 1e-4
  /// How far class probabilities may move in an iteration and count as at rest, in total variation.
  public var readoutTolerance = 1e-3
  /// How close a state must recur, relative to the longest step of the cycle.
  public var recurrence = 1e-2
  /// For how many iterations on end a condition must hold.
  public var patience = 3
  /// The precision the states were recorded in, as the spacing of numbers at 1.
  public var precision = Double.ulpOfOne

  public init(precision: Double = .ulpOfOne) { self.precision = precision }

  /// The verdict on a trajectory; nil where no two latents in a row were recorded.
  public func verdict(on series: StepSeries) -> SettlingVerdict? {
    guard let end = series.steps.indices.last, series.steps[end].isFinite else { return nil }
    let relative = series.relativeSteps
    let growths = zip(series.norms, [.nan] + series.norms).map { $0 / $1 }
    let rate = DecayRate(series, floor: 16 * precision)
    /// The iteration since which a condition holds, if for long enough.
    func since(_ holds: (Int) -> Bool) -> Int? {
      var first = end + 1
      while first > 0, holds(first - 1) { first -= 1 }
      return end + 1 - first >= patience ? series.iterations[first] : nil
    }
    func made(_ settling: Settling, _ since: Int?) -> SettlingVerdict {
      SettlingVerdict(
        settling: settling, since: since, answerSince: series.answerSince,
        last: series.iterations[end], step: series.steps[end], relativeStep: relative[end],
        norm: series.norms[end], growth: growths[end], rate: rate)
    }
    if isDrifting(series, relative, end) { return made(.drifting, nil) }
    // Against the largest norm so far: a state that comes to rest at zero does so too.
    var largest = 0.0
    let sizes = series.norms.map { norm in
      largest = max(largest, norm)
      return largest
    }
    if let t = since({ series.steps[$0] <= tolerance * sizes[$0] }) { return made(.converged, t) }
    for period in 2...StepSeries.longestPeriod {
      // A whole round, so that each of its states was seen to recur.
      let holds = { (i: Int) in
        guard i >= period else { return false }
        let longest = series.steps[i - period + 1...i].max() ?? .nan
        return series.recurrences[i][period - 2] <= recurrence * longest
      }
      guard let t = since(holds), series.iterations[end] - t + 1 >= period else { continue }
      return made(.cycle(period: period), t)
    }
    let grows = { (i: Int) in growths[i] > 1 + tolerance }
    if let t = since({ series.directionChanges[$0] <= tolerance && grows($0) }) {
      return made(.directionSettled, t)
    }
    if !series.readoutChanges.isEmpty,
      let t = since({
        series.readoutChanges[$0] <= readoutTolerance && !series.answerChanged[$0]
      })
    {
      return made(.readoutSettled, t)
    }
    return made(.none, nil)
  }

  /// Whether the steps at the end are of one length and one direction: over the last quarter of the trajectory, but
  /// at least 6 iterations and at most 50.
  private func isDrifting(_ series: StepSeries, _ relative: [Double], _ end: Int) -> Bool {
    let window = min(50, max(6, (end + 1) / 4))
    guard end + 1 > window, relative[end] > 16 * precision else { return false }
    let range = end + 1 - window...end
    guard range.allSatisfy({ series.turns[$0] > 0.95 }) else { return false }
    let fit = LineFit(
      range.map { Double(series.iterations[$0]) }, range.map { log(series.steps[$0]) })
    guard let fit, fit.slopeError < 0.01 else { return false }
    return abs(fit.slope) <= max(1e-3, 2 * fit.slopeError)
  }
}

extension StepSeries {
  /// The first iteration after which no answer changed; nil where there was no readout.
  var answerSince: Int? {
    guard !answerChanged.isEmpty else { return nil }
    let last = answerChanged.lastIndex(of: true)
    return iterations[last ?? 0]
  }
}

/// How fast a trajectory's steps shrink near its end: `‖z_{t+1} − z_t‖ ≈ rate · ‖z_t − z_{t−1}‖`.
public struct DecayRate: Sendable, Equatable {
  /// The ratio of one step to the one before, from a line through the logarithms of the steps.
  public let value: Double
  /// Two standard errors of it, were the steps' deviations from the line independent.
  public let error: Double
  /// The iterations the line was fitted to.
  public let range: ClosedRange<Int>
  /// The line's logarithm at iteration 0.
  let intercept: Double

  /// Fits the last third of those iterations whose step is above `floor` times the norm (between 6 and 30 of them),
  /// where steps are not yet rounding; nil where that leaves fewer than 4.
  public init?(_ series: StepSeries, floor: Double) {
    let relative = series.relativeSteps
    // Up to the first that has drowned: later ones may surface by chance.
    let drowned = relative.firstIndex { $0 <= floor } ?? relative.count
    let usable = (0..<drowned).filter { relative[$0].isFinite }
    let used = usable.suffix(min(30, max(6, usable.count / 3)))
    guard used.count >= 4, let first = used.first, let last = used.last else { return nil }
    let fit = LineFit(
      used.map { Double(series.iterations[$0]) }, used.map { log(series.steps[$0]) })
    guard let fit else { return nil }
    value = exp(fit.slope)
    error = 2 * fit.slopeError * value
    range = series.iterations[first]...series.iterations[last]
    intercept = fit.intercept
  }

  /// The fitted step at an iteration.
  public func step(at iteration: Int) -> Double { exp(intercept + log(value) * Double(iteration)) }

  /// Whether a spectral radius at the resting place accounts for it: they differ by no more than the error, or by
  /// one part in a hundred.
  public func agrees(with radius: Double) -> Bool {
    abs(value - radius) <= max(error, 0.01 * radius)
  }
}
