/// A table of numbers as coloured cells.
public struct HeatMap: Chart {
  public var title: ChartTitle
  public var xLabel: String
  public var yLabel: String
  /// The table, a row each from the top; rows are equally long. NaN leaves a cell empty.
  public var values: [[Double]]
  /// What each column and each row is called; none, or as many as there are.
  public var columnNames: [String]
  public var rowNames: [String]
  /// `.sequential`, or `.diverging` about zero.
  public var palette: Palette
  /// The values at the ends of the colours; by default those of the data. A diverging map is always
  /// widened to be symmetric about zero.
  public var range: ClosedRange<Double>?
  /// What the colours stand for.
  public var valueLabel: String
  /// The chart's width in pixels; its height follows from the number of rows.
  public var width = 640.0

  public init(
    _ title: ChartTitle, xLabel: String = "", yLabel: String = "", values: [[Double]],
    columnNames: [String] = [], rowNames: [String] = [], palette: Palette = .sequential,
    range: ClosedRange<Double>? = nil, valueLabel: String = ""
  ) {
    let columns = values.first?.count ?? 0
    precondition(
      values.allSatisfy { $0.count == columns }, "a heat map's rows differ in length")
    precondition(
      columnNames.isEmpty || columnNames.count == columns,
      "\(columnNames.count) names for \(columns) columns")
    precondition(
      rowNames.isEmpty || rowNames.count == values.count,
      "\(rowNames.count) names for \(values.count) rows")
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.values = values
    self.columnNames = columnNames
    self.rowNames = rowNames
    self.palette = palette
    self.range = range
    self.valueLabel = valueLabel
  }

  public var svg: String {
    let (rows, columns) = (values.count, values.first?.count ?? 0)
    let rowNames = self.rowNames.isEmpty ? (0..<rows).map(String.init) : self.rowNames
    let columnNames =
      self.columnNames.isEmpty ? (0..<columns).map(String.init) : self.columnNames
    let widest = rowNames.map { SVGWriter.width(of: $0, size: 11.5) }.max() ?? 0
    let (left, top) = (min(48 + widest, width / 2), Frame.top(title))
    let plot = width - left - ColourBar.width - 16
    // Cells are square where that makes a chart of sensible height.
    let wanted = plot / Double(max(columns, 1)) * Double(rows)
    let height = min(max(wanted, 16 * Double(min(rows, 20)), 140), 560)
    var svg = SVGWriter(width: width, height: top + height + 58, label: title.title)
    Frame.writeTitle(title, to: &svg)
    let frame = Frame(
      x: Scale(domain: 0...Double(max(columns, 1)), pixels: (left, left + plot)),
      y: Scale(domain: 0...Double(max(rows, 1)), pixels: (top, top + height)), left: left, top: top,
      width: plot, height: height)
    let cell = (width: plot / Double(max(columns, 1)), height: height / Double(max(rows, 1)))
    writeNames(columnNames, rowNames, cell, frame, &svg)
    let data = Scale.domain(of: values.joined(), padding: 0)
    guard rows > 0, columns > 0, let data else {
      frame.writeEmpty(rows * columns == 0 ? "No data" : "No finite values to show", to: &svg)
      return svg.finished()
    }
    let bar = ColourBar(palette: palette, domain: domain(data), label: valueLabel)
    for (i, row) in values.enumerated() {
      for (j, value) in row.enumerated() where value.isFinite {
        let (x, y) = (left + Double(j) * cell.width, top + Double(i) * cell.height)
        svg.element(
          "rect",
          [
            "x": x, "y": y,
            // Overlapping a little, so that no seams show between cells.
            "width": cell.width + 0.4, "height": cell.height + 0.4, "fill": bar.colour(value),
            "shape-rendering": "crispEdges",
          ],
          title:
            "\(name(yLabel, rowNames[i])), \(name(xLabel, columnNames[j])): \(shortNumber(value))")
        writeValue(value, x + cell.width / 2, y + cell.height / 2, cell, bar, &svg)
      }
    }
    svg.element(
      "rect", ["class": "frame", "x": left, "y": top, "width": plot, "height": height])
    bar.write(left: left + plot + 18, top: top, height: height, to: &svg)
    return svg.finished()
  }

  private func name(_ axis: String, _ value: String) -> String {
    axis.isEmpty ? value : "\(axis) \(value)"
  }

  private func domain(_ data: ClosedRange<Double>) -> ClosedRange<Double> {
    let chosen = range ?? data
    guard palette == .diverging else { return chosen }
    let largest = max(abs(chosen.lowerBound), abs(chosen.upperBound))
    return -largest...largest
  }

  /// The number in its cell, where there is room for it.
  private func writeValue(
    _ value: Double, _ x: Double, _ y: Double, _ cell: (width: Double, height: Double),
    _ bar: ColourBar, _ svg: inout SVGWriter
  ) {
    guard cell.width >= 34, cell.height >= 18 else { return }
    let text = Ticks.label(value, step: abs(value) >= 100 ? 1 : abs(value) >= 10 ? 0.1 : 0.01)
    guard SVGWriter.width(of: text, size: 11.5) < cell.width - 4 else { return }
    svg.open(
      "g",
      [
        "fill": bar.palette.isBright(at: bar.position(value)) ? "#1f2328" : "#ffffff",
        "pointer-events": "none",
      ])
    svg.label(text, x: x, y: y + 4, style: "cell", anchor: "middle")
    svg.close("g")
  }

  /// Names of columns and rows, as many as fit without touching.
  private func writeNames(
    _ columns: [String], _ rows: [String], _ cell: (width: Double, height: Double),
    _ frame: Frame, _ svg: inout SVGWriter
  ) {
    let widest = columns.map { SVGWriter.width(of: $0, size: 11.5) }.max() ?? 0
    let everyColumn = max(1, Int(((widest + 10) / cell.width).rounded(.up)))
    for (j, name) in columns.enumerated() where j % everyColumn == 0 {
      svg.label(
        name, x: frame.left + (Double(j) + 0.5) * cell.width, y: frame.top + frame.height + 18,
        style: "tick", anchor: "middle")
    }
    let everyRow = max(1, Int((15 / cell.height).rounded(.up)))
    for (i, name) in rows.enumerated() where i % everyRow == 0 {
      svg.label(
        name, x: frame.left - 8, y: frame.top + (Double(i) + 0.5) * cell.height + 4,
        style: "tick", anchor: "end")
    }
    svg.label(
      xLabel, x: frame.left + frame.width / 2, y: frame.top + frame.height + 40, style: "axis",
      anchor: "middle")
    svg.label(
      yLabel, x: 24, y: frame.top + frame.height / 2, style: "axis", anchor: "middle",
      rotated: true)
  }
}
