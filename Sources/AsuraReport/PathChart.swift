/// Paths through a plane, such as a trajectory in its first two principal components: coloured from start to end, both
/// ends marked.
public struct PathChart: Chart {
  /// One path.
  public struct Path: Sendable {
    /// What hovering calls it.
    public var name: String
    /// The points in order, the first belonging to iteration `first`; those not finite leave gaps.
    public var points: [(x: Double, y: Double)]
    public var first: Int
    /// A place that belongs to it, such as the fixed point it nears; drawn as a cross.
    public var target: (x: Double, y: Double)?

    public init(
      _ name: String, _ points: [(x: Double, y: Double)], first: Int = 0,
      target: (x: Double, y: Double)? = nil
    ) {
      self.name = name
      self.points = points
      self.first = first
      self.target = target
    }
  }

  public var title: ChartTitle
  public var xLabel: String
  public var yLabel: String
  public var paths: [Path]
  /// What a path's target is called in the legend.
  public var targetLabel: String
  /// The chart's width in pixels.
  public var width = 720.0
  /// The chart's height in pixels.
  public var height = 540.0

  /// More points than this are drawn without marks.
  public static let mostMarks = 2000

  public init(
    _ title: ChartTitle, xLabel: String, yLabel: String, paths: [Path], targetLabel: String = ""
  ) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.paths = paths
    self.targetLabel = targetLabel
  }

  public var svg: String {
    var svg = SVGWriter(width: width, height: height, label: title.title)
    Frame.writeTitle(title, to: &svg)
    let all = paths.flatMap { $0.points + ($0.target.map { [$0] } ?? []) }
    let hasTarget = paths.contains { $0.target != nil }
    let top = Frame.top(title, extra: 26)
    let plotHeight = height - top - 58
    let last = paths.map { $0.first + max(0, $0.points.count - 1) }.max() ?? 0
    let bar = ColourBar(
      palette: .sequential, domain: Double(paths.map(\.first).min() ?? 0)...Double(max(last, 0)),
      label: "iteration", wholeTicks: true)
    let xDomain = Scale.domain(of: all.map(\.x), padding: 0.06) ?? 0...1
    let yDomain = Scale.domain(of: all.map(\.y), padding: 0.06) ?? 0...1
    let yTicks = Ticks.linear(yDomain, count: max(2, Int(plotHeight / 44)))
    let widest = yTicks.labels.map { SVGWriter.width(of: $0, size: 11.5) }.max() ?? 0
    let left = 48 + widest
    let plotWidth = width - left - ColourBar.width - 16
    let frame = Frame(
      x: Scale(domain: xDomain, pixels: (left, left + plotWidth)),
      y: Scale(domain: yDomain, pixels: (top + plotHeight, top)), left: left, top: top,
      width: plotWidth, height: plotHeight)
    let xTicks = Ticks.linear(xDomain, count: max(2, Int(plotWidth / 64)))
    frame.writeAxes(x: xTicks, y: yTicks, xLabel: xLabel, yLabel: yLabel, to: &svg)
    guard all.contains(where: { $0.x.isFinite && $0.y.isFinite }) else {
      frame.writeEmpty(all.isEmpty ? "No data" : "No finite values to show", to: &svg)
      return svg.finished()
    }
    writeLegend(top: top - 22, hasTarget: hasTarget, to: &svg)
    let hasMarks = paths.reduce(0) { $0 + $1.points.count } <= Self.mostMarks
    frame.clipped(&svg) { svg in
      for path in paths { writeLines(path, bar, frame, &svg) }
      for path in paths { writeMarks(path, all: hasMarks, bar, frame, &svg) }
    }
    bar.write(left: left + plotWidth + 18, top: top, height: plotHeight, to: &svg)
    return svg.finished()
  }

  private func writeLines(
    _ path: Path, _ bar: ColourBar, _ frame: Frame, _ svg: inout SVGWriter
  ) {
    for (index, (a, b)) in zip(path.points, path.points.dropFirst()).enumerated() {
      guard let x1 = frame.x(a.x), let y1 = frame.y(a.y), let x2 = frame.x(b.x),
        let y2 = frame.y(b.y)
      else { continue }
      svg.element(
        "line",
        [
          "x1": x1, "y1": y1, "x2": x2, "y2": y2,
          "stroke": bar.colour(Double(path.first + index) + 0.5), "stroke-width": 1.6,
          "stroke-linecap": "round",
        ])
    }
  }

  private func writeMarks(
    _ path: Path, all: Bool, _ bar: ColourBar, _ frame: Frame, _ svg: inout SVGWriter
  ) {
    let name = path.name.isEmpty ? "" : "\(path.name), "
    for (index, point) in path.points.enumerated() {
      let isEnd = index == 0 || index == path.points.count - 1
      guard all || isEnd, let x = frame.x(point.x), let y = frame.y(point.y) else { continue }
      let title =
        "\(name)iteration \(path.first + index): \(shortNumber(point.x)), \(shortNumber(point.y))"
      let colour = bar.colour(Double(path.first + index))
      if index == 0 {
        svg.element(
          "circle", ["class": "start", "cx": x, "cy": y, "r": 5.5, "stroke": colour], title: title)
      } else if isEnd {
        svg.element(
          "rect",
          ["class": "end", "x": x - 5, "y": y - 5, "width": 10.0, "height": 10.0, "fill": colour],
          title: title)
      } else {
        svg.element("circle", ["cx": x, "cy": y, "r": 2.4, "fill": colour], title: title)
      }
    }
    guard let target = path.target, let x = frame.x(target.x), let y = frame.y(target.y) else {
      return
    }
    svg.element(
      "path", ["class": "target", "d": Self.cross(x, y)],
      title: "\(name)\(targetLabel): \(shortNumber(target.x)), \(shortNumber(target.y))")
  }

  private func writeLegend(top: Double, hasTarget: Bool, to svg: inout SVGWriter) {
    let y = top + 4
    svg.element("circle", ["class": "start key", "cx": 27.0, "cy": y, "r": 5.5])
    svg.label("start", x: 38, y: y + 4, style: "sub")
    svg.element(
      "rect", ["class": "end key", "x": 82.0, "y": y - 5, "width": 10.0, "height": 10.0])
    svg.label("end", x: 98, y: y + 4, style: "sub")
    guard hasTarget else { return }
    svg.element("path", ["class": "target", "d": Self.cross(145, y)])
    svg.label(targetLabel, x: 156, y: y + 4, style: "sub")
  }

  private static func cross(_ x: Double, _ y: Double) -> String {
    let (a, b, c, d) = (x - 5, x + 5, y - 5, y + 5)
    return Frame.path([(a, c), (b, d)]) + Frame.path([(a, d), (b, c)])
  }
}
