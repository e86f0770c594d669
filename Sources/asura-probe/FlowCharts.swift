import Asura
import AsuraCommandLine
import Foundation

/// The charts of a flow study.
struct FlowCharts {
  /// The charts' names, those of refinement and of other depths only where there will be such.
  static func names(refined: Bool, depths: Bool) -> [String] {
    ["steps", "path", "eigenvalues"] + (refined ? ["refinement"] : []) + (depths ? ["depths"] : [])
  }

  private let study: FlowStudy
  private let subject: String

  /// More examples than this are drawn as their range around the median, not as lines of their own.
  private static let mostLines = 6
  /// More paths than this could not be told apart.
  private static let mostPaths = 12

  init(_ study: FlowStudy, subject: String) {
    self.study = study
    self.subject = subject
  }

  private var examples: String {
    study.examples.count == 1 ? "example \(study.examples[0])" : "\(study.examples.count) examples"
  }

  /// The steps against iteration, both logarithmic, with the two laws fitted to the first example's.
  var steps: LineChart {
    let t = study.iterations.dropFirst().map(Double.init)
    var series = lines(t, "step") { $0.path.steps }
    var subtitle = "\(subject), \(examples)"
    if let system = study.systems.first(where: { $0.decay != nil }), let decay = system.decay {
      let fitted = decay.iterations.map(Double.init)
      series.append(
        LineChart.Series(
          "power law, t^\(number(decay.power.slope))", x: fitted,
          y: fitted.map { decay.power.power(at: $0) }))
      series.append(
        LineChart.Series(
          "geometric, ×\(number(decay.factor))", x: fitted,
          y: fitted.map { exp(decay.geometric.intercept + decay.geometric.slope * $0) }))
      subtitle += "; laws fitted to example \(system.example)"
    }
    let floor = study.systems.map(\.floor).max() ?? 0
    var chart = LineChart(
      ChartTitle("How long each iteration's step is", subtitle: subtitle),
      yLabel: "‖z_t − z_{t−1}‖", series: series,
      references: floor > 0 ? [.init(floor, "rounding")] : [], isLogarithmic: true)
    chart.isLogarithmicAcross = true
    return chart
  }

  /// Distance between neighbouring refinements against the size of the step, with a line of order 1.
  var refinement: LineChart {
    let factors = (study.refinement?.factors ?? []).dropLast()
    let x = factors.map { 1 / Double($0) }
    var series = lines(x, "distance to the next finer") { system in
      guard let result = system.refinement, result.limitLength > 0 else {
        return x.map { _ in .nan }
      }
      return result.differences.map { $0 / result.limitLength }
    }
    // Through the finest of the first line, where order 1 should hold best.
    if let end = series.first?.y.last, let finest = x.last, end.isFinite {
      series.append(LineChart.Series("order 1", x: x, y: x.map { end * $0 / finest }))
    }
    var chart = LineChart(
      ChartTitle(
        "Do finer steps follow the same path?",
        subtitle: "\(subject), \(examples), \(study.refinement?.iterations ?? 0) iterations"),
      xLabel: "step, in iterations", yLabel: "RMS distance / path length", series: series,
      isLogarithmic: true)
    chart.isLogarithmicAcross = true
    return chart
  }

  /// The paths in the first two principal components, up to where all of them have come to rest.
  var path: PathChart {
    let shown = study.systems.prefix(Self.mostPaths)
    let share = study.shares.map { "\(number(100 * $0))%" }
    let first = study.iterations.first ?? 0
    // Steps too short to be seen would only use up the colours.
    let states =
      shown.map { system in
        2 + (system.path.steps.lastIndex { $0 > system.path.extent / 500 } ?? 0)
      }.max() ?? 0
    let isWhole = states >= study.iterations.count
    func place(_ scores: [Double]) -> (x: Double, y: Double) {
      (scores.first ?? 0, scores.count > 1 ? scores[1] : 0)
    }
    return PathChart(
      ChartTitle(
        "The paths in their first two principal components",
        subtitle: "\(subject), "
          + (shown.count < study.systems.count ? "\(shown.count) of \(examples)" : examples)
          + (isWhole ? "" : ", up to t=\(first + states - 1): later steps are too short to be seen")
      ),
      xLabel: "component 1 (\(share.first ?? "0%") of the variance)",
      yLabel: "component 2 (\(share.count > 1 ? share[1] : "0%"))",
      paths: shown.map { system in
        PathChart.Path(
          "example \(system.example)",
          (0..<min(states, study.iterations.count)).map { place(system.scores[$0].elements) },
          first: first, target: system.rest.map { place($0.scores) })
      }, targetLabel: "where iterating on comes to rest")
  }

  /// Dynamic modes and the Jacobian's leading eigenvalues in one plane.
  var plane: ComplexPlaneChart {
    let last = study.iterations.last ?? 0
    let jacobian = study.systems.flatMap(\.eigenvalues)
    let modes = ComplexPlaneChart.Group(
      "dynamic modes", iteration: last, study.systems.flatMap { $0.modes?.eigenvalues ?? [] })
    return ComplexPlaneChart(
      ChartTitle(
        "Dynamic modes of the path, and the Jacobian at its end",
        subtitle: "\(subject), \(examples)"),
      groups: jacobian.isEmpty
        ? [modes]
        : [
          .init("leading eigenvalues of the Jacobian at t=\(last)", iteration: last, jacobian),
          modes,
        ])
  }

  /// Longest and mean step against the number of iterations, both logarithmic.
  var depths: LineChart {
    let depths = study.depths?.depths ?? []
    let i = depths.map { Double($0.iterations) }
    var series = [
      LineChart.Series("longest step", x: i, y: depths.map(\.largestStep)),
      LineChart.Series("mean step", x: i, y: depths.map(\.meanStep)),
    ]
    if let first = depths.first {
      series.append(
        LineChart.Series(
          "∝ 1/i", x: i, y: i.map { first.largestStep * Double(first.iterations) / $0 }))
    }
    var chart = LineChart(
      ChartTitle("Are the steps of i iterations 1/i as long?", subtitle: "\(subject), \(examples)"),
      xLabel: "number of iterations i", yLabel: "step / extent", series: series,
      isLogarithmic: true)
    chart.isLogarithmicAcross = true
    return chart
  }

  /// One line an example, or the median of many with their range.
  private func lines(
    _ x: [Double], _ name: String, _ values: (FlowStudy.System) -> [Double]
  ) -> [LineChart.Series] {
    guard study.systems.count > Self.mostLines else {
      return study.systems.map { system in
        LineChart.Series(
          study.systems.count == 1 ? name : "example \(system.example)", x: x, y: values(system))
      }
    }
    let all = study.systems.map(values)
    let sorted = x.indices.map { i in all.map { $0[i] }.filter(\.isFinite).sorted() }
    return [
      LineChart.Series(
        "\(name): median, and range over \(examples)", x: x,
        y: sorted.map { $0.isEmpty ? .nan : $0[$0.count / 2] },
        band: sorted.map { ($0.first ?? 0)...($0.last ?? 0) })
    ]
  }

  private func number(_ value: Double) -> String { significant(value, 3).replacing("-", with: "−") }
}
