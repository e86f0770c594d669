import Asura
import AsuraCommandLine

/// The charts of a trajectory's spectra.
struct JacobianCharts {
  private let trajectory: JacobianTrajectory
  private let subject: String

  /// More examples than this are drawn as their range around the median, not as lines of their own.
  private static let mostLines = 6
  /// More points than this make too large a file: the smallest eigenvalues are left out.
  private static let mostPoints = 100_000

  init(_ trajectory: JacobianTrajectory, subject: String) {
    self.trajectory = trajectory
    self.subject = subject
  }

  private var examples: String {
    trajectory.examples.count == 1
      ? "example \(trajectory.examples[0])" : "\(trajectory.examples.count) examples"
  }

  private var state: String {
    switch trajectory.part {
    case .whole: "\(trajectory.positions) positions × width \(trajectory.width)"
    case .position(let position): "position \(position) of \(trajectory.positions)"
    case .subspace: "a subspace of \(trajectory.dimension) dimensions"
    }
  }

  /// Spectral radius against iteration.
  var radius: LineChart {
    let x = trajectory.iterations.map(Double.init)
    let series: [LineChart.Series]
    if trajectory.examples.count <= Self.mostLines {
      series = trajectory.examples.map { example in
        LineChart.Series(
          trajectory.examples.count == 1 ? "" : "example \(example)", x: x,
          y: trajectory.entries(of: example).map(\.spectrum.spectralRadius))
      }
    } else {
      let sorted = trajectory.iterations.map { t in
        trajectory.entries(at: t).map(\.spectrum.spectralRadius).sorted()
      }
      series = [
        LineChart.Series(
          "median, and range over \(examples)", x: x, y: sorted.map { $0[$0.count / 2] },
          band: sorted.map { $0[0]...$0[$0.count - 1] }),
        LineChart.Series(
          "mean", x: x,
          y: trajectory.iterations.map { trajectory.mean(at: $0, of: \.spectrum.spectralRadius) }),
      ]
    }
    return LineChart(
      ChartTitle(
        "Spectral radius of one iteration's Jacobian", subtitle: "\(subject), \(examples), \(state)"
      ),
      yLabel: "spectral radius", series: series, references: [.init(1, "unit circle")])
  }

  /// Eigenvalues in the complex plane, by iteration.
  var plane: ComplexPlaneChart {
    let spectra = max(1, trajectory.entries.count)
    let length = trajectory.entries.map(\.spectrum.eigenvalues.count).max() ?? 0
    let shown = min(length, max(20, Self.mostPoints / spectra))
    let what =
      shown == trajectory.dimension ? "all \(shown)" : "the \(shown) of largest modulus"
    return ComplexPlaneChart(
      ChartTitle(
        "Eigenvalues of one iteration's Jacobian",
        subtitle: "\(subject), \(examples), \(state): \(what)"),
      groups: trajectory.iterations.map { t in
        ComplexPlaneChart.Group(
          iteration: t,
          trajectory.entries(at: t).flatMap { $0.spectrum.eigenvalues.prefix(shown) })
      })
  }
}
