import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

/// Latents whose answer has a closed form.
@Suite struct LinearKnownAnswerTests {
  private static let names = ["no", "yes"]

  private func labels(_ count: Int, _ random: inout Random, share: Double = 0.5) -> [Int] {
    (0..<count).map { _ in random.uniform() < share ? 1 : 0 }
  }

  /// Two classes at distance d in unit noise: no probe gets more than Φ(d/2) right, and the curve's area is Φ(d/√2).
  @Test(arguments: LinearEstimator.allCases)
  func plantedDirection(estimator: LinearEstimator) throws {
    var random = Random(seed: 3)
    let (examples, width, distance) = (4000, 8, 2.0)
    let values = labels(2 * examples, &random)
    let direction = (0..<width).map { $0 < 4 ? 0.5 : 0 }
    let latents = Tensor(
      [examples, 2, width],
      planted(values, direction: direction, distance: distance, random: &random))
    let trace = try SyntheticTrace(
      examples: examples, positions: 2, width: width, facts: ["bit": (values, Self.names)]
    ) { _ in latents }
    let found = try trace.probe("bit") {
      $0.estimator = estimator
      $0.replicates = 200
    }
    let best = normalShare(distance / 2)
    let error = (best * (1 - best) / Double(examples)).squareRoot()
    for cell in found.cells[0].compactMap({ $0 }) {
      #expect(abs(cell.score.accuracy - best) < 3 * error + 0.003, "\(cell.score)")
      #expect(abs(cell.score.auc - normalShare(distance / 2.0.squareRoot())) < 0.02)
      let interval = try #require(cell.interval)
      let width = interval.upperBound - interval.lowerBound
      #expect(abs(width - 2 * 1.96 * error) < 0.3 * 2 * 1.96 * error, "\(interval)")
      #expect(interval.contains(cell.score.accuracy) && cell.examples == examples)
    }
    // The mean of both positions, whose noise is independent, is surer by √2.
    let mean = try #require(found.meanIntervals[0])
    let expected = 2 * 1.96 * error / 2.0.squareRoot()
    #expect(abs(mean.upperBound - mean.lowerBound - expected) < 0.3 * expected, "\(mean)")
    // The saved direction is the planted one.
    let learned = try found.weights.direction(iteration: 1, position: 0, class: 1, against: 0)
    let along = zip(learned.elements, direction).reduce(0) { $0 + $1.0 * $1.1 }
    #expect(along / learned.norm > 0.98)
  }

  /// A code that turns by θ an iteration: a probe of t has Φ(d/2 · cos θ(t − u)) right at u.
  @Test func rotatingCode() throws {
    var random = Random(seed: 5)
    let (examples, width, distance, angle) = (3000, 4, 3.0, 0.5)
    let values = labels(examples, &random)
    let iterations = Array(0...6)
    let latents = iterations.map { t in
      let turn = angle * Double(t)
      return Tensor(
        [examples, 1, width],
        planted(
          values, direction: [cos(turn), sin(turn), 0, 0], distance: distance, random: &random))
    }
    let trace = try SyntheticTrace(
      examples: examples, positions: 1, width: width, iterations: iterations,
      facts: ["bit": (values, Self.names)]
    ) { latents[$0] }
    for estimator in [LinearEstimator.discriminant, .logistic] {
      let found = try trace.probe("bit") {
        $0.estimator = estimator
        $0.hasTransfer = true
      }
      let transfer = try #require(found.transfer).mean
      for t in iterations {
        for u in iterations {
          let expected = normalShare(distance / 2 * cos(angle * Double(t - u)))
          #expect(abs(transfer[t][u] - expected) < 0.035, "\(t) at \(u): \(transfer[t][u])")
        }
        #expect(abs(transfer[t][t] - found.cells[t][0]!.score.balancedAccuracy) < 1e-12)
      }
    }
  }

  /// Noise: nothing beats the null, no code is shorter than that of class shares, and nothing is selective.
  @Test(arguments: [LinearEstimator.ridge, .logistic])
  func pureNoise(estimator: LinearEstimator) throws {
    var random = Random(seed: 8)
    let (examples, positions, width) = (400, 20, 6)
    let values = labels(examples * positions, &random, share: 0.3)
    let tokens = (0..<examples * positions).map { _ in Int(random.uniform() * 10) }
    let latents = Tensor<Double>.normal([examples, positions, width], using: &random)
    let trace = try SyntheticTrace(
      examples: examples, positions: positions, width: width,
      facts: ["bit": (values, Self.names)], tokens: tokens
    ) { _ in latents }
    let found = try trace.probe("bit", tokens: tokens) {
      $0.estimator = estimator
      $0.shuffles = 19
      $0.hasDescriptionLength = true
    }
    let cells = found.cells[0].compactMap { $0 }
    // Of 20 probes one is expected to beat all 19 shufflings.
    let pValues = cells.map { $0.null!.pValue($0.score) }
    #expect(pValues.count { $0 <= 0.05 } <= 4 && pValues.contains { $0 > 0.5 })
    let selectivity = cells.map { $0.selectivity! }.reduce(0, +) / Double(cells.count)
    #expect(abs(selectivity) < 0.03)
    for cell in cells {
      #expect(cell.code!.compressionOfShares < 1.01, "\(cell.code!)")
      #expect(cell.code!.compressionOfShares > 0.9, "\(cell.code!)")
      #expect(abs(cell.score.balancedAccuracy - 0.5) < 0.1)
    }
    #expect(found.since(position: 0) == nil)
  }

