/// How many answers and how many of their symbols are right.
public struct Score: Sendable, Equatable, Codable {
  /// Examples whose every scored symbol is right.
  public var exact = 0
  public var examples = 0
  /// Scored symbols that are right.
  public var correct = 0
  public var symbols = 0

  public init() {}

  /// The share of whole answers that are right; NaN without examples.
  public var exactRate: Double { Double(exact) / Double(examples) }
  /// The share of symbols that are right; NaN without symbols.
  public var symbolRate: Double { Double(correct) / Double(symbols) }

  public static func + (a: Score, b: Score) -> Score {
    var sum = a
    sum.exact += b.exact
    sum.examples += b.examples
    sum.correct += b.correct
    sum.symbols += b.symbols
    return sum
  }
}

extension Batch {
  /// Whether each example is answered right at every scored position.
  ///
  /// - Parameter prediction: `[example, position]`, indices into the task's outputs.
  public func exact(_ prediction: [Int32]) -> [Bool] {
    precondition(prediction.count == targets.count, "\(prediction.count) of \(targets.count)")
    return (0..<examples).map { example in
      (example * positions..<(example + 1) * positions).allSatisfy {
        targets[$0] < 0 || targets[$0] == prediction[$0]
      }
    }
  }

  /// Counts right answers and right symbols.
  ///
  /// - Parameter prediction: `[example, position]`, indices into the task's outputs.
  public func score(_ prediction: [Int32]) -> Score {
    var score = Score()
    score.examples = examples
    score.exact = exact(prediction).count { $0 }
    for (target, answer) in zip(targets, prediction) where target >= 0 {
      score.symbols += 1
      if target == answer { score.correct += 1 }
    }
    return score
  }
}
