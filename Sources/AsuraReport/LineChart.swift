/// One or more quantities over iterations or any other number, as lines.
public struct LineChart: Chart, Equatable {
  /// One line.
  public struct Series: Sendable, Equatable {
    /// What the legend calls it.
    public var name: String
    /// Where its points lie along the horizontal axis, in order.
    public var x: [Double]
    /// Their values, as many as `x`; NaN leaves a gap.
    public var y: [Double]
    /// The range around each point, such as minimum to maximum: as many as `x`, or none.
    public var band: [ClosedRange<Double>]

    public init(_ name: String, x: [Double], y: [Double], band: [ClosedRange<Double>] = []) {
      precondition(x.count == y.count, "series \(name): \(x.count) places, \(y.count) values")
      precondition(
        band.isEmpty || band.count == x.count,
        "series \(name): \(x.count) places, \(band.count) bands")
      self.name = name
      self.x = x
      self.y = y
      self.band = band
    }

    /// A series whose first value belongs to iteration `first`.
    public init(
      _ name: String, _ y: [Double], first: Int = 1, band: [ClosedRange<Double>] = []
    ) {
      self.init(name, x: y.indices.map { Double($0 + first) }, y: y, band: band)
    }
  }

  /// A horizontal line to compare with, such as spectral radius 1.
  public struct Reference: Sendable, Equatable {
    public var value: Double
    public var label: String

    public init(_ value: Double, _ label: String) {
      self.value = value
      self.label = label
    }
  }

  public var title: ChartTitle
  public var xLabel: String
  public var yLabel: String
  public var series: [Series]
  public var references: [Reference]
  /// Whether the vertical axis is logarithmic; values that are not positive are gaps then.
  public var isLogarithmic: Bool
  /// Whether the horizontal axis is, likewise.
  public var isLogarithmicAcross = false
  /// The chart's width in pixels.
  public var width = 720.0
  /// The chart's height in pixels.
  public var height = 420.0

  public init(
    _ title: ChartTitle, xLabel: String = "iteration", yLabel: String, series: [Series],
    references: [Reference] = [], isLogarithmic: Bool = false
  ) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.series = series
    self.references = references
    self.isLogarithmic = isLogarithmic
  }

  public var svg: String {
    var svg = SVGWriter(width: width, height: height, label: title.title)
    Frame.writeTitle(title, to: &svg)
    let legend = Legend(names: series.count > 1 ? series.map(\.name) : [], width: width - 40)
    let top = Frame.top(title, extra: legend.height)
    let values = series.flatMap { $0.y + $0.band.flatMap { [$0.lowerBound, $0.upperBound] } }
    let xDomain = Scale.domain(
      of: series.flatMap(\.x), padding: 0.02, isLogarithmic: isLogarithmicAcross)
    let yDomain = Scale.domain(
      of: values, isLogarithmic: isLogarithmic
    ).flatMap { _ in
      Scale.domain(of: values + references.map(\.value), isLogarithmic: isLogarithmic)
    }
    legend.write(top: top - legend.height, to: &svg)
    let plotHeight = height - top - 58
    guard let xDomain, let yDomain else {
      let frame = Frame(
        x: Scale(domain: 0...1, pixels: (0, 1)), y: Scale(domain: 0...1, pixels: (0, 1)), left: 70,
        top: top, width: width - 94, height: plotHeight)
      let none = Ticks(values: [], labels: [])
      frame.writeAxes(x: none, y: none, xLabel: xLabel, yLabel: yLabel, to: &svg)
      frame.writeEmpty(
        values.isEmpty ? "No data" : "No \(isLogarithmic ? "positive " : "")finite values to show",
        to: &svg)
      return svg.finished()
    }
    let tickCount = max(2, Int(plotHeight / 44))
    let yTicks =
      isLogarithmic
      ? Ticks.logarithmic(yDomain, count: tickCount) : Ticks.linear(yDomain, count: tickCount)
    let widest = yTicks.labels.map { SVGWriter.width(of: $0, size: 11.5) }.max() ?? 0
    let left = 48 + widest
    let plotWidth = width - left - 24
    let frame = Frame(
      x: Scale(
        domain: xDomain, pixels: (left, left + plotWidth), isLogarithmic: isLogarithmicAcross),
      y: Scale(domain: yDomain, pixels: (top + plotHeight, top), isLogarithmic: isLogarithmic),
      left: left, top: top, width: plotWidth, height: plotHeight)
    let whole = series.allSatisfy { $0.x.allSatisfy { $0 == $0.rounded() } }
    let xCount = max(2, Int(plotWidth / 64))
    let xTicks =
      isLogarithmicAcross
      ? Ticks.logarithmic(xDomain, count: xCount)
      : Ticks.linear(xDomain, count: xCount, whole: whole)
    frame.writeAxes(x: xTicks, y: yTicks, xLabel: xLabel, yLabel: yLabel, to: &svg)
    for reference in references {
      guard let place = frame.y(reference.value) else { continue }
      svg.line(left, place, left + plotWidth, place, style: "ref")
    }
    frame.clipped(&svg) { svg in
      for (index, one) in series.enumerated() { writeBand(one, index, frame, &svg) }
      for (index, one) in series.enumerated() { writeLine(one, index, frame, &svg) }
    }
    for reference in references {
      guard let place = frame.y(reference.value) else { continue }
      let above = place - 6 > top + 8
      svg.label(
        reference.label, x: left + plotWidth - 6, y: above ? place - 6 : place + 15,
        style: "reflabel",
        anchor: "end")
    }
    return svg.finished()
  }

  private func writeBand(_ one: Series, _ index: Int, _ frame: Frame, _ svg: inout SVGWriter) {
    let lowest = frame.y.domain.lowerBound
    let edges = zip(one.x, one.band).map { x, band -> (Double, Double, Double)? in
      // On a logarithmic axis a band that reaches zero reaches the axis.
      let low = isLogarithmic && band.lowerBound <= 0 ? lowest : band.lowerBound
      guard let x = frame.x(x), let low = frame.y(low), let high = frame.y(band.upperBound) else {
        return nil
      }
      return (x, low, high)
    }
    for run in runs(edges) where run.count > 1 {
      let outline = run.map { ($0.0, $0.2) } + run.reversed().map { ($0.0, $0.1) }
      svg.element("path", ["class": "band f\(colour(index))", "d": Frame.path(outline) + "Z"])
    }
  }

  private func writeLine(_ one: Series, _ index: Int, _ frame: Frame, _ svg: inout SVGWriter) {
    let points = zip(one.x, one.y).map { x, y -> (Double, Double, String)? in
      guard let px = frame.x(x), let py = frame.y(y) else { return nil }
      let name = one.name.isEmpty ? "" : "\(one.name), "
      return (px, py, "\(name)\(xLabel) \(shortNumber(x)): \(shortNumber(y))")
    }
    // Beyond this the marks run into each other and only the line can be read.
    let marksAll = one.x.count <= 120
    for run in runs(points) {
      if run.count > 1 {
        svg.element(
          "path", ["class": "line l\(colour(index))", "d": Frame.path(run.map { ($0.0, $0.1) })])
      }
      guard marksAll || run.count == 1 else { continue }
      for (x, y, title) in run {
        svg.element(
          "circle", ["class": "mark f\(colour(index))", "cx": x, "cy": y, "r": 3.0], title: title)
      }
    }
  }

  private func colour(_ index: Int) -> Int { index % Palette.series.count }

  /// The stretches without a gap.
  private func runs<T>(_ items: [T?]) -> [[T]] {
    items.split { $0 == nil }.map { $0.compactMap { $0 } }
  }
}
