public import AsuraTensor

/// How one example's state moved along a trajectory: a few numbers an iteration, from which everything about its
/// settling is told.
public struct StepSeries: Sendable, Equatable {
  /// The longest cycle looked for.
  public static let longestPeriod = 8

  /// The iterations t that numbers are of.
  public fileprivate(set) var iterations: [Int] = []
  /// `‖z_t‖`
  public fileprivate(set) var norms: [Double] = []
  /// `‖z_t − z_{t−1}‖`; NaN where z_{t−1} was not recorded.
  public fileprivate(set) var steps: [Double] = []
  /// The cosine between the step to z_t and the one before.
  public fileprivate(set) var turns: [Double] = []
  /// `‖z_t/‖z_t‖ − z_{t−1}/‖z_{t−1}‖‖`: how far the direction moved.
  public fileprivate(set) var directionChanges: [Double] = []
  /// `‖z_t − z_{t−p}‖` for p = 2, 3, … `longestPeriod`; NaN where z_{t−p} was not recorded.
  public fileprivate(set) var recurrences: [[Double]] = []
  /// How far the readout moved: the largest total variation of class probabilities at any position; empty when there
  /// was no readout to look at.
  public fileprivate(set) var readoutChanges: [Double] = []
  /// Whether the likeliest class changed at some position.
  public fileprivate(set) var answerChanged: [Bool] = []

  public init() {}

  /// `‖z_t − z_{t−1}‖ / ‖z_t‖`
  public var relativeSteps: [Double] {
    zip(steps, norms).map { $1 > 0 ? $0 / $1 : $0 > 0 ? .infinity : $0 }
  }
}

/// Takes in latents one after the other and measures their steps, keeping no more of them than the longest cycle
/// looked for has: memory does not grow with the iterations.
public struct StepMeter: Sendable {
  /// An example's series each.
  public private(set) var series: [StepSeries]
  /// The last latents, newest last.
  private var recent: [(iteration: Int, states: Tensor<Double>)] = []
  private var lastStep: (iteration: Int, step: Tensor<Double>)?
  private var lastProbabilities: (iteration: Int, values: Tensor<Double>)?

  /// Measures `count` trajectories at once.
  public init(count: Int) { series = Array(repeating: StepSeries(), count: count) }

  /// Takes in the states `[count, dimension]` after an iteration, in rising order of iterations.
  /// - Parameter probabilities: the class probabilities `[count, position, class]` read out of them, if there are any.
  public mutating func add(
    _ states: Tensor<Double>, iteration: Int, probabilities: Tensor<Double>? = nil
  ) {
    precondition(states.shape[0] == series.count, "\(states.shape) for \(series.count) series")
    let norms = states.rowNorms
    let before = recent.last.flatMap { $0.iteration == iteration - 1 ? $0.states : nil }
    let step = before.map { states - $0 }
    let steps = step?.rowNorms
    var turns: [Double]?
    if let step, let steps, let last = lastStep, last.iteration == iteration - 1 {
      turns = zip(step.rowDots(last.step), zip(steps, last.step.rowNorms)).map { dot, norms in
        norms.0 > 0 && norms.1 > 0 ? dot / (norms.0 * norms.1) : .nan
      }
    }
    var directions: [Double]?
    if let before {
      directions = zip(states.rowDots(before), zip(norms, before.rowNorms)).map { dot, norms in
        // ‖a − b‖² = 2 − 2 a·b for unit vectors; below the root of rounding it cannot tell.
        norms.0 > 0 && norms.1 > 0
          ? max(0, 2 - 2 * dot / (norms.0 * norms.1)).squareRoot() : .nan
      }
    }
    let recurrences = (2...StepSeries.longestPeriod).map { lag in
      recent.first { $0.iteration == iteration - lag }.map { states.rowDistances(to: $0.states) }
    }
    for row in series.indices {
      series[row].iterations.append(iteration)
      series[row].norms.append(norms[row])
      series[row].steps.append(steps?[row] ?? .nan)
      series[row].turns.append(turns?[row] ?? .nan)
      series[row].directionChanges.append(directions?[row] ?? .nan)
      series[row].recurrences.append(recurrences.map { $0?[row] ?? .nan })
    }
    if let probabilities { add(probabilities, iteration: iteration) }
    recent.append((iteration, states))
    if recent.count > StepSeries.longestPeriod { recent.removeFirst() }
    lastStep = step.map { (iteration, $0) }
  }

  private mutating func add(_ probabilities: Tensor<Double>, iteration: Int) {
    let before = lastProbabilities.flatMap { $0.iteration == iteration - 1 ? $0.values : nil }
    for row in series.indices {
      guard let before else {
        series[row].readoutChanges.append(.nan)
        series[row].answerChanged.append(false)
        continue
      }
      let (new, old) = (probabilities[row], before[row])
      var (largest, changed) = (0.0, false)
      for position in 0..<new.shape[0] {
        let (a, b) = (new[position], old[position])
        let moved = zip(a.elements, b.elements).reduce(0) { $0 + abs($1.0 - $1.1) } / 2
        largest = max(largest, moved)
        if a.largestIndex != b.largestIndex { changed = true }
      }
      series[row].readoutChanges.append(largest)
      series[row].answerChanged.append(changed)
    }
    lastProbabilities = (iteration, probabilities)
  }
}
