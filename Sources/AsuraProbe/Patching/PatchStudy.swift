public import AsuraTensor
public import AsuraTrace

/// A sweep with what it made: what a command stores, draws and prints.
public struct PatchStudy: Sendable {
  public let sweep: PatchSweep
  public let result: PatchResult
  public let direction: PatchDirection
  public let iterations: Int
  /// How many pairs were left out since their answers do not differ.
  public let excluded: Int
  /// How many iterations running every patch from the beginning to the end would have taken.
  public let iterationsInFull: Int
  /// Every metric's effects, by the sweep's entries.
  public let effects: [PatchMetric: [PatchResult.Effect]]

  /// - Parameters:
  ///   - resamples: how many samples intervals are made from.
  ///   - seed: of those samples.
  public init<S: Scalar>(
    _ experiment: PatchExperiment<S>, _ sweep: PatchSweep, _ result: PatchResult,
    resamples: Int = 1000, seed: UInt64 = 0
  ) {
    self.sweep = sweep
    self.result = result
    direction = experiment.direction
    iterations = experiment.iterations
    excluded = experiment.excluded
    iterationsInFull = result.done * experiment.iterations
    effects = Dictionary(
      uniqueKeysWithValues: PatchMetric.allCases.map {
        ($0, result.effects($0, resamples: resamples, seed: seed))
      })
  }

  /// The entries with the largest effects on a metric, largest first, up to `count`.
  public func strongest(_ metric: PatchMetric, _ count: Int) -> [Int] {
    let all = effects[metric] ?? []
    return all.indices.filter { all[$0].value.isFinite }
      .sorted { (-abs(all[$0].value), $0) < (-abs(all[$1].value), $1) }.prefix(count).map { $0 }
  }
}

extension PatchStudy {
  /// The study as a companion file stores it: group `patch` with
  /// - one part for each site, over `iteration`, and `head` and `position` where they are told apart: of each metric
  ///   (`logit_difference`, `log_probability`, `kl`, `exact_match`) the `…_effect`, its interval `…_low` and `…_high`,
  ///   and the raw values of every pair `[…, pair]` under the metric's own name, NaN where not run; `rejoined_pairs`, how
  ///   many runs rejoined the base to the bit;
  /// - `pairs`: what the unpatched runs answer, `base_…` and `source_…`.
  public func analysis(_ metric: PatchMetric = .logitDifference, pairNumbers: [Int]) -> Analysis {
    Analysis(
      "patch", title: "What patches do to the answer",
      attributes: [
        "direction": .text(direction.rawValue), "held": .integer(sweep.isHeld ? 1 : 0),
        "iterations": .integer(Int64(iterations)), "average": .text(result.average.rawValue),
        "smallest_difference": .real(result.smallestDifference),
        "pairs_without_difference": .integer(Int64(excluded)),
        "runs": .integer(Int64(result.done)), "runs_rejoined": .integer(Int64(result.rejoined)),
        "iterations_made": .integer(Int64(result.iterationsMade)),
        "iterations_in_full": .integer(Int64(iterationsInFull)),
      ], data: sweep.tables.map { data($0, metric, pairNumbers) } + [pairData(pairNumbers)])
  }

  private func data(
    _ table: PatchSweep.Table, _ metric: PatchMetric, _ pairNumbers: [Int]
  ) -> AnalysisData {
    var axes = [AnalysisAxis("iteration", .integers(table.iterations))]
    if table.hasHeads { axes.append(AnalysisAxis("head", .integers(table.heads.map { $0 ?? 0 }))) }
    if table.hasPositions {
      axes.append(
        AnalysisAxis(
          "position", .integers(table.positions.map { $0 ?? 0 }),
          longName: table.isRelative ? "position, from the first that differs" : nil))
    }
    let names = axes.map(\.name)
    let shape =
      [table.iterations.count]
      + (table.hasHeads ? [table.heads.count] : [])
      + (table.hasPositions ? [table.positions.count] : [])
    axes.append(AnalysisAxis("pair", .integers(pairNumbers)))
    func series(
      _ name: String, _ meaning: String, _ value: (Int) -> Double
    ) -> AnalysisSeries {
      AnalysisSeries(
        name, .float64(Tensor(shape, table.entries.map(value))), axes: names, longName: meaning)
    }
    func all(_ metric: PatchMetric) -> [AnalysisSeries] {
      let effects = self.effects[metric] ?? []
      let (name, raw) = (metric.seriesName, result.raw(metric))
      return [
        series("\(name)_effect", "effect: 0 as the base run, 1 as the source's") {
          effects[$0].value
        },
        series("\(name)_low", "lower end of the effect's 95% interval") { effects[$0].low },
        series("\(name)_high", "upper end of the effect's 95% interval") { effects[$0].high },
        series("\(name)_pairs", "how many pairs the effect is of") { Double(effects[$0].pairs) },
        series("\(name)_masked", "pairs left out: their two runs hardly differ") {
          Double(effects[$0].masked)
        },
        AnalysisSeries(
          name, .float64(raw.slice(table.entries).reshaped(shape + [pairNumbers.count])),
          axes: names + ["pair"], longName: metric.longName),
      ]
    }
    let first = all(metric)
    let rejoined = series("rejoined_pairs", "runs that rejoined the base to the bit") { entry in
      Double(result.cells[entry].count { $0?.rejoined != nil })
    }
    return AnalysisData(
      table.name, title: "Effect of patching \(table.name) on \(metric.longName)", axes: axes,
      signal: first[0],
      extra: first.dropFirst() + PatchMetric.allCases.filter { $0 != metric }.flatMap(all)
        + [rejoined])
  }

  private func pairData(_ numbers: [Int]) -> AnalysisData {
    let sides: [(String, (PatchResult.Baseline) -> PatchValues)] = [
      ("base", { $0.base }), ("source", { $0.source }),
    ]
    let series = sides.flatMap { side, values in
      PatchMetric.allCases.map { metric in
        AnalysisSeries(
          "\(side)_\(metric.seriesName)",
          .float64(Tensor([numbers.count], result.baselines.map { values($0)[metric] })),
          axes: ["pair"], longName: "\(metric.longName), \(side) run")
      }
    }
    return AnalysisData(
      "pairs", title: "What the unpatched runs answer",
      axes: [AnalysisAxis("pair", .integers(numbers))], signal: series[0],
      extra: Array(series.dropFirst()))
  }
}

extension PatchMetric {
  /// Its name in files.
  public var seriesName: String { rawValue.replacing("-", with: "_") }

  /// What it is, in a few words.
  public var longName: String {
    switch self {
    case .logitDifference: "logit difference, clean less corrupted answer"
    case .logProbability: "log-probability of the clean answer"
    case .divergence: "KL divergence from the clean run, nats"
    case .exactMatch: "share of exact clean answers"
    }
  }
}
