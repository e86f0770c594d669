public import AsuraTensor
public import AsuraTrace

/// Estimated effects of a sweep's patches, with exact ones of a sample to judge them by.
public struct AttributionStudy: Sendable {
  public let sweep: PatchSweep
  public let method: AttributionMethod
  public let metric: PatchMetric
  public let direction: PatchDirection
  public let iterations: Int
  public let excluded: Int
  public let estimates: PatchResult
  /// Estimated effects, by the sweep's entries.
  public let estimated: [PatchResult.Effect]
  /// Exact effects where patches were run: of the sample and of the strongest estimates; NaN elsewhere.
  public let exact: [PatchResult.Effect]
  /// The entries that were drawn to be run, whatever their estimates.
  public let sample: [Int]
  /// The estimates with the strongest effects first, all of which were run too as far as there was time.
  public let strongest: [Int]
  /// How the sample's estimates agree with its exact effects.
  public let agreement: Agreement
  /// The same of the strongest estimates, which the sample may miss where few places matter.
  public let agreementOfStrongest: Agreement
  /// Whether every pair was estimated and every entry chosen was run.
  public let isComplete: Bool

  /// What a study is made with.
  public struct Options: Sendable {
    public var metric = PatchMetric.logitDifference
    public var method = AttributionMethod.gradient
    /// How many patches are drawn to be run exactly.
    public var sampleCount = 100
    /// How many of the strongest are run besides.
    public var strongestCount = 12
    public var average = PatchResult.Average.ratioOfMeans
    public var smallestDifference = 0.01
    /// How many samples of the pairs intervals are made from.
    public var resamples = 1000
    /// Of the draws.
    public var seed: UInt64 = 0

    public init() {}
  }

  /// Estimates all of a sweep's patches and runs some.
  /// - Parameters:
  ///   - isCancelled: is asked now and then whether to stop; what is done is kept.
  ///   - progress: is told of pairs estimated, and then of patched runs made.
  /// - Throws: `ProbeError` for patches that have no estimate, and when nothing was estimated.
  public init<S: Scalar>(
    _ experiment: PatchExperiment<S>, _ sweep: PatchSweep, _ options: Options = Options(),
    isCancelled: () -> Bool = { false },
    progress: (_ estimatedPairs: Int, _ runs: Int) -> Void = { _, _ in }
  ) throws {
    self.sweep = sweep
    (method, metric) = (options.method, options.metric)
    (direction, iterations, excluded) = (
      experiment.direction, experiment.iterations, experiment.excluded
    )
    func empty() -> PatchResult {
      var result = PatchResult(experiment, patches: sweep.patches.count)
      result.average = options.average
      result.smallestDifference = options.smallestDifference
      return result
    }
    var estimates = empty()
    try experiment.attribute(
      sweep.patches, metric: metric, method: method, isCancelled: isCancelled
    ) { cells in
      estimates.add(cells)
      progress(cells.count / max(1, sweep.patches.count), 0)
    }
    guard estimates.done > 0 else {
      throw ProbeError(
        .interrupted, "interrupted before anything was estimated")
    }
    let estimated = estimates.effects(metric, resamples: options.resamples, seed: options.seed)
    let finite = estimated.indices.filter { estimated[$0].value.isFinite }
    strongest = Array(
      finite.sorted { (-abs(estimated[$0].value), $0) < (-abs(estimated[$1].value), $1) }
        .prefix(options.strongestCount))
    var random = Random(seed: options.seed, for: "attribution sample")
    sample = finite.shuffled(using: &random).prefix(options.sampleCount).sorted()
    let chosen = Set(sample).union(strongest).sorted()
    var runs = empty()
    let isRun = try experiment.run(
      chosen.map { sweep.patches[$0] }, isCancelled: isCancelled
    ) { cells in
      runs.add(
        cells.map {
          PatchCell(
            patch: chosen[$0.patch], pair: $0.pair, values: $0.values, rejoined: $0.rejoined,
            iterations: $0.iterations)
        })
      progress(0, cells.count)
    }
    // Of a patch that not all pairs were run with, effects would be of other pairs than the estimate's.
    let exact = runs.effects(metric, resamples: options.resamples, seed: options.seed).enumerated()
      .map { $1.pairs == estimated[$0].pairs ? $1 : PatchResult.Effect.unknown }
    (self.estimates, self.estimated, self.exact) = (estimates, estimated, exact)
    func agreement(_ entries: [Int]) -> Agreement {
      Agreement(entries.map { estimated[$0].value }, entries.map { exact[$0].value })
    }
    self.agreement = agreement(sample)
    agreementOfStrongest = agreement(strongest)
    isComplete = estimates.isComplete && isRun
  }
}

