public import AsuraTensor

/// What the readout makes of the latent of every iteration: the model's answer, were it to stop there (the "logit lens",
/// nostalgebraist 2020, which a recurrent model's own readout is).
public struct ReadoutLens: Sendable {
  /// The iterations read out, in order. The last is what the others are compared with.
  public let iterations: [Int]
  /// The examples, by their numbers in the run's batch.
  public let examples: [Int]
  public let positions: Int
  public let classes: Int
  /// The right class at each `[example, position]`, −1 where none is asked; nil for a trace without targets.
  public let targets: [Int32]?
  /// The likeliest class, `[iteration, example, position]`, and its probability.
  public let top: [Int32]
  public let topProbability: Tensor<Float>
  /// Entropy of the class probabilities in nat, `[iteration, example, position]`.
  public let entropy: Tensor<Float>
  /// KL(last readout ‖ this readout) in nat, `[iteration, example, position]`.
  public let divergence: Tensor<Float>
  /// The right class's probability and how many classes are likelier, `[iteration, example, position]`; NaN and −1 where
  /// none is asked.
  public let targetProbability: Tensor<Float>
  public let targetRank: [Int32]
  /// What ended the work early, where something did.
  public let failure: (any Error)?
  /// Whether all that was asked for was done.
  public let isComplete: Bool

  /// The place of a value in the flat arrays: `iteration` and `example` count from 0 in `iterations` and `examples`.
  public func place(_ iteration: Int, _ example: Int, _ position: Int) -> Int {
    (iteration * examples.count + example) * positions + position
  }

  /// Whether an answer is asked for: everywhere, without targets.
  public func isAsked(_ example: Int, _ position: Int) -> Bool {
    targets.map { $0[example * positions + position] >= 0 } ?? true
  }

  /// The likeliest classes at a position, by iteration.
  public func answers(_ example: Int, _ position: Int) -> [Int] {
    iterations.indices.map { Int(top[place($0, example, position)]) }
  }

  /// How often the likeliest class changes from one iteration looked at to the next.
  public func flips(_ example: Int, _ position: Int) -> Int {
    let answers = answers(example, position)
    return zip(answers, answers.dropFirst()).count { $0 != $1 }
  }

  /// The first iteration from which on the likeliest class is that of the last.
  public func settledFrom(_ example: Int, _ position: Int) -> Int {
    let answers = answers(example, position)
    let since = (answers.lastIndex { $0 != answers.last } ?? -1) + 1
    return iterations[since]
  }

  /// The first iteration from which on the likeliest class is right; nil where it is not at the last, or where none is
  /// asked.
  public func rightFrom(_ example: Int, _ position: Int) -> Int? {
    guard let target = targets?[example * positions + position], target >= 0 else { return nil }
    let answers = answers(example, position)
    let since = (answers.lastIndex { $0 != Int(target) } ?? -1) + 1
    return since < iterations.count ? iterations[since] : nil
  }

  /// The first iteration from which on all of an example's answers are right; nil when they are not at the last, or
  /// when none is asked.
  public func wholeRightFrom(_ example: Int) -> Int? {
    let asked = (0..<positions).filter { isAsked(example, $0) }
    guard targets != nil, !asked.isEmpty else { return nil }
    var latest = iterations[0]
    for position in asked {
      guard let since = rightFrom(example, position) else { return nil }
      latest = max(latest, since)
    }
    return latest
  }
}

// MARK: - Means

extension ReadoutLens {
  /// What one iteration's readouts are on average, over the positions that are asked.
  public struct Mean: Sendable {
    public let iteration: Int
    /// The share of right answers, and of examples all of whose answers are right; NaN without targets.
    public let accuracy: Double
    public let wholeAccuracy: Double
    public let targetProbability: Double
    public let targetRank: Double
    public let entropy: Double
    public let divergence: Double
  }

  /// By iteration.
  public var means: [Mean] {
    iterations.indices.map { t in
      var (count, right, whole, wholes) = (0.0, 0.0, 0.0, 0.0)
      var (probability, rank, entropy, divergence) = (0.0, 0.0, 0.0, 0.0)
      for e in examples.indices {
        var (allRight, any) = (true, false)
        for p in 0..<positions where isAsked(e, p) {
          let place = place(t, e, p)
          count += 1
          any = true
          entropy += Double(self.entropy[place: place])
          divergence += Double(self.divergence[place: place])
          guard targets != nil else { continue }
          probability += Double(targetProbability[place: place])
          rank += Double(targetRank[place])
          if targetRank[place] == 0 { right += 1 } else { allRight = false }
        }
        if any {
          wholes += 1
          if allRight { whole += 1 }
        }
      }
      func mean(_ sum: Double, of count: Double, needsTargets: Bool = true) -> Double {
        count == 0 || needsTargets && targets == nil ? .nan : sum / count
      }
      return Mean(
        iteration: iterations[t], accuracy: mean(right, of: count),
        wholeAccuracy: mean(whole, of: wholes), targetProbability: mean(probability, of: count),
        targetRank: mean(rank, of: count), entropy: mean(entropy, of: count, needsTargets: false),
        divergence: mean(divergence, of: count, needsTargets: false))
    }
  }

  /// The mean over examples of a value, `[iteration][position]`; NaN at positions that none is asked at.
  public func map(_ value: (_ place: Int) -> Double) -> [[Double]] {
    iterations.indices.map { t in
      (0..<positions).map { p in
        let values = examples.indices.filter { isAsked($0, p) }.map { value(place(t, $0, p)) }
        return values.isEmpty ? .nan : values.reduce(0, +) / Double(values.count)
      }
    }
  }
}
