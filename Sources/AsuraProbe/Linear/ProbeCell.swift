/// What a probe of one iteration and position, or of all positions together, showed.
public struct ProbeCell: Sendable {
  /// How the same probe does with labels that were shuffled among examples.
  public struct Null: Sendable, Equatable {
    /// Each shuffle's score.
    public let scores: [ProbeScore]

    /// The mean headline score.
    public var mean: Double { scores.map(\.headline).reduce(0, +) / Double(scores.count) }
    /// The highest headline score.
    public var highest: Double { scores.map(\.headline).max() ?? .nan }
    /// The highest balanced accuracy, or R².
    var highestFair: Double? { scores.map(\.fair).max() }

    /// The chance of a balanced score as good if labels and values had nothing to do with each other: the share of
    /// shuffles that reach it, the real labels counted among them.
    public func pValue(_ score: ProbeScore) -> Double {
      Double(1 + scores.count { $0.fair >= score.fair }) / Double(1 + scores.count)
    }
  }

  /// Examples and rows that have a label.
  public let examples: Int
  public let rows: Int
  /// Rows of each class of the fact; empty for numbers.
  public let classCounts: [Int]
  /// Of what was held out, each fold by a probe of the others.
  public let score: ProbeScore
  /// 95% intervals of the accuracy (or R²) and of the balanced accuracy, by bootstrap over examples; nil without one.
  public let interval: ClosedRange<Double>?
  public let balancedInterval: ClosedRange<Double>?
  /// The accuracy (or R²) of every bootstrap replicate; empty without one.
  let replicates: [Float]
  /// What answering the commonest class gets: its share. 0 for numbers, which the mean gets.
  public let baseline: Double
  /// The penalty of the probe of all rows; NaN for estimators without.
  public let penalty: Double
  public let null: Null?
  /// At the control task; nil without tokens or where its labels are constant.
  public let control: ProbeScore?
  public let code: DescriptionLength?
  /// Whether every logistic fit reached its tolerance; true of closed forms.
  public let isConverged: Bool

  /// The balanced accuracy (or R²) less that at the control task; nil without one. Balanced, since few types of tokens
  /// may draw the classes in other shares than the real labels have.
  public var selectivity: Double? { control.map { score.fair - $0.fair } }
}