extension PatchResult.Effect {
  /// Of a patch that was not run.
  static var unknown: Self {
    Self(value: .nan, low: .nan, high: .nan, raw: .nan, pairs: 0, masked: 0)
  }
}

extension AttributionStudy {
  /// The study as a companion file stores it: group `attribution` with one part for each site, over `iteration`, and `head`
  /// and `position` where they are told apart: the `estimate`, its interval, the `exact` effect where it was run (NaN
  /// elsewhere), whether it was in the `sample`, and the metric's estimated values of every pair.
  public func analysis(pairNumbers: [Int]) -> Analysis {
    let (kind, steps): (String, Int) =
      switch method {
      case .gradient: ("gradient", 0)
      case .integratedGradients(let steps): ("integrated_gradients", steps)
      }
    return Analysis(
      "attribution", title: "What gradients say patches would do",
      attributes: [
        "direction": .text(direction.rawValue), "metric": .text(metric.rawValue),
        "method": .text(kind), "steps": .integer(Int64(steps)),
        "iterations": .integer(Int64(iterations)), "average": .text(estimates.average.rawValue),
        "smallest_difference": .real(estimates.smallestDifference),
        "sampled_patches": .integer(Int64(agreement.count)),
        "correlation": .real(agreement.correlation),
        "rank_correlation": .real(agreement.rankCorrelation),
        "mean_error": .real(agreement.meanError), "largest_error": .real(agreement.largestError),
      ], data: sweep.tables.map { data($0, pairNumbers) })
  }

  private func data(_ table: PatchSweep.Table, _ pairNumbers: [Int]) -> AnalysisData {
    let (axes, shape) = (table.axes, table.shape)
    let names = axes.map(\.name)
    let drawn = Set(sample)
    func series(_ name: String, _ meaning: String, _ value: (Int) -> Double) -> AnalysisSeries {
      AnalysisSeries(
        name, .float64(Tensor(shape, table.entries.map(value))), axes: names, longName: meaning)
    }
    return AnalysisData(
      table.name, title: "Estimated effect of patching \(table.name) on \(metric.longName)",
      axes: axes + [AnalysisAxis("pair", .integers(pairNumbers))],
      signal: series("estimate", "estimated effect: 0 as the base run, 1 as the source's") {
        estimated[$0].value
      },
      extra: [
        series("estimate_low", "lower end of the estimate's 95% interval over pairs") {
          estimated[$0].low
        },
        series("estimate_high", "upper end of the estimate's 95% interval over pairs") {
          estimated[$0].high
        },
        series("exact", "effect of the patch, where it was run") { exact[$0].value },
        series("sample", "1 where it was drawn to be run") { drawn.contains($0) ? 1 : 0 },
        AnalysisSeries(
          metric.seriesName,
          .float64(
            estimates.raw(metric).slice(table.entries).reshaped(shape + [pairNumbers.count])),
          axes: names + ["pair"], longName: "estimated \(metric.longName)"),
      ])
  }
}

extension PatchSweep.Table {
  /// The axes of arrays with one number an entry: iterations, and heads and positions where they are told apart.
  var axes: [AnalysisAxis] {
    [AnalysisAxis("iteration", .integers(iterations))]
      + (hasHeads ? [AnalysisAxis("head", .integers(heads.map { $0 ?? 0 }))] : [])
      + (hasPositions
        ? [
          AnalysisAxis(
            "position", .integers(positions.map { $0 ?? 0 }),
            longName: isRelative ? "position from the first difference" : "position")
        ] : [])
  }

  /// The shape of such an array.
  var shape: [Int] {
    [iterations.count] + (hasHeads ? [heads.count] : []) + (hasPositions ? [positions.count] : [])
  }
}
