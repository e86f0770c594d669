import Asura
import AsuraCommandLine
import Foundation

/// The charts of linear probes.
struct LinearCharts {
  static func names(transfer: Bool, effects: Bool) -> [String] {
    ["map", "scores"] + (transfer ? ["transfer"] : []) + (effects ? ["effects"] : [])
  }

  private let findings: LinearFindings
  private let subject: String

  init(_ findings: LinearFindings, subject: String) {
    self.findings = findings
    self.subject = subject
  }

  private var isClass: Bool { findings.classes != nil }
  private var score: String { isClass ? "accuracy" : "R²" }
  private var isPooled: Bool { findings.positions == [ProbeWeights.pooled] }

  private var about: String {
    "\(subject), \(findings.site), \(findings.probe.estimator.rawValue), \(findings.probe.folds) folds over examples"
  }

  /// Balanced accuracy by iteration and position: how the fact travels.
  var map: HeatMap {
    let values = findings.map { $0.score.fair }
    let known = values.joined().filter(\.isFinite)
    let lowest = isClass ? min(0.5, known.min() ?? 0) : min(0, known.min() ?? 0)
    return HeatMap(
      ChartTitle("Where and when \(findings.fact) can be read", subtitle: about),
      xLabel: "position", yLabel: "iteration", values: values,
      columnNames: isPooled ? ["all"] : findings.positions.map(String.init),
      rowNames: findings.iterations.map(String.init),
      // R² far below 0 would leave no colours for the rest.
      range: max(lowest, isClass ? 0 : -0.5)...1,
      valueLabel: isClass ? "balanced accuracy" : "R²")
  }

  /// The mean over positions by iteration, beside what it must be compared with.
  var scores: LineChart {
    let t = findings.iterations.map(Double.init)
    func line(_ name: String, _ value: (ProbeCell) -> Double?) -> LineChart.Series? {
      let mean = findings.mean(value)
      return mean.contains { $0.isFinite } ? LineChart.Series(name, x: t, y: mean) : nil
    }
    var own = LineChart.Series(score, x: t, y: findings.mean { $0.score.headline })
    let band = findings.meanIntervals.map { $0 ?? 0...0 }
    if band.contains(where: { $0 != 0...0 }) { own.band = band }
    let series: [LineChart.Series?] = [
      own, isClass ? line("balanced accuracy") { $0.score.balancedAccuracy } : nil,
      isClass ? line("the commonest class") { $0.baseline } : nil,
      line("shuffled labels") { $0.null?.mean },
      line("control task\(isClass ? ", balanced" : "")") { $0.control?.fair },
    ]
    return LineChart(
      ChartTitle(
        "How well \(findings.fact) can be read",
        subtitle: isPooled ? "\(about), all positions" : "\(about), mean over positions"),
      yLabel: score, series: series.compactMap { $0 })
  }

  /// Probes of one iteration tested on others.
  var transfer: HeatMap? {
    guard let transfer = findings.transfer else { return nil }
    let names = findings.iterations.map(String.init)
    return HeatMap(
      ChartTitle("Does a probe of one iteration serve another?", subtitle: about),
      xLabel: "tested at", yLabel: "fitted at",
      // R² far below 0 would leave no colours for the rest.
      values: transfer.mean.map { $0.map { isClass ? $0 : max($0, -1) } }, columnNames: names,
      rowNames: names, valueLabel: isClass ? "balanced accuracy" : "R², at least −1")
  }

  /// Shares of right answers as the run was, changed, and with random directions.
  var effects: HeatMap? {
    guard !findings.effects.isEmpty else { return nil }
    let hasTargets = findings.effects.contains { !$0.original.symbols.isNaN }
    typealias Share = (CausalEffect.Answers) -> Double
    let rows: [(String, Share)] =
      hasTargets
      ? [
        // Short, so that no name is left out.
        ("changed", \.atChanged), ("all", \.symbols), ("whole", \.exact), ("moved", \.changed),
      ] : [("moved", \.changed)]
    // The run as it was once, then each change with its random directions.
    var runs: [(name: String, share: (Share) -> Double)] = [
      ("as it was", { $0(findings.effects[0].original) })
    ]
    for effect in findings.effects {
      runs.append((effect.change.name, { $0(effect.edited) }))
      runs.append(("random directions", { effect.randomMean($0) }))
    }
    return HeatMap(
      ChartTitle(
        "What becomes of the answers when \(findings.fact) is changed",
        subtitle: "\(subject), \(findings.site)"),
      xLabel: hasTargets
        ? "right at the changed positions, at all, in whole examples; answers that moved"
        : "answers that moved",
      values: runs.map { run in rows.map { run.share($0.1) } }, columnNames: rows.map(\.0),
      rowNames: runs.map(\.name), range: 0...1, valueLabel: "share")
  }
}
