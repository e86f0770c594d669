import Asura
import AsuraProbe
import AsuraReport

/// Heat maps of one number for each of a sweep's entries: by iteration and head, and by iteration and position.
struct PatchHeatMaps {
  /// More sites than this are stored, not drawn.
  private static let mostTables = 12

  private let sweep: PatchSweep
  private let values: [Double]
  private let labels: [String]
  private let what: String
  private let valueLabel: String
  private let subtitle: String

  /// - Parameters:
  ///   - values: by the sweep's entries; NaN leaves a cell empty.
  ///   - labels: what stands at each position, as far as it is the same in all pairs.
  ///   - what: the beginning of the title, which the site's name ends.
  init(
    _ sweep: PatchSweep, values: [Double], labels: [String], what: String, valueLabel: String,
    subtitle: String
  ) {
    self.sweep = sweep
    self.values = values
    self.labels = labels
    self.what = what
    self.valueLabel = valueLabel
    self.subtitle = subtitle
  }

  /// The names of the maps a sweep has.
  static func names(_ sweep: PatchSweep) -> [String] {
    sweep.tables.prefix(mostTables).flatMap { table in kinds(table).map { "\(table.name)-\($0)" } }
  }

  private static func kinds(_ table: PatchSweep.Table) -> [String] {
    table.hasHeads
      ? (table.hasPositions ? ["heads", "positions"] : ["heads"]) : ["positions"]
  }

  /// Every map under its name.
  var drawings: [(name: String, draw: () -> String?)] {
    sweep.tables.prefix(Self.mostTables).flatMap { table in
      Self.kinds(table).map { kind in
        ("\(table.name)-\(kind)", { (kind == "heads" ? byHead(table) : byPosition(table)).svg })
      }
    }
  }

  /// The number furthest from 0 among some entries of a table; NaN of none.
  private func strongest(
    _ table: PatchSweep.Table, _ t: Int, heads: Range<Int>, positions: Range<Int>
  ) -> Double {
    var strongest = Double.nan
    for head in heads {
      for position in positions {
        let place = (t * table.heads.count + head) * table.positions.count + position
        let value = values[table.entries.lowerBound + place]
        // A comparison with NaN, of nothing yet, is false either way.
        if value.isFinite, !(abs(value) <= abs(strongest)) { strongest = value }
      }
    }
    return strongest
  }

  private func map(
    _ table: PatchSweep.Table, _ yLabel: String, _ note: String, rows: [String],
    _ value: (_ t: Int, _ row: Int) -> Double
  ) -> HeatMap {
    HeatMap(
      ChartTitle("\(what) \(table.name)", subtitle: subtitle + note), xLabel: "iteration",
      yLabel: yLabel,
      values: rows.indices.map { row in table.iterations.indices.map { value($0, row) } },
      columnNames: table.iterations.map(String.init), rowNames: rows, palette: .diverging,
      valueLabel: valueLabel)
  }

  private func byHead(_ table: PatchSweep.Table) -> HeatMap {
    map(
      table, "head", table.hasPositions ? "; of all positions the strongest" : "",
      rows: table.heads.map { $0.map(String.init) ?? "all" }
    ) { strongest(table, $0, heads: $1..<$1 + 1, positions: table.positions.indices) }
  }

  private func byPosition(_ table: PatchSweep.Table) -> HeatMap {
    map(
      table, table.isRelative ? "position from the first change" : "position",
      table.hasHeads ? "; of all heads the strongest" : "",
      rows: table.positions.map { $0.map { name($0, in: table) } ?? "all" }
    ) { strongest(table, $0, heads: table.heads.indices, positions: $1..<$1 + 1) }
  }

  private func name(_ position: Int, in table: PatchSweep.Table) -> String {
    if table.isRelative { return position > 0 ? "+\(position)" : "\(position)" }
    guard labels.indices.contains(position), !labels[position].isEmpty else { return "\(position)" }
    return "\(position): \(labels[position])"
  }
}
