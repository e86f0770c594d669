public import AsuraTensor

/// Complex numbers, such as eigenvalues, as points in their plane, coloured by iteration or by name.
public struct ComplexPlaneChart: Chart {
  /// The points of one iteration, or of one kind.
  public struct Group: Sendable {
    public var iteration: Int
    /// What the legend calls the group; where any has a name, colours tell groups apart and not iterations.
    public var name = ""
    public var values: [Complex<Double>]

    public init(iteration: Int, _ values: [Complex<Double>]) {
      self.iteration = iteration
      self.values = values
    }

    public init(_ name: String, iteration: Int, _ values: [Complex<Double>]) {
      self.init(iteration: iteration, values)
      self.name = name
    }
  }

  public var title: ChartTitle
  public var groups: [Group]
  /// Whether the unit circle is drawn, and always in view.
  public var showsUnitCircle: Bool
  /// The chart's width in pixels; its height follows, since both axes have one scale.
  public var width = 640.0

  /// More points than this are drawn without hover text, to keep the file small.
  public static let mostHoverPoints = 4000

  public init(_ title: ChartTitle, groups: [Group], showsUnitCircle: Bool = true) {
    self.title = title
    self.groups = groups
    self.showsUnitCircle = showsUnitCircle
  }

  public var svg: String {
    let finite = groups.flatMap(\.values).filter(\.isFinite)
    let iterations = groups.map(\.iteration)
    let isNamed = groups.contains { !$0.name.isEmpty }
    let isColoured = !isNamed && Set(iterations).count > 1
    let legend = Legend(
      names: isNamed ? groups.map(\.name) : [], width: width - 40, hasLines: false)
    let (left, top) = (78.0, Frame.top(title, extra: legend.height))
    let plot = width - left - (isColoured ? ColourBar.width + 16 : 28)
    let domains = domains(of: finite)
    // The taller the data, the taller the chart, within reason.
    let aspect = min(max(domains.y.upperBound / domains.halfWidth, 0.45), 1.25)
    let height = plot * aspect
    var svg = SVGWriter(width: width, height: top + height + 58, label: title.title)
    Frame.writeTitle(title, to: &svg)
    legend.write(top: top - legend.height, to: &svg)
    let frame = Self.frame(domains, aspect, left, top, plot)
    let xTicks = Ticks.linear(frame.x.domain, count: max(2, Int(plot / 70)))
    let yTicks = Ticks.linear(frame.y.domain, count: max(2, Int(height / 70)))
    frame.writeAxes(
      x: xTicks, y: yTicks, xLabel: "real part", yLabel: "imaginary part", to: &svg)
    let bar = ColourBar(
      palette: .sequential,
      domain: Double(iterations.min() ?? 0)...Double(iterations.max() ?? 0), label: "iteration",
      wholeTicks: true)
    frame.clipped(&svg) { svg in
      if let x = frame.x(0) { svg.line(x, top, x, top + height, style: "frame") }
      if let y = frame.y(0) { svg.line(left, y, left + plot, y, style: "frame") }
      if showsUnitCircle, let x = frame.x(0), let y = frame.y(0), let one = frame.x(1) {
        svg.element(
          "circle", ["class": "ref", "cx": x, "cy": y, "r": one - x], title: "unit circle")
      }
      let order = isNamed ? groups : groups.sorted { $0.iteration < $1.iteration }
      for (index, group) in order.enumerated() {
        write(
          group, colour: isColoured ? bar.colour(Double(group.iteration)) : nil,
          series: isNamed ? index % Palette.series.count : 0,
          radius: (finite.count > 400 ? 2.6 : 3.6) + (isNamed && index == 0 ? 2 : 0),
          hover: finite.count <= Self.mostHoverPoints, frame, &svg)
      }
    }
    if finite.isEmpty {
      let isEmpty = groups.allSatisfy { $0.values.isEmpty }
      frame.writeEmpty(isEmpty ? "No data" : "No finite values to show", to: &svg)
    }
    if isColoured { bar.write(left: left + plot + 18, top: top, height: height, to: &svg) }
    return svg.finished()
  }

  private func write(
    _ group: Group, colour: String?, series: Int, radius: Double, hover: Bool, _ frame: Frame,
    _ svg: inout SVGWriter
  ) {
    let name = group.name.isEmpty ? "iteration \(group.iteration)" : group.name
    var dots = ""
    if hover {
      colour.map { svg.open("g", ["class": "point", "fill": $0]) }
        ?? svg.open("g", ["class": "point f\(series)"])
    }
    for value in group.values where value.isFinite {
      guard let x = frame.x(value.real), let y = frame.y(value.imaginary) else { continue }
      guard hover else {
        dots += "M\(SVGWriter.number(x)) \(SVGWriter.number(y))h0"
        continue
      }
      let sign = value.imaginary < 0 ? "−" : "+"
      svg.element(
        "circle", ["cx": x, "cy": y, "r": radius],
        title: """
          \(name): \(shortNumber(value.real)) \(sign) \
          \(shortNumber(abs(value.imaginary)))i, modulus \(shortNumber(value.length))
          """)
    }
    if hover {
      svg.close("g")
    } else if !dots.isEmpty {
      svg.element(
        "path",
        [
          "class": colour == nil ? "l\(series)" : "", "d": dots, "stroke": colour ?? "",
          "stroke-width": 4.0, "stroke-linecap": "round",
        ], title: name)
    }
  }

  /// The real axis's range, half its width, and the imaginary axis's, symmetric as spectra of real
  /// operators are.
  private func domains(
    of values: [Complex<Double>]
  ) -> (x: ClosedRange<Double>, halfWidth: Double, y: ClosedRange<Double>) {
    let circle: [Double] = showsUnitCircle || values.isEmpty ? [-1, 1] : []
    let x = Scale.domain(of: values.map(\.real) + circle, padding: 0.06) ?? -1...1
    let tallest = Scale.domain(of: values.map { abs($0.imaginary) }, padding: 0)?.upperBound ?? 0
    let half = (x.upperBound - x.lowerBound) / 2
    let y = max(tallest, circle.isEmpty ? 0.45 * half : 1) * 1.12
    return (x, half, -y...y)
  }

  /// The frame in which a unit is as long on both axes: whichever needs less room is widened.
  private static func frame(
    _ domains: (x: ClosedRange<Double>, halfWidth: Double, y: ClosedRange<Double>),
    _ aspect: Double, _ left: Double, _ top: Double, _ width: Double
  ) -> Frame {
    let halfWidth = max(domains.halfWidth, domains.y.upperBound / aspect)
    let middle = domains.x.lowerBound / 2 + domains.x.upperBound / 2
    let height = width * aspect
    return Frame(
      x: Scale(
        domain: middle - halfWidth...middle + halfWidth, pixels: (left, left + width)),
      y: Scale(
        domain: -halfWidth * aspect...halfWidth * aspect, pixels: (top + height, top)),
      left: left, top: top, width: width, height: height)
  }
}
