import Asura
import AsuraCommandLine
import Foundation

/// Charts of what is looked at besides the eigenvalues.
struct JacobianExtraCharts {
  let subject: String

  /// The leading singular values against iteration, the first example's.
  func singular(_ trajectory: JacobianTrajectory) -> LineChart {
    let example = trajectory.examples.first ?? 0
    let entries = trajectory.entries(of: example)
    let x = entries.map { Double($0.iteration) }
    let shown = min(5, entries.compactMap { $0.shape?.singularValues.count }.min() ?? 0)
    var series = (0..<shown).map { rank in
      LineChart.Series(
        "σ\(rank + 1)", x: x, y: entries.map { $0.shape?.singularValues[rank] ?? .nan })
    }
    series.append(
      LineChart.Series("spectral radius", x: x, y: entries.map(\.spectrum.spectralRadius)))
    return LineChart(
      ChartTitle(
        "Singular values of one iteration's Jacobian", subtitle: "\(subject), example \(example)"),
      yLabel: "stretch", series: series, references: [.init(1, "1")])
  }

  /// Where the modes of the first example live.
  func modes(_ trajectory: JacobianTrajectory) -> HeatMap {
    let entry = trajectory.modes.first
    let modes = entry?.modes ?? []
    return HeatMap(
      ChartTitle(
        "Where modes live",
        subtitle:
          "\(subject), example \(entry?.example ?? 0), t=\(entry?.iteration ?? 0): norm of the "
          + "right eigenvector"),
      xLabel: "position", values: modes.map(\.profile),
      rowNames: modes.map {
        "\($0.kind.rawValue) \(complex([$0.eigenvalue.real, $0.eigenvalue.imaginary]))"
      }, range: 0...1, valueLabel: "norm")
  }

  /// The running exponents: all of one example, or the leading ones of several.
  func lyapunov(_ growth: TrajectoryGrowth) -> LineChart {
    let x = growth.exponents.iterations.map { Double($0 + 1) }
    let running = growth.exponents.running
    func line(_ name: String, _ example: Int, _ index: Int) -> LineChart.Series {
      LineChart.Series(
        name, x: x, y: x.indices.map { running[[$0, example, index]] })
    }
    let series =
      growth.examples.count == 1
      ? (0..<min(7, growth.exponents.count)).map { line("λ\($0 + 1)", 0, $0) }
      : growth.examples.indices.prefix(7).map { row in
        let verdict = growth.isRight[row].map { $0 ? ", right" : ", wrong" } ?? ""
        return line("example \(growth.examples[row])\(verdict)", row, 0)
      }
    return LineChart(
      ChartTitle(
        growth.examples.count == 1
          ? "Lyapunov exponents up to each iteration"
          : "Leading Lyapunov exponent up to each iteration",
        subtitle: subject), yLabel: "nat an iteration", series: series,
      references: [.init(0, "neither grows nor dies out")])
  }

  /// The largest influence at each distance, by iteration: the front of what has travelled.
  func wave(_ sensitivity: InputSensitivity) -> HeatMap {
    let rows = sensitivity.latent.byDistance.map { row in
      let largest = row.max() ?? 0
      return row.map { $0 > 0 ? max(-4, log10($0 / largest)) : .nan }
    }
    return HeatMap(
      ChartTitle(
        "How far information has travelled",
        subtitle: "\(subject), example \(sensitivity.example): largest ‖∂z/∂e‖ at each distance, "
          + "relative to the iteration's largest"),
      xLabel: "distance in positions", yLabel: "iteration", values: rows,
      rowNames: sensitivity.iterations.map(String.init), range: -4...0,
      valueLabel: "log₁₀, −4 or less")
  }

  /// The norms after the last iteration by output and input position.
  func influence(
    _ sensitivity: InputSensitivity, _ part: InputSensitivity.Influence, of what: String
  ) -> HeatMap {
    let last = sensitivity.iterations.last ?? 0
    let norms = part.last
    let largest = norms.joined().max() ?? 0
    return HeatMap(
      ChartTitle(
        "What \(what) depend\(what == "logits" ? "" : "s") on",
        subtitle:
          "\(subject), example \(sensitivity.example), t=\(last): norm of the derivative by the "
          + "input, relative to the largest \(significant(largest, 3))"),
      xLabel: "input position", yLabel: "output position",
      values: norms.map { row in
        row.map { $0 > 0 && largest > 0 ? max(-4, log10($0 / largest)) : .nan }
      }, range: -4...0, valueLabel: "log₁₀, −4 or less")
  }
}
