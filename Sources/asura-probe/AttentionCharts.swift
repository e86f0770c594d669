import Asura
import AsuraCommandLine
import Foundation

/// The charts of an attention study: one panel a head where there is more than a number to show.
struct AttentionCharts {
  static func names(groups: Bool, changes: Bool) -> [String] {
    ["profile", "entropy"] + (changes ? ["change"] : []) + (groups ? ["keys"] : [])
  }

  private let study: AttentionStudy
  private let subject: String

  /// Offsets at which no head ever has so much attention are left out at both ends.
  private static let leastShown = 0.01
  /// About so many cells a chart has at most: iterations are thinned for it.
  private static let mostCells = 24_000

  init(_ study: AttentionStudy, subject: String) {
    self.study = study
    let whose =
      study.examples.count == 1
      ? "example \(study.examples[0])" : "\(study.examples.count) examples"
    self.subject = "\(subject), \(whose)"
  }

  /// Mean attention by offset and iteration, a panel a head.
  var profile: HeatMapGrid {
    let shown = study.offsets.indices.filter { offset in
      study.heads.contains { head in
        head.moments.contains { $0.profile[offset] >= Self.leastShown }
      }
    }
    let range = (shown.first ?? 0)...(shown.last ?? 0)
    let kept = rows(cellsEach: range.count * study.heads.count)
    return HeatMapGrid(
      ChartTitle("How far back and ahead each head looks", subtitle: subject),
      xLabel: "key − query", yLabel: "iteration",
      panels: study.heads.map { head in
        HeatMapGrid.Panel(
          panelName(head), kept.map { Array(head.moments[$0].profile[range]) })
      }, columnNames: study.offsets[range].map(signedNumber),
      rowNames: kept.map { "\(study.iterations[$0])" }, range: 0...1, valueLabel: "mean attention")
  }

  /// Entropy over its maximum, a row a head.
  var entropy: HeatMap {
    HeatMap(
      ChartTitle("How spread attention is", subtitle: subject), xLabel: "iteration",
      values: study.heads.map { $0.moments.map(\.relativeEntropy) },
      columnNames: study.iterations.map(String.init), rowNames: study.heads.map(\.name),
      range: 0...1, valueLabel: "entropy / that of even attention")
  }

  /// How much patterns still change, a line a head.
  var change: LineChart {
    let x = study.iterations.map(Double.init)
    let most = 7
    let series: [LineChart.Series]
    if study.heads.count <= most {
      series = study.heads.map { .init($0.name, x: x, y: $0.moments.map(\.change)) }
    } else {
      let sorted = x.indices.map { t in
        study.heads.map { $0.moments[t].change }.filter(\.isFinite).sorted()
      }
      series = [
        .init(
          "median, and range over \(study.heads.count) heads", x: x,
          y: sorted.map { $0.isEmpty ? .nan : $0[$0.count / 2] },
          band: sorted.map { ($0.first ?? 0)...($0.last ?? 0) })
      ]
    }
    return LineChart(
      ChartTitle("How much attention changes from one iteration to the next", subtitle: subject),
      yLabel: "total variation distance", series: series,
      references: [.init(AttentionStudy.settled, "settled")], isLogarithmic: true)
  }

  /// Attention to each group of keys, a panel a group, a row a head.
  var keys: HeatMapGrid {
    HeatMapGrid(
      ChartTitle("How much attention named keys get", subtitle: subject), xLabel: "iteration",
      panels: study.groups.enumerated().map { index, group in
        HeatMapGrid.Panel(
          "\(group.name) (even attention: \(significant(group.chance, 2)))",
          study.heads.map { $0.moments.map { $0.concentration[index] } })
      }, columnNames: study.iterations.map(String.init), rowNames: study.heads.map(\.name),
      valueLabel: "mean attention")
  }

  private func panelName(_ head: AttentionStudy.Head) -> String {
    "\(head.name): \(head.moments.last?.kind.rawValue ?? "")"
  }

  /// The places of the iterations to draw.
  private func rows(cellsEach: Int) -> [Int] {
    let most = max(2, Self.mostCells / max(1, cellsEach))
    let step = max(1, (study.iterations.count + most - 1) / most)
    return study.iterations.indices.filter { $0 % step == 0 || $0 == study.iterations.count - 1 }
  }

  private func signedNumber(_ value: Int) -> String {
    value < 0 ? "−\(-value)" : value > 0 ? "+\(value)" : "0"
  }
}
