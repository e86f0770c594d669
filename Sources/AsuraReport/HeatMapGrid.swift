/// Several tables of numbers side by side, as coloured cells over the same axes and colours: one panel a head, say.
public struct HeatMapGrid: Chart {
  /// One table.
  public struct Panel: Sendable {
    public var name: String
    /// A row each from the top; NaN leaves a cell empty.
    public var values: [[Double]]

    public init(_ name: String, _ values: [[Double]]) {
      self.name = name
      self.values = values
    }
  }

  public var title: ChartTitle
  public var xLabel: String
  public var yLabel: String
  /// The panels, row by row; all have as many rows and columns.
  public var panels: [Panel]
  /// What each column and each row is called.
  public var columnNames: [String]
  public var rowNames: [String]
  public var palette: Palette
  /// The values at the ends of the colours; by default those of the data. Diverging colours are symmetric about zero.
  public var range: ClosedRange<Double>?
  public var valueLabel: String
  /// How many panels stand in a row; by default about as many as there are rows.
  public var across: Int?
  /// The chart's width in pixels.
  public var width = 860.0

  /// More cells than this do not tell their values when pointed at: the file would grow too large.
  private static let mostTitles = 20_000

  public init(
    _ title: ChartTitle, xLabel: String = "", yLabel: String = "", panels: [Panel],
    columnNames: [String], rowNames: [String], palette: Palette = .sequential,
    range: ClosedRange<Double>? = nil, valueLabel: String = ""
  ) {
    for panel in panels {
      precondition(
        panel.values.count == rowNames.count
          && panel.values.allSatisfy { $0.count == columnNames.count },
        "panel \(panel.name) is not \(rowNames.count) × \(columnNames.count)")
    }
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.panels = panels
    self.columnNames = columnNames
    self.rowNames = rowNames
    self.palette = palette
    self.range = range
    self.valueLabel = valueLabel
  }

  public var svg: String {
    let columns = max(1, across ?? Int(Double(panels.count).squareRoot().rounded(.up)))
    let rows = (panels.count + columns - 1) / columns
    let widest = rowNames.map { SVGWriter.width(of: $0, size: 11.5) }.max() ?? 0
    let (left, top) = (min(48 + widest, width / 3), Frame.top(title, extra: 18))
    let gap = (x: 14.0, y: 30.0)
    let inner = width - left - ColourBar.width - 16
    let panelWidth = max(24, (inner - gap.x * Double(columns - 1)) / Double(columns))
    // Cells are square where that makes panels of sensible height.
    let square = panelWidth * Double(rowNames.count) / Double(max(columnNames.count, 1))
    let panelHeight = min(max(Double(rowNames.count) * 6, min(square, 160), 70), 240)
    let height = Double(max(rows, 1)) * (panelHeight + gap.y) - gap.y
    var svg = SVGWriter(width: width, height: top + height + 58, label: title.title)
    Frame.writeTitle(title, to: &svg)
    let whole = Frame(
      x: Scale(domain: 0...1, pixels: (left, left + inner)),
      y: Scale(domain: 0...1, pixels: (top, top + height)), left: left, top: top, width: inner,
      height: height)
    guard let data = Scale.domain(of: panels.lazy.flatMap { $0.values.joined() }, padding: 0)
    else {
      whole.writeEmpty(panels.isEmpty ? "No data" : "No finite values to show", to: &svg)
      return svg.finished()
    }
    let bar = ColourBar(palette: palette, domain: domain(data), label: valueLabel)
    for (index, panel) in panels.enumerated() {
      let (row, column) = (index / columns, index % columns)
      write(
        panel,
        in: Frame(
          x: whole.x, y: whole.y, left: left + Double(column) * (panelWidth + gap.x),
          top: top + Double(row) * (panelHeight + gap.y), width: panelWidth, height: panelHeight),
        bar, hasRows: column == 0, hasColumns: index + columns >= panels.count, to: &svg)
    }
    svg.label(
      xLabel, x: left + inner / 2, y: top + height + 40, style: "axis", anchor: "middle")
    svg.label(
      yLabel, x: 24, y: top + height / 2, style: "axis", anchor: "middle", rotated: true)
    bar.write(left: left + inner + 18, top: top, height: min(height, 320), to: &svg)
    return svg.finished()
  }

  private func domain(_ data: ClosedRange<Double>) -> ClosedRange<Double> {
    let chosen = range ?? data
    guard palette == .diverging else { return chosen }
    let largest = max(abs(chosen.lowerBound), abs(chosen.upperBound))
    return -largest...largest
  }

  private func write(
    _ panel: Panel, in frame: Frame, _ bar: ColourBar, hasRows: Bool, hasColumns: Bool,
    to svg: inout SVGWriter
  ) {
    let cell = (
      width: frame.width / Double(max(columnNames.count, 1)),
      height: frame.height / Double(max(rowNames.count, 1))
    )
    let hasTitles = panels.count * columnNames.count * rowNames.count <= Self.mostTitles
    svg.label(panel.name, x: frame.left, y: frame.top - 6, style: "sub")
    for (i, row) in panel.values.enumerated() {
      for (j, value) in row.enumerated() where value.isFinite {
        svg.element(
          "rect",
          [
            "x": frame.left + Double(j) * cell.width, "y": frame.top + Double(i) * cell.height,
            // Overlapping a little, so that no seams show between cells.
            "width": cell.width + 0.4, "height": cell.height + 0.4, "fill": bar.colour(value),
            "shape-rendering": "crispEdges",
          ],
          title: hasTitles
            ? "\(panel.name), \(yLabel) \(rowNames[i]), \(xLabel) \(columnNames[j]): \(shortNumber(value))"
            : nil)
      }
    }
    svg.element(
      "rect",
      [
        "class": "frame", "x": frame.left, "y": frame.top, "width": frame.width,
        "height": frame.height,
      ])
    if hasRows {
      let every = max(1, Int((15 / cell.height).rounded(.up)))
      for (i, name) in rowNames.enumerated() where i % every == 0 {
        svg.label(
          name, x: frame.left - 8, y: frame.top + (Double(i) + 0.5) * cell.height + 4,
          style: "tick", anchor: "end")
      }
    }
    if hasColumns {
      let widest = columnNames.map { SVGWriter.width(of: $0, size: 11.5) }.max() ?? 0
      let every = max(1, Int(((widest + 8) / cell.width).rounded(.up)))
      for (j, name) in columnNames.enumerated() where j % every == 0 {
        svg.label(
          name, x: frame.left + (Double(j) + 0.5) * cell.width, y: frame.top + frame.height + 16,
          style: "tick", anchor: "middle")
      }
    }
  }
}
