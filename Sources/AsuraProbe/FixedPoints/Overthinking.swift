public import AsuraTensor
internal import Foundation

/// Reads class probabilities `[count, position, class]` out of the states `[count, dimension]` of all examples.
public typealias ProbabilityReader = @Sendable (_ states: Tensor<Double>) throws -> Tensor<Double>

/// Whether a model that is iterated far past its training keeps its answers.
public struct Overthinking: Sendable {
  /// What the answers should be.
  public struct Targets: Sendable, Equatable {
    /// The right class of each `[example, position]`, negative where nothing is asked.
    public let classes: [[Int]]

    public init(_ classes: [[Int]]) { self.classes = classes }
  }

  /// A change that examples go through, with the error of its mean over examples.
  public struct Slope: Sendable, Equatable {
    /// By how much the share of right positions changes in as many iterations as training had.
    public let value: Double
    /// Its standard error, from how examples differ; NaN for one example.
    public let error: Double
  }

  /// The iteration up to which the model was trained.
  public let trained: Int
  /// The iterations that values are of, rising.
  public let iterations: [Int]
  /// By iteration: the share of examples with all positions right. Empty without targets, as are the next two.
  public let exactMatch: [Double]
  /// By iteration: the share of positions that are right.
  public let perSymbol: [Double]
  /// Whether each example was all right, by iteration: `[iteration][example]`.
  public let isRight: [[Bool]]
  /// By iteration: the mean total variation by which class probabilities moved; NaN at first.
  public let readoutChange: [Double]
  /// By iteration: the mean probability of the likeliest class.
  public let confidence: [Double]
  /// How many answers (one a position) changed in each iteration.
  public let answerChanges: [Int]
  /// The slope past training; nil without targets or with fewer than three iterations there.
  public let slope: Slope?
  /// Whether it got as far as it was to.
  public let isComplete: Bool

  /// Iterates `map` from `states` `[example, dimension]`, the latents after iteration `start`, to iteration `last`, and
  /// reads out each. Only the readouts of two iterations are held at a time.
  public init(
    _ map: any StateMap, from states: Tensor<Double>, start: Int = 0, trained: Int, last: Int,
    targets: Targets?, readout: ProbabilityReader, isCancelled: @Sendable () -> Bool = { false },
    progress: (Int) -> Void = { _ in }
  ) throws {
    var (states, before) = (states, try readout(states))
    var (iterations, changes, confidence, answerChanges) = (
      [Int](), [Double](), [Double](), [Int]()
    )
    var (exact, symbols, right) = ([Double](), [Double](), [[Bool]]())
    // Sums for each example's slope past training.
    var shares: [[Double]] = []
    var iteration = start
    while iteration < last, !isCancelled() {
      states = try map(states)
      iteration += 1
      guard states.isFinite else { break }
      let now = try readout(states)
      let movement = Self.movement(from: before, to: now)
      iterations.append(iteration)
      changes.append(movement.change)
      answerChanges.append(movement.answers)
      confidence.append(movement.confidence)
      if let targets {
        let share = Self.rightShares(now, targets)
        symbols.append(share.perSymbol)
        right.append(share.byExample.map { $0 == 1 })
        exact.append(Double(share.byExample.count { $0 == 1 }) / Double(share.byExample.count))
        if iteration >= trained { shares.append(share.byExample) }
      }
      before = now
      progress(iteration)
    }
    self.trained = trained
    self.iterations = iterations
    exactMatch = exact
    perSymbol = symbols
    isRight = right
    readoutChange = changes
    self.confidence = confidence
    self.answerChanges = answerChanges
    slope = Self.slope(shares, trained: trained)
    isComplete = iteration == last && iterations.last == last
  }

  /// How many examples went from all right to not, and the other way, in any iteration after `trained`.
  public var flips: (toWrong: Int, toRight: Int) {
    var (wrong, right) = (0, 0)
    for i in isRight.indices.dropFirst() where iterations[i] > trained {
      for (was, now) in zip(isRight[i - 1], isRight[i]) {
        if was && !now { wrong += 1 }
        if !was && now { right += 1 }
      }
    }
    return (wrong, right)
  }

  /// How many examples were right after `trained` iterations and wrong at the end, and the other way; nil without
  /// both.
  public var net: (lost: Int, won: Int)? {
    guard let from = iterations.firstIndex(of: trained), let end = isRight.last,
      from < isRight.count
    else { return nil }
    let pairs = zip(isRight[from], end)
    return (pairs.count { $0 && !$1 }, pairs.count { !$0 && $1 })
  }

  /// The values of an iteration.
  public func index(of iteration: Int) -> Int? { iterations.firstIndex(of: iteration) }
}

extension Overthinking {
  private static func movement(
    from before: Tensor<Double>, to now: Tensor<Double>
  ) -> (change: Double, answers: Int, confidence: Double) {
    let (classes, places) = (now.rowLength, now.rowCount)
    var (change, answers, confidence) = (0.0, 0, 0.0)
    read(before, now) { a, b in
      for place in 0..<places {
        var (old, new) = (0, 0)
        for c in 0..<classes {
          let i = place * classes + c
          change += abs(a[i] - b[i]) / 2
          if a[i] > a[place * classes + old] { old = c }
          if b[i] > b[place * classes + new] { new = c }
        }
        if old != new { answers += 1 }
        confidence += b[place * classes + new]
      }
    }
    return (change / Double(places), answers, confidence / Double(places))
  }

  /// The share of each example's asked positions that are right, and of all together.
  private static func rightShares(
    _ probabilities: Tensor<Double>, _ targets: Targets
  ) -> (byExample: [Double], perSymbol: Double) {
    var (right, asked) = (0, 0)
    let shares = targets.classes.enumerated().map { example, classes in
      let answers = probabilities[example]
      let places = classes.indices.filter { classes[$0] >= 0 }
      let good = places.count { answers[$0].largestIndex == classes[$0] }
      right += good
      asked += places.count
      return places.isEmpty ? 1 : Double(good) / Double(places.count)
    }
    return (shares, asked > 0 ? Double(right) / Double(asked) : .nan)
  }

  /// The mean over examples of the slope of each one's line.
  private static func slope(_ shares: [[Double]], trained: Int) -> Slope? {
    guard shares.count >= 3, let examples = shares.first?.count, examples > 0 else { return nil }
    let x = shares.indices.map { Double($0) / Double(trained) }
    let slopes = (0..<examples).compactMap { example in
      LineFit(x, shares.map { $0[example] })?.slope
    }
    let n = Double(slopes.count)
    let mean = slopes.reduce(0, +) / n
    let variance = slopes.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (n - 1)
    return Slope(value: mean, error: n > 1 ? (variance / n).squareRoot() : .nan)
  }
}
