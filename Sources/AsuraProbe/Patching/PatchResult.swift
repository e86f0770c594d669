public import AsuraTensor

/// What patches made of pairs: the raw values, and effects with their uncertainty.
public struct PatchResult: Sendable {
  /// How effects are averaged over pairs.
  public enum Average: String, Sendable, CaseIterable {
    /// `Σ(v − base) / Σ(source − base)`: pairs weigh as much as their runs differ.
    case ratioOfMeans = "ratio-of-means"
    /// The mean of `(v − base) / (source − base)`: pairs weigh alike.
    case meanOfRatios = "mean-of-ratios"
  }

  /// What the pairs' unpatched runs answer.
  public struct Baseline: Sendable {
    public let base: PatchValues
    public let source: PatchValues
  }

  /// A patch's effect on a metric: 0 where it changed nothing, 1 where it made the base run answer as the source's.
  public struct Effect: Sendable, Equatable {
    public let value: Double
    /// Ends of the 95% percentile bootstrap interval over pairs (Efron and Tibshirani 1993, section 13.3); NaN with
    /// fewer than two pairs.
    public let low: Double
    public let high: Double
    /// The metric's own mean over the pairs that count.
    public let raw: Double
    /// How many pairs count: they are done, and their two runs differ.
    public let pairs: Int
    /// How many pairs' two runs differ by less than `smallestDifference` in this metric, and so do not count.
    public let masked: Int
  }

  public let baselines: [Baseline]
  public let patchCount: Int
  /// By patch and then pair; nil where it is not done.
  public private(set) var cells: [[PatchCell?]]
  /// Pairs whose two runs differ by less do not count.
  public var smallestDifference = 0.01
  public var average = Average.ratioOfMeans

  public init<S: Scalar>(_ experiment: PatchExperiment<S>, patches count: Int) {
    baselines = experiment.pairs.indices.map {
      Baseline(base: experiment.base($0), source: experiment.source($0))
    }
    patchCount = count
    cells = Array(repeating: Array(repeating: nil, count: experiment.pairs.count), count: count)
  }

  /// Takes in what was made.
  public mutating func add(_ made: [PatchCell]) {
    for cell in made { cells[cell.patch][cell.pair] = cell }
  }

  /// How many cells are done.
  public var done: Int { cells.reduce(0) { $0 + $1.count { $0 != nil } } }
  /// How many there are in all.
  public var total: Int { patchCount * baselines.count }
  public var isComplete: Bool { done == total }
  /// How many runs rejoined the base to the bit before their end.
  public var rejoined: Int { cells.reduce(0) { $0 + $1.count { $0?.rejoined != nil } } }
  /// How many iterations the patched runs made.
  public var iterationsMade: Int {
    cells.reduce(0) { $0 + $1.reduce(0) { $0 + ($1?.iterations ?? 0) } }
  }

  /// The raw values of a metric `[patch, pair]`; NaN where not done.
  public func raw(_ metric: PatchMetric) -> Tensor<Double> {
    Tensor(
      [patchCount, baselines.count],
      cells.flatMap { $0.map { $0?.values[metric] ?? .nan } })
  }

  // MARK: Effects

  /// Every patch's effect on a metric.
  /// - Parameters:
  ///   - resamples: how many samples of the pairs intervals are made from; 0 for none.
  ///   - seed: of the samples, which are the same for all patches.
  public func effects(
    _ metric: PatchMetric, resamples: Int = 1000, seed: UInt64 = 0
  ) -> [Effect] {
    let gaps = baselines.map { $0.source[metric] - $0.base[metric] }
    let counts = gaps.map { abs($0) >= smallestDifference }
    let kept = baselines.indices.filter { counts[$0] }
    var random = Random(seed: seed, for: "bootstrap")
    let samples = (0..<(kept.count > 1 ? resamples : 0)).map { _ in
      kept.map { _ in Int(random.uniform() * Double(kept.count)) }
    }
    let results = Workers.current.map(patchCount) { patch -> Effect in
      let row = cells[patch]
      func isMeasured(_ pair: Int) -> Bool { row[pair]?.values[metric].isNaN == false }
      let masked = row.indices.count { isMeasured($0) && !counts[$0] }
      // With a part of the pairs done, the samples are of that part.
      let places = kept.indices.filter { isMeasured(kept[$0]) }
      let changes = kept.map { pair in
        (row[pair]?.values[metric] ?? .nan) - baselines[pair].base[metric]
      }
      let ownGaps = kept.map { gaps[$0] }
      func average(_ sample: some Sequence<Int>) -> Double {
        var (top, bottom) = (0.0, 0.0)
        for i in sample {
          switch self.average {
          case .ratioOfMeans:
            top += changes[i]
            bottom += ownGaps[i]
          case .meanOfRatios:
            top += changes[i] / ownGaps[i]
            bottom += 1
          }
        }
        return top / bottom
      }
      let raw = places.reduce(0) { $0 + (row[kept[$1]]?.values[metric] ?? 0) }
      var interval = (low: Double.nan, high: Double.nan)
      if places.count > 1, !samples.isEmpty {
        let isWhole = places.count == kept.count
        let drawn = samples.map { sample in
          isWhole
            ? average(sample)
            : average(sample.prefix(places.count).map { places[$0 % places.count] })
        }.filter(\.isFinite).sorted()
        if !drawn.isEmpty {
          interval = (Self.quantile(drawn, 0.025), Self.quantile(drawn, 0.975))
        }
      }
      return Effect(
        value: places.isEmpty ? .nan : average(places), low: interval.low, high: interval.high,
        raw: places.isEmpty ? .nan : raw / Double(places.count), pairs: places.count,
        masked: masked)
    }
    return results
  }

  /// A quantile of sorted numbers, between neighbours in proportion.
  private static func quantile(_ sorted: [Double], _ share: Double) -> Double {
    let place = share * Double(sorted.count - 1)
    let lower = Int(place)
    let upper = min(lower + 1, sorted.count - 1)
    return sorted[lower] + (place - Double(lower)) * (sorted[upper] - sorted[lower])
  }
}

extension PatchExperiment {
  /// Runs every patch on every pair and keeps what they make.
  public func result(
    of patches: [Patch], isCancelled: () -> Bool = { false },
    progress: (_ done: Int) -> Void = { _ in }
  ) throws -> PatchResult {
    var result = PatchResult(self, patches: patches.count)
    try run(patches, isCancelled: isCancelled) { cells in
      result.add(cells)
      progress(cells.count)
    }
    return result
  }
}
