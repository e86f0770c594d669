/// Pairs of numbers as points, with the line on which both are equal.
public struct ScatterChart: Chart {
  /// Points of one kind.
  public struct Group: Sendable {
    /// What the legend calls it.
    public var name: String
    public var points: [(x: Double, y: Double)]
    /// What hovering over each point says besides its two numbers; none, or one a point.
    public var labels: [String]

    public init(_ name: String, _ points: [(x: Double, y: Double)], labels: [String] = []) {
      precondition(
        labels.isEmpty || labels.count == points.count,
        "\(labels.count) labels of \(points.count) points")
      self.name = name
      self.points = points
      self.labels = labels
    }
  }

  public var title: ChartTitle
  public var xLabel: String
  public var yLabel: String
  /// Drawn in order; points that are not finite are left out.
  public var groups: [Group]
  /// Whether the line y = x is drawn; both axes then have one domain.
  public var showsEquality: Bool
  /// The chart's width in pixels.
  public var width = 560.0

  public init(
    _ title: ChartTitle, xLabel: String, yLabel: String, groups: [Group],
    showsEquality: Bool = true
  ) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.groups = groups
    self.showsEquality = showsEquality
  }

  public var svg: String {
    let finite = groups.flatMap(\.points).filter { $0.x.isFinite && $0.y.isFinite }
    let legend = Legend(
      names: groups.count > 1 ? groups.map(\.name) : [], width: width - 40, hasLines: false)
    let (left, top) = (78.0, Frame.top(title, extra: legend.height))
    let side = width - left - 28
    func domain(_ values: [Double]) -> ClosedRange<Double> {
      Scale.domain(of: values, padding: 0.06) ?? 0...1
    }
    let both = domain(finite.flatMap { [$0.x, $0.y] })
    let x = showsEquality ? both : domain(finite.map(\.x))
    let y = showsEquality ? both : domain(finite.map(\.y))
    let frame = Frame(
      x: Scale(domain: x, pixels: (left, left + side)),
      y: Scale(domain: y, pixels: (top + side, top)), left: left, top: top, width: side,
      height: side)
    var svg = SVGWriter(width: width, height: top + side + 58, label: title.title)
    Frame.writeTitle(title, to: &svg)
    legend.write(top: top - legend.height, to: &svg)
    frame.writeAxes(
      x: Ticks.linear(x, count: 6), y: Ticks.linear(y, count: 6), xLabel: xLabel, yLabel: yLabel,
      to: &svg)
    frame.clipped(&svg) { svg in
      if showsEquality, let a = frame.x(x.lowerBound), let b = frame.y(y.lowerBound),
        let c = frame.x(x.upperBound), let d = frame.y(y.upperBound)
      {
        svg.line(a, b, c, d, style: "ref")
      }
      for (index, group) in groups.enumerated() {
        svg.open("g", ["class": "point f\(index % Palette.series.count)"])
        for (place, point) in group.points.enumerated() {
          guard let x = frame.x(point.x), let y = frame.y(point.y) else { continue }
          let label = group.labels.isEmpty ? group.name : group.labels[place]
          svg.element(
            "circle", ["cx": x, "cy": y, "r": 3.6],
            title: "\(label): \(shortNumber(point.x)), \(shortNumber(point.y))")
        }
        svg.close("g")
      }
    }
    if finite.isEmpty { frame.writeEmpty("No finite values to show", to: &svg) }
    return svg.finished()
  }
}
