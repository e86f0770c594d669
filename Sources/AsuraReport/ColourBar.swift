/// The key of a colour scale: a vertical bar with ticks.
struct ColourBar {
  let palette: Palette
  let domain: ClosedRange<Double>
  let label: String
  var wholeTicks = false

  /// How wide the bar, its ticks and its label are, the gap before it included.
  static let width = 96.0

  /// Where on the palette a value lies, 0 to 1.
  func position(_ value: Double) -> Double {
    let span = domain.upperBound - domain.lowerBound
    return span > 0 ? (value - domain.lowerBound) / span : 0.5
  }

  func colour(_ value: Double) -> String { palette.colour(at: position(value)) }

  func write(left: Double, top: Double, height: Double, to svg: inout SVGWriter) {
    let steps = 64
    let slice = height / Double(steps)
    for step in 0..<steps {
      svg.element(
        "rect",
        [
          "x": left, "y": top + height - Double(step + 1) * slice, "width": 14.0,
          // Overlapping, so that no seams show between slices.
          "height": step == 0 ? slice : slice + 0.6,
          "fill": palette.colour(at: (Double(step) + 0.5) / Double(steps)),
        ])
    }
    let scale = Scale(domain: domain, pixels: (top + height, top))
    var ticks = Ticks.linear(domain, count: max(2, Int(height / 60)), whole: wholeTicks)
    // A single number tells no scale, and about zero not even that.
    if ticks.values.count < 2 { ticks = Ticks.linear(domain, count: 4, whole: wholeTicks) }
    for (value, text) in zip(ticks.values, ticks.labels) {
      guard let place = scale(value) else { continue }
      svg.line(left + 14, place, left + 18, place, style: "frame")
      svg.label(text, x: left + 22, y: place + 4, style: "tick")
    }
    svg.label(
      label, x: left + 66, y: top + height / 2, style: "axis", anchor: "middle", rotated: true)
  }
}
