import Asura
import AsuraProbe
import AsuraReport
import Foundation

/// The charts of a patching study: for each site its effects by iteration, and by head and position as far as they were
/// told apart.
struct PatchCharts {
  /// More sites than this are stored, not drawn.
  private static let mostTables = 12

  private let study: PatchStudy
  private let metric: PatchMetric
  private let subject: String
  private let labels: [String]

  /// - Parameter labels: what stands at each position, as far as it is the same in all pairs.
  init(_ study: PatchStudy, _ metric: PatchMetric, subject: String, labels: [String]) {
    self.study = study
    self.metric = metric
    self.subject = subject
    self.labels = labels
  }

  /// The names of the charts a sweep has.
  static func names(_ sweep: PatchSweep) -> [String] {
    sweep.tables.prefix(mostTables).flatMap { table in
      var kinds = table.hasHeads ? ["heads"] : []
      if table.hasPositions { kinds.append("positions") }
      if kinds.isEmpty { kinds = ["iterations"] }
      return kinds.map { "\(table.name)-\($0)" }
    }
  }

  /// Every chart under its name.
  var drawings: [(name: String, draw: () -> String?)] {
    study.sweep.tables.prefix(Self.mostTables).flatMap { table in
      var drawings: [(name: String, draw: () -> String?)] = []
      if table.hasHeads { drawings.append(("\(table.name)-heads", { byHead(table).svg })) }
      if table.hasPositions {
        drawings.append(("\(table.name)-positions", { byPosition(table).svg }))
      }
      if drawings.isEmpty {
        drawings.append(("\(table.name)-iterations", { byIteration(table).svg }))
      }
      return drawings
    }
  }

  private var effects: [PatchResult.Effect] { study.effects[metric] ?? [] }

  private func title(_ what: String, _ note: String = "") -> ChartTitle {
    let pairs = study.result.baselines.count
    return ChartTitle(
      what,
      subtitle: "\(subject), \(study.direction.rawValue), \(pairs) pair\(pairs == 1 ? "" : "s")"
        + (study.sweep.isHeld ? ", held to the end" : "") + note)
  }

  private var valueLabel: String { "effect on \(metric.rawValue.replacing("-", with: " "))" }

  /// A table's entry at some place of its three axes.
  private func effect(_ table: PatchSweep.Table, _ t: Int, _ head: Int, _ position: Int) -> Double {
    let place = (t * table.heads.count + head) * table.positions.count + position
    return effects[table.entries.lowerBound + place].value
  }

  /// The number furthest from 0, with its sign; NaN of none.
  private func strongest(_ values: [Double]) -> Double {
    values.filter(\.isFinite).max { abs($0) < abs($1) } ?? .nan
  }

  private func byHead(_ table: PatchSweep.Table) -> HeatMap {
    HeatMap(
      title(
        "Patching \(table.name), by head",
        table.hasPositions ? "; of all positions the strongest" : ""),
      xLabel: "iteration", yLabel: "head",
      values: table.heads.indices.map { head in
        table.iterations.indices.map { t in
          strongest(table.positions.indices.map { effect(table, t, head, $0) })
        }
      }, columnNames: table.iterations.map(String.init),
      rowNames: table.heads.map { $0.map(String.init) ?? "all" }, palette: .diverging,
      valueLabel: valueLabel)
  }

  private func byPosition(_ table: PatchSweep.Table) -> HeatMap {
    HeatMap(
      title(
        "Patching \(table.name), by position",
        table.hasHeads ? "; of all heads the strongest" : ""),
      xLabel: "iteration", yLabel: table.isRelative ? "position from the first change" : "position",
      values: table.positions.indices.map { position in
        table.iterations.indices.map { t in
          strongest(table.heads.indices.map { effect(table, t, $0, position) })
        }
      }, columnNames: table.iterations.map(String.init),
      rowNames: table.positions.map { $0.map { name($0, in: table) } ?? "all" },
      palette: .diverging,
      valueLabel: valueLabel)
  }

  private func name(_ position: Int, in table: PatchSweep.Table) -> String {
    if table.isRelative { return position > 0 ? "+\(position)" : "\(position)" }
    guard labels.indices.contains(position), !labels[position].isEmpty else { return "\(position)" }
    return "\(position): \(labels[position])"
  }

  private func byIteration(_ table: PatchSweep.Table) -> LineChart {
    let own = effects[table.entries]
    return LineChart(
      title("Patching \(table.name)"), yLabel: valueLabel,
      series: [
        LineChart.Series(
          "effect, with its 95% interval", x: table.iterations.map(Double.init),
          y: own.map(\.value),
          band: own.map { effect in
            effect.low.isFinite && effect.low <= effect.high
              ? effect.low...effect.high
              : effect.value.isFinite ? effect.value...effect.value : 0...0
          })
      ], references: [.init(0, "as the unpatched run"), .init(1, "as the other run")])
  }
}
