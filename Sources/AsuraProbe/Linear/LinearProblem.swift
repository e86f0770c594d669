internal import AsuraTensor
internal import Foundation

/// The probe of one iteration and position, or of all positions of an iteration: fits, held-out scores, null, control.
struct LinearProblem {
  /// What it found.
  struct Solution: Sendable {
    let cell: ProbeCell
    /// The probe of all rows, and the mean of what it was fitted to.
    let map: LinearMap
    let mean: Tensor<Double>
    /// The probe that each fold was held out from.
    let foldMaps: [LinearMap]
  }

  let options: LinearProbe
  let labels: ProbeLabels
  let control: ProbeLabels?
  let shuffles: [LabelShuffle]
  let bootstrap: ExampleBootstrap?
  let isCancelled: @Sendable () -> Bool

  /// - Parameters:
  ///   - rows: in folds.
  ///   - codeRows: makes the same in the parts of an online code; nil for no description length.
  /// - Throws: `CancellationError` once cancelled.
  func solve(_ rows: any ProbeRows, codeRows: () -> (any ProbeRows)?) throws -> Solution {
    let targets = ProbeTargets(rows.plan, labels, control: control, shuffles: shuffles)
    let fits = try FoldFits(rows, targets, options, isCancelled)
    var held = try HeldOutScores(rows, targets, fits.maps)
    if options.estimator.hasProbabilities, let classes = targets.classes {
      held.normalize(classes: classes)
    }

    let replicates =
      bootstrap.map { held.replicates($0, rows.plan, targets) } ?? (headline: [], balanced: [])
    let scores = held.scores(targets, rows.plan)
    var code: DescriptionLength?
    if let classes = targets.classes, let codeRows = codeRows() {
      let coded = ProbeTargets(codeRows.plan, labels, control: nil, shuffles: [])
      code = try DescriptionLength(
        codeRows, labels: coded.sets[0].map { Int32($0) }, classes: classes,
        penalties: options.penalties)
    }
    let isControlled = targets.hasControl
    let cell = ProbeCell(
      examples: Set(rows.plan.examples).count, rows: rows.plan.count,
      classCounts: targets.counts, score: scores[0],
      interval: ExampleBootstrap.interval(replicates.headline),
      balancedInterval: ExampleBootstrap.interval(replicates.balanced),
      replicates: replicates.headline.map { Float($0) }, baseline: targets.baseline,
      penalty: fits.penalty,
      null: shuffles.isEmpty
        ? nil : ProbeCell.Null(scores: Array(scores.dropFirst(isControlled ? 2 : 1))),
      control: isControlled ? scores[1] : nil, code: code, isConverged: fits.isConverged)
    return Solution(
      cell: cell, map: targets.expanded(fits.final), mean: fits.mean,
      foldMaps: fits.maps.map { $0.columns(0..<targets.outputs) })
  }
}
