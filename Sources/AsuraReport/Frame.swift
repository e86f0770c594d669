/// A chart's outer parts: title, axes, grid, and the rectangle inside that the data is drawn in.
struct Frame {
  let x: Scale
  let y: Scale
  let left: Double
  let top: Double
  let width: Double
  let height: Double

  /// The space above the plot for title and subtitle, and `extra` pixels more.
  static func top(_ title: ChartTitle, extra: Double = 0) -> Double {
    var top = 24.0
    if !title.title.isEmpty { top += 20 }
    if !title.subtitle.isEmpty { top += 18 }
    return top + extra
  }

  static func writeTitle(_ title: ChartTitle, to svg: inout SVGWriter) {
    svg.label(title.title, x: 20, y: 30, style: "title")
    svg.label(title.subtitle, x: 20, y: title.title.isEmpty ? 28 : 50, style: "sub")
  }

  func writeAxes(
    x xTicks: Ticks, y yTicks: Ticks, xLabel: String, yLabel: String, to svg: inout SVGWriter
  ) {
    let (right, bottom) = (left + width, top + height)
    for (value, label) in zip(xTicks.values, xTicks.labels) {
      guard let place = x(value) else { continue }
      svg.line(place, top, place, bottom, style: "grid")
      svg.label(label, x: place, y: bottom + 18, style: "tick", anchor: "middle")
    }
    for (value, label) in zip(yTicks.values, yTicks.labels) {
      guard let place = y(value) else { continue }
      svg.line(left, place, right, place, style: "grid")
      svg.label(label, x: left - 8, y: place + 4, style: "tick", anchor: "end")
    }
    svg.element(
      "path", ["class": "frame", "d": Self.path([(left, top), (left, bottom), (right, bottom)])])
    svg.label(xLabel, x: left + width / 2, y: bottom + 40, style: "axis", anchor: "middle")
    svg.label(
      yLabel, x: 24, y: top + height / 2, style: "axis", anchor: "middle", rotated: true)
  }

  /// Draws through `body`, clipped to the plot's rectangle, in the document's own coordinates.
  func clipped(_ svg: inout SVGWriter, _ body: (inout SVGWriter) -> Void) {
    let box = [left, top, width, height].map(SVGWriter.number).joined(separator: " ")
    svg.open(
      "svg",
      ["x": left, "y": top, "width": width, "height": height, "viewBox": box, "overflow": "hidden"])
    body(&svg)
    svg.close("svg")
  }

  func writeEmpty(_ message: String, to svg: inout SVGWriter) {
    svg.label(
      message, x: left + width / 2, y: top + height / 2, style: "sub", anchor: "middle")
  }

  static func path(_ points: [(Double, Double)]) -> String {
    var path = ""
    for (x, y) in points {
      path += "\(path.isEmpty ? "M" : "L")\(SVGWriter.number(x)) \(SVGWriter.number(y))"
    }
    return path
  }
}