  /// A bit that is there at first and lost at the end is not said to be nowhere; one that never is has no code to move.
  @Test func readingsClaimNoMore() throws {
    var random = Random(seed: 12)
    let (examples, width) = (600, 3)
    let values = labels(examples, &random)
    let iterations = Array(0...5)
    func probed(_ distance: (Int) -> Double) throws -> [String] {
      let latents = iterations.map { t in
        Tensor(
          [examples, 1, width],
          planted(values, direction: [1, 0, 0], distance: distance(t), random: &random))
      }
      let trace = try SyntheticTrace(
        examples: examples, positions: 1, width: width, iterations: iterations,
        facts: ["bit": (values, Self.names)]
      ) { latents[$0] }
      return try trace.probe("bit") {
        $0.shuffles = 5
        $0.hasTransfer = true
      }.reading
    }
    let lost = try probed { $0 < 3 ? 6 : 0 }
    #expect(lost.contains { $0.hasPrefix("It is read at some iterations") }, "\(lost)")
    #expect(lost.contains { $0.contains("too little is read") }, "\(lost)")
    let kept = try probed { _ in 6 }
    #expect(kept.contains { $0.hasSuffix(": a stable code.") }, "\(kept)")
    #expect(kept.contains { $0.hasPrefix("It is read from t=0 on") }, "\(kept)")
  }

  /// Latents that hold the token and nothing else: a fact of tokens is read, and so is the control task.
  @Test func selectivityOfWhatTokensTell() throws {
    var random = Random(seed: 9)
    let (examples, types) = (600, 8)
    let tokens = (0..<examples).map { _ in Int(random.uniform() * Double(types)) }
    let latents = Tensor(
      [examples, 1, types],
      tokens.flatMap { token in (0..<types).map { ($0 == token ? 1.0 : 0) + 0.01 * random.normal() }
      })
    let trace = try SyntheticTrace(
      examples: examples, positions: 1, width: types,
      facts: ["odd": (tokens.map { $0 % 2 }, Self.names)], tokens: tokens
    ) { _ in latents }
    let found = try trace.probe("odd", tokens: tokens) { $0.hasDescriptionLength = true }
    let cell = try #require(found.cells[0][0])
    #expect(cell.score.accuracy > 0.99 && cell.control!.accuracy > 0.99)
    #expect(abs(cell.selectivity!) < 0.01)
    // A bit for each label is the uniform code; most of it is saved.
    #expect(cell.code!.uniformBits == 600 && cell.code!.compression > 3)
  }

  /// A number in noise: R² is the share of the variance that is signal.
  @Test(arguments: [LinearEstimator.ridge, .meanDifference])
  func explainedVariance(estimator: LinearEstimator) throws {
    var random = Random(seed: 10)
    let examples = 4000
    let numbers = (0..<examples).map { _ in Int(random.uniform() * 100) }
    // Var(uniform 0…99) = (100² − 1)/12 = 833.25; as much noise gives the best linear guess an R² of ½.
    let noise = 833.25.squareRoot()
    let latents = Tensor(
      [examples, 1, 3],
      numbers.flatMap { [Double($0) + noise * random.normal(), random.normal(), random.normal()] })
    let trace = try SyntheticTrace(
      examples: examples, positions: 1, width: 3, facts: ["amount": (numbers, [])]
    ) { _ in latents }
    let found = try trace.probe("amount") {
      $0.estimator = estimator
      $0.replicates = 100
    }
    let cell = try #require(found.cells[0][0])
    #expect(found.classes == nil && cell.score.accuracy.isNaN)
    #expect(abs(cell.score.r2 - 0.5) < 0.04 && cell.interval!.contains(cell.score.r2))
  }

  /// Rows that are streamed from the file give what rows in memory do, and so does any number of threads.
  @Test(arguments: [LinearEstimator.ridge, .logistic])
  func streamingChangesNothing(estimator: LinearEstimator) throws {
    var random = Random(seed: 11)
    let (examples, positions, width) = (1500, 3, 5)
    let values = labels(examples * positions, &random)
    let latents = Tensor(
      [examples, positions, width],
      planted(values, direction: [1, 0, 0, 0, 0], distance: 1, random: &random))
    let trace = try SyntheticTrace(
      examples: examples, positions: positions, width: width, iterations: [0, 1],
      facts: ["bit": (values, Self.names)]
    ) { _ in latents }
    for isPooled in [false, true] {
      func scores(_ memory: Int, threads: Int) throws -> [ProbeScore] {
        try Workers.$current.withValue(Workers(count: threads)) {
          try trace.probe("bit") {
            $0.estimator = estimator
            $0.isPooled = isPooled
            $0.memory = memory
            $0.hasDescriptionLength = true
          }.cells.flatMap { $0.compactMap { $0?.score } }
        }
      }
      let held = try scores(256 << 20, threads: 2)
      #expect(held.count == (isPooled ? 2 : 6))
      let alone = try scores(256 << 20, threads: 1)
      #expect(alone.map(\.accuracy) == held.map(\.accuracy) && alone.map(\.auc) == held.map(\.auc))
      // Values fit, and rows in the order of folds beside them do not.
      let gathered = try scores(200_000, threads: 2)
      #expect(gathered.map(\.accuracy) == held.map(\.accuracy))
      #expect(gathered.map(\.auc) == held.map(\.auc))
      let streamed = try scores(1, threads: 2)
      for (a, b) in zip(held, streamed) {
        #expect(abs(a.accuracy - b.accuracy) < 1e-3 && abs(a.auc - b.auc) < 1e-5)
      }
    }
  }
}
