/// How well a probe answers for examples it was not fitted to.
public struct ProbeScore: Sendable, Equatable {
  /// The share of rows whose class is right; NaN for numbers.
  public let accuracy: Double
  /// The mean over classes of the share of a class's rows that are right; NaN for numbers.
  public let balancedAccuracy: Double
  /// The area under the receiver operating characteristic: the chance that a row of a class scores higher for it than
  /// one of another class, mean over classes. NaN for numbers, and where it was not computed.
  public let auc: Double
  /// The share of a number's variance that is explained, below 0 for a probe worse than the mean; NaN for classes.
  public let r2: Double

  /// The accuracy, or R² for a number.
  public var headline: Double { r2.isNaN ? accuracy : r2 }
  /// The balanced accuracy, which a guess of the commonest class gains nothing in, or R² for a number.
  public var fair: Double { r2.isNaN ? balancedAccuracy : r2 }
}

/// What was right and wrong, class by class: `[class, predicted]`.
struct Confusion: Sendable {
  private(set) var counts: [Double]
  private let classes: Int

  init(classes: Int) {
    self.classes = classes
    counts = [Double](repeating: 0, count: classes * classes)
  }

  mutating func add(_ label: Int, predicted: Int, weight: Double = 1) {
    counts[label * classes + predicted] += weight
  }

  func score(auc: Double = .nan) -> ProbeScore {
    var (right, total, recalls, present) = (0.0, 0.0, 0.0, 0.0)
    for c in 0..<classes {
      let all = counts[c * classes..<(c + 1) * classes].reduce(0, +)
      guard all > 0 else { continue }
      right += counts[c * classes + c]
      total += all
      recalls += counts[c * classes + c] / all
      present += 1
    }
    return ProbeScore(
      accuracy: right / total, balancedAccuracy: recalls / present, auc: auc, r2: .nan)
  }
}

/// The sums that R² is made of.
struct ErrorSums: Sendable {
  private var (n, y, yy, errors) = (0.0, 0.0, 0.0, 0.0)
  /// The first number: sums about it lose nothing of numbers that are large beside their spread.
  private var origin: Double?

  mutating func add(_ y: Double, predicted: Double, weight: Double = 1) {
    let origin = origin ?? y
    self.origin = origin
    n += weight
    self.y += weight * (y - origin)
    yy += weight * (y - origin) * (y - origin)
    errors += weight * (y - predicted) * (y - predicted)
  }

  var score: ProbeScore {
    let total = yy - y * y / n
    return ProbeScore(
      accuracy: .nan, balancedAccuracy: .nan, auc: .nan, r2: total > 0 ? 1 - errors / total : .nan)
  }
}

/// The mean over classes of the area under each one's curve against all others (one against the rest), ties counting
/// half. Only rows of one part are compared: each part was scored by a probe of its own, whose scores have an offset of
/// their own.
/// - Parameter scores: `[row, class]`.
func meanAUC(
  scores: [Double], labels: [Int], classes: Int, parts: [Range<Int>]
) -> Double {
  let areas = (0..<classes).compactMap { c -> Double? in
    // Two classes have one curve.
    if classes == 2 && c == 0 { return nil }
    var (wins, pairs) = (0.0, 0.0)
    for part in parts {
      let values = part.map { row in
        classes == 2 ? scores[2 * row + 1] - scores[2 * row] : scores[row * classes + c]
      }
      let found = comparisons(values, part.map { labels[$0] == c })
      wins += found.wins
      pairs += found.pairs
    }
    return pairs > 0 ? wins / pairs : nil
  }
  return areas.isEmpty ? .nan : areas.reduce(0, +) / Double(areas.count)
}

/// The Mann–Whitney statistic: how many pairs of a positive and another row the positive wins, of how many.
private func comparisons(
  _ scores: [Double], _ isPositive: [Bool]
) -> (wins: Double, pairs: Double) {
  let order = scores.indices.sorted { scores[$0] < scores[$1] }
  var (ranks, positives, start) = (0.0, 0.0, 0)
  while start < order.count {
    var end = start
    while end < order.count, scores[order[end]] == scores[order[start]] { end += 1 }
    // Ties share the mean of their ranks.
    let rank = Double(start + end + 1) / 2
    for row in order[start..<end] where isPositive[row] {
      ranks += rank
      positives += 1
    }
    start = end
  }
  let negatives = Double(scores.count) - positives
  return (ranks - positives * (positives + 1) / 2, positives * negatives)
}
