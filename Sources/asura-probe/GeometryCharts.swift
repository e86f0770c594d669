import Asura
import AsuraCommandLine
import Foundation

/// The charts of a geometry study.
struct GeometryCharts {
  static func names(procrustes: Bool) -> [String] {
    ["cka"] + (procrustes ? ["procrustes"] : []) + ["dimension", "variance"]
  }

  private let study: GeometryStudy
  /// More components than this are not drawn.
  private static let mostComponents = 16

  init(_ study: GeometryStudy) { self.study = study }

  private var subject: String {
    "\(study.runs.joined(separator: " and ")), \(study.points) points"
  }

  var cka: HeatMap {
    map("How alike views are: linear CKA", study.similarity.cka, range: 0...1, "linear CKA")
  }

  var procrustes: HeatMap {
    map(
      "How far apart views are, best turned", study.similarity.procrustes, range: nil,
      "Procrustes distance")
  }

  private func map(
    _ title: String, _ values: Tensor<Double>, range: ClosedRange<Double>?, _ label: String
  ) -> HeatMap {
    let series = study.allSeries
    let names = study.views.map { view in
      series.count == 1
        ? "\(view.iteration)"
        : "\(study.name(run: view.run, site: view.site)) t=\(view.iteration)"
    }
    let axis = series.count == 1 ? "iteration" : ""
    return HeatMap(
      ChartTitle(title, subtitle: "\(subject)\(series.count == 1 ? ", \(series[0].site)" : "")"),
      xLabel: axis, yLabel: axis, values: study.views.indices.map { values[$0].elements },
      // Long names would hide the columns: rows have the same.
      columnNames: series.count == 1 ? names : study.views.map { "\($0.iteration)" },
      rowNames: names, range: range, valueLabel: label)
  }

  /// Effective dimensions over iterations, two lines a series.
  var dimension: LineChart {
    LineChart(
      ChartTitle("How many dimensions are used", subtitle: subject), yLabel: "effective dimension",
      series: study.allSeries.flatMap { run, site in
        let places = study.series(run: run, site: site)
        let x = places.map { Double(study.views[$0].iteration) }
        let name = study.allSeries.count == 1 ? "" : "\(study.name(run: run, site: site)): "
        return [
          LineChart.Series(
            "\(name)participation ratio", x: x,
            y: places.map { study.spectra[$0].participationRatio }),
          LineChart.Series(
            "\(name)exp of the entropy", x: x, y: places.map { study.spectra[$0].entropyDimension }),
        ]
      })
  }

  /// Shares of variance of the first components, a panel a series.
  var variance: HeatMapGrid {
    let widest = study.spectra.map(\.variances.count).max() ?? 1
    let shown = min(Self.mostComponents, widest)
    let iterations = Set(study.views.map(\.iteration)).sorted()
    return HeatMapGrid(
      ChartTitle("Shares of variance of the principal components", subtitle: subject),
      xLabel: "iteration", yLabel: "component",
      panels: study.allSeries.map { run, site in
        let places = study.series(run: run, site: site)
        return HeatMapGrid.Panel(
          study.name(run: run, site: site),
          (0..<shown).map { component in
            iterations.map { t in
              guard let place = places.first(where: { study.views[$0].iteration == t }),
                component < study.spectra[place].variances.count
              else { return .nan }
              return study.spectra[place].shares[component]
            }
          })
      }, columnNames: iterations.map(String.init), rowNames: (1...shown).map(String.init),
      valueLabel: "share of variance")
  }
}
