internal import AsuraTensor
public import AsuraTrace

/// A small set of a sweep's patches that together do most of what all of them do.
///
/// Every share is of the effect of all units patched at once: `share(C) = effect(C) / effect(all)` (faithfulness,
/// completeness and minimality after Wang et al. 2023, arXiv:2211.00593, section 4; the search after Conmy et al. 2023,
/// arXiv:2304.14997).
public struct Circuit: Sendable {
  /// Its units can be any of the sweep's entries.
  public let sweep: PatchSweep
  public let metric: PatchMetric
  public let direction: PatchDirection
  public let iterations: Int
  public let pairs: Int
  /// The share to keep.
  public let keep: Double
  /// The entries of the units, in order.
  public let units: [Int]
  /// What each entry was ranked by at the beginning.
  public let scores: [Double]
  /// The effect of all units patched at once.
  public let fullEffect: Double
  /// The circuit's effect by itself, with its interval over pairs.
  public let effect: PatchResult.Effect
  /// The circuit's share by itself.
  public let faithfulness: Double
  /// The share of all units but the circuit's; small where it leaves nothing out. NaN if the search was cut short.
  public let completeness: Double
  /// What the share falls by when one unit is left out, by unit; empty if the search was cut short. Where all are above
  /// 0 by more than `faithfulness − keep`, no unit can be spared.
  public let losses: [Double]
  /// The shares of random sets of as many units.
  public let randomShares: [Double]
  /// The sizes and shares of the sets the search kept, in order.
  public let steps: [Step]
  /// How many sets were tried.
  public let evaluations: Int
  /// Whether the search ended because no unit can be spared.
  public let isComplete: Bool

  /// A set the search kept.
  public struct Step: Sendable, Equatable {
    public let units: Int
    public let share: Double
  }

  /// What a search is made with.
  public struct Options: Sendable {
    public var metric = PatchMetric.logitDifference
    /// The share of the whole effect to keep, above 0 and up to 1.
    public var keep = 0.9
    /// How many random sets of equal size to compare with.
    public var randomSets = 20
    public var average = PatchResult.Average.ratioOfMeans
    public var smallestDifference = 0.01
    /// How many samples of the pairs the interval is made from.
    public var resamples = 1000
    /// Of the random sets and samples.
    public var seed: UInt64 = 0

    public init() {}
  }

  /// Mean of the random sets' shares; NaN without.
  public var randomMean: Double {
    randomShares.isEmpty ? .nan : randomShares.reduce(0, +) / Double(randomShares.count)
  }

  /// Standard deviation of the random sets' shares (n − 1); NaN with fewer than two.
  public var randomDeviation: Double {
    guard randomShares.count > 1 else { return .nan }
    let mean = randomMean
    let squares = randomShares.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (squares / Double(randomShares.count - 1)).squareRoot()
  }

  /// The loss of an entry's unit; 0 of one that is not in the circuit, NaN where it is not known.
  public func loss(_ entry: Int) -> Double {
    guard let place = units.firstIndex(of: entry) else { return 0 }
    return losses.indices.contains(place) ? losses[place] : .nan
  }
}

extension Circuit {
  /// The circuit as a companion file stores it: group `circuit` with
  /// - one part for each site, over `iteration`, and `head` and `position` where they are told apart: `member`, 1 in the
  ///   circuit and 0 elsewhere, the `score` entries were ranked by and the `loss` when a unit is left out;
  /// - `search`: size and share of the sets the search kept;
  /// - `random_sets`: shares of random sets of equal size.
  public var analysis: Analysis {
    let members = Set(units)
    let parts = sweep.tables.map { table in
      let (axes, shape) = (table.axes, table.shape)
      func series(
        _ name: String, _ meaning: String, _ value: (Int) -> Double
      ) -> AnalysisSeries {
        AnalysisSeries(
          name, .float64(Tensor(shape, table.entries.map(value))), axes: axes.map(\.name),
          longName: meaning)
      }
      return AnalysisData(
        table.name, title: "Units of \(table.name) in the circuit", axes: axes,
        signal: series("member", "1 in the circuit") { members.contains($0) ? 1 : 0 },
        extra: [
          series("score", "what units were ranked by") { scores[$0] },
          series("loss", "what the share falls by without the unit") { loss($0) },
        ])
    }
    let search = AnalysisData(
      "search", title: "Sets the search kept",
      axes: [AnalysisAxis("step", .integers(Array(0..<steps.count)))],
      signal: AnalysisSeries(
        "share", .float64(Tensor([steps.count], steps.map(\.share))), axes: ["step"],
        longName: "share of the whole effect"),
      extra: [
        AnalysisSeries(
          "units", .float64(Tensor([steps.count], steps.map { Double($0.units) })),
          axes: ["step"], longName: "units in the set")
      ])
    let random =
      randomShares.isEmpty
      ? []
      : [
        AnalysisData(
          "random_sets", title: "Random sets of equal size",
          axes: [AnalysisAxis("set", .integers(Array(randomShares.indices)))],
          signal: AnalysisSeries(
            "share", .float64(Tensor([randomShares.count], randomShares)), axes: ["set"],
            longName: "share of the whole effect"))
      ]
    return Analysis(
      "circuit", title: "The smallest set of patches found that keeps the effect",
      attributes: [
        "direction": .text(direction.rawValue), "metric": .text(metric.rawValue),
        "iterations": .integer(Int64(iterations)), "pairs": .integer(Int64(pairs)),
        "keep": .real(keep), "units": .integer(Int64(units.count)),
        "units_in_all": .integer(Int64(sweep.entries.count)),
        "full_effect": .real(fullEffect), "faithfulness": .real(faithfulness),
        "completeness": .real(completeness), "smallest_loss": .real(losses.min() ?? .nan),
        "largest_loss": .real(losses.max() ?? .nan), "random_mean": .real(randomMean),
        "random_deviation": .real(randomDeviation), "sets_tried": .integer(Int64(evaluations)),
      ], data: parts + [search] + random)
  }
}
