import Asura
import AsuraCommandLine
import Foundation

/// The charts of a run's fixed points.
struct FixedPointCharts {
  private let findings: FixedPointFindings
  private let subject: String

  /// More examples than this are drawn as their range around the median, not as lines of their own.
  private static let mostLines = 5

  init(_ findings: FixedPointFindings, subject: String) {
    self.findings = findings
    self.subject = subject
  }

  private var examples: String {
    let count = findings.series.count
    return count == 1 ? "1 example" : "\(count) examples"
  }

  /// Relative steps on a logarithmic axis, with the lines that rates were measured by.
  var settling: LineChart {
    let all = findings.series
    var lines: [LineChart.Series] = []
    let x = (all.first?.iterations ?? []).map(Double.init)
    if all.count > Self.mostLines {
      let steps = all.map(\.relativeSteps)
      let sorted = x.indices.map { t in steps.map { $0[t] }.filter(\.isFinite).sorted() }
      lines.append(
        .init(
          "median, and range over \(examples)", x: x,
          y: sorted.map { $0.isEmpty ? .nan : $0[$0.count / 2] },
          band: sorted.map { ($0.first ?? 0)...($0.last ?? 0) }))
    } else {
      for (index, one) in all.enumerated() {
        lines.append(.init("example \(index)", x: x, y: one.relativeSteps))
      }
    }
    for one in findings.examples.prefix(2) {
      guard let rate = findings.verdict(of: one.example)?.rate else { continue }
      let series = all[one.example]
      let range = rate.range
      let points = series.iterations.indices.filter { range.contains(series.iterations[$0]) }
      lines.append(
        .init(
          "example \(one.example): rate \(significant(rate.value, 3)), radius "
            + significant(one.radius, 3),
          x: points.map { Double(series.iterations[$0]) },
          y: points.map { rate.step(at: series.iterations[$0]) / series.norms[$0] }))
    }
    return LineChart(
      ChartTitle("How far each iteration moves the latent", subtitle: "\(subject), \(examples)"),
      yLabel: "‖z_t − z_(t−1)‖ / ‖z_t‖", series: lines,
      references: [.init(findings.settlingRule.tolerance, "at rest below")], isLogarithmic: true)
  }

  /// Each fixed point's residual against its spectral radius: one inside 1 attracts.
  var points: LineChart {
    let series = findings.examples.map { one -> LineChart.Series in
      let known = (one.points?.points ?? []).filter { $0.spectrum != nil }
        .sorted { ($0.spectrum?.spectralRadius ?? 0) < ($1.spectrum?.spectralRadius ?? 0) }
      // A gap after each point: they are no line.
      return LineChart.Series(
        "example \(one.example)",
        x: known.flatMap { point in
          Array(repeating: point.spectrum?.spectralRadius ?? .nan, count: 2)
        },
        // Exactly zero has no place on a logarithmic axis.
        y: known.flatMap { [max($0.q, 1e-40), .nan] })
    }
    return LineChart(
      ChartTitle(
        "Fixed points: residual and stability",
        subtitle: "\(subject), \(findings.solver), a radius below 1 attracts"),
      xLabel: "spectral radius at the point", yLabel: "q = ½‖F(z) − z‖²", series: series,
      references: [.init(findings.rule.q, "tolerance")], isLogarithmic: true)
  }

  /// The share of directions from which the latent comes back, by how far it was put.
  var basin: LineChart {
    let series = findings.examples.compactMap { one -> LineChart.Series? in
      guard let basin = one.basin else { return nil }
      let count = Double(basin.directions.count)
      let radii = basin.directions.compactMap(\.radius).sorted()
      // A step down at each border.
      var (x, y) = ([0.0], [1.0])
      for (index, radius) in radii.enumerated() {
        x += [radius, radius]
        y += [1 - Double(index) / count, 1 - Double(index + 1) / count]
      }
      x.append(radii.count < basin.directions.count ? basin.limit : (radii.last ?? 0) * 1.1)
      y.append(y[y.count - 1])
      return LineChart.Series("example \(one.example)", x: x, y: y)
    }
    return LineChart(
      ChartTitle(
        "From how far the latent comes back to its resting place",
        subtitle: "\(subject), share of random directions"),
      xLabel: "distance, in norms of the resting place", yLabel: "share that comes back",
      series: series, references: [.init(0, "none")])
  }

  /// Accuracy by iteration, past training; without targets, how sure the model is.
  var overthinking: LineChart {
    guard let found = findings.overthinking else {
      return LineChart("Past training", yLabel: "", series: [])
    }
    let x = found.iterations.map(Double.init)
    var series = [LineChart.Series("probability of the answer", x: x, y: found.confidence)]
    if !found.exactMatch.isEmpty {
      series =
        [
          .init("whole answers right", x: x, y: found.exactMatch),
          .init("positions right", x: x, y: found.perSymbol),
        ] + series
    }
    return LineChart(
      ChartTitle(
        "Answers far past training",
        subtitle: "\(subject), \(examples), trained to \(found.trained) iterations"),
      yLabel: found.exactMatch.isEmpty ? "mean probability" : "share", series: series)
  }
}
