internal import AsuraModel
internal import AsuraTensor
internal import Foundation

/// How a run answers a pair's question, measured in four ways; each is the mean over the positions where the pair's two
/// answers differ.
public struct PatchValues: Sendable, Equatable {
  /// Logit of the clean answer's class less that of the corrupted one's.
  public var logitDifference: Double
  /// Natural logarithm of the clean answer's probability.
  public var logProbability: Double
  /// Kullback–Leibler divergence of the run's distribution from the clean run's, `Σ p log(p/q)` with p the clean
  /// run's, in nats.
  public var divergence: Double
  /// 1 if the whole clean answer is the likeliest, also where the two answers agree; 0 otherwise.
  public var exactMatch: Double

  public init(
    logitDifference: Double, logProbability: Double, divergence: Double, exactMatch: Double
  ) {
    self.logitDifference = logitDifference
    self.logProbability = logProbability
    self.divergence = divergence
    self.exactMatch = exactMatch
  }

  public subscript(metric: PatchMetric) -> Double {
    switch metric {
    case .logitDifference: logitDifference
    case .logProbability: logProbability
    case .divergence: divergence
    case .exactMatch: exactMatch
    }
  }
}

/// One of the four measures of `PatchValues`.
public enum PatchMetric: String, Sendable, CaseIterable {
  case logitDifference = "logit-difference"
  case logProbability = "log-probability"
  case divergence = "kl"
  case exactMatch = "exact-match"
}

/// What is asked of one pair.
struct PatchQuestion: Sendable {
  struct Place: Sendable {
    /// The position in the clean and in the corrupted input.
    let clean: Int
    let corrupted: Int
    let answer: Int
    let other: Int
  }
  /// Where the two answers differ.
  let places: [Place]
  /// The whole clean answer.
  let whole: [Place]

  /// - Parameter answers: classes `[position]` of either run, negative where nothing is asked.
  init(_ pairs: DirectedPairs, pair: Int, clean: [Int32], corrupted: [Int32]) {
    whole = pairs.aligned(pair).compactMap { c, k in
      clean[c] < 0
        ? nil : Place(clean: c, corrupted: k, answer: Int(clean[c]), other: Int(corrupted[k]))
    }
    places = whole.filter { $0.other >= 0 && $0.other != $0.answer }
  }

  /// - Parameters:
  ///   - logits: of a run on either input, `[1, position, class]`.
  ///   - isClean: whether it is the clean one.
  ///   - reference: the clean run's log-probabilities at `places`.
  func values<S: Scalar>(
    _ logits: Tensor<S>, onClean isClean: Bool, reference: [[Double]]
  ) -> PatchValues {
    let rows = logits[0]
    var values = PatchValues(
      logitDifference: 0, logProbability: 0, divergence: 0, exactMatch: 1)
    for (place, clean) in zip(places, reference) {
      let row = Self.row(rows, isClean ? place.clean : place.corrupted)
      let log = Self.logSoftmax(row)
      values.logitDifference += row[place.answer] - row[place.other]
      values.logProbability += log[place.answer]
      for (p, q) in zip(clean, log) where p > -.infinity { values.divergence += exp(p) * (p - q) }
    }
    let count = Double(max(1, places.count))
    values.logitDifference /= count
    values.logProbability /= count
    values.divergence /= count
    for place in whole {
      let row = Self.row(rows, isClean ? place.clean : place.corrupted)
      if Self.largest(row) != place.answer { values.exactMatch = 0 }
    }
    return values
  }

  /// The derivative of a metric by a run's logits `[1, position, class]`. Whether an answer is exact has none.
  func gradient<S: Scalar>(
    of metric: PatchMetric, _ logits: Tensor<S>, onClean isClean: Bool, reference: [[Double]]
  ) -> Tensor<S> {
    var gradient = Tensor<S>.zeros(logits.shape)
    let classes = logits.shape[2]
    let share = 1 / Double(max(1, places.count))
    for (place, clean) in zip(places, reference) {
      let position = isClean ? place.clean : place.corrupted
      var row = [Double](repeating: 0, count: classes)
      switch metric {
      case .logitDifference: row[place.other] = -1
      case .logProbability: row = Self.logSoftmax(Self.row(logits[0], position)).map { -exp($0) }
      // ∂/∂y Σ p log(p/q) = q − p
      case .divergence:
        row = zip(Self.logSoftmax(Self.row(logits[0], position)), clean).map { exp($0) - exp($1) }
      case .exactMatch: continue
      }
      if metric != .divergence { row[place.answer] += 1 }
      gradient.update { values in
        for i in 0..<classes { values[position * classes + i] += S(share * row[i]) }
      }
    }
    return gradient
  }

  /// The clean run's log-probabilities, which others' are compared with.
  func reference<S: Scalar>(_ logits: Tensor<S>) -> [[Double]] {
    places.map { Self.logSoftmax(Self.row(logits[0], $0.clean)) }
  }

  static func row<S: Scalar>(_ logits: Tensor<S>, _ position: Int) -> [Double] {
    logits[position].elements.map { Double($0) }
  }

  static func largest(_ row: [Double]) -> Int {
    row.indices.max { row[$0] < row[$1] } ?? 0
  }

  private static func logSoftmax(_ row: [Double]) -> [Double] {
    let top = row.max() ?? 0
    let sum = row.reduce(0) { $0 + exp($1 - top) }
    return row.map { $0 - top - log(sum) }
  }
}
