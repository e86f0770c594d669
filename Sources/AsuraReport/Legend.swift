/// The names of series with their colours, in rows above the plot.
struct Legend {
  private let places: [(name: String, x: Double, row: Int)]
  private let hasLines: Bool

  /// - Parameter hasLines: whether the series are lines; otherwise they are marks alone.
  init(names: [String], width: Double, hasLines: Bool = true) {
    self.hasLines = hasLines
    var places: [(name: String, x: Double, row: Int)] = []
    var (x, row) = (0.0, 0)
    for name in names {
      let needed = 40 + SVGWriter.width(of: name, size: 12)
      if x > 0, x + needed > width { (x, row) = (0, row + 1) }
      places.append((name, x, row))
      x += needed
    }
    self.places = places
  }

  /// How tall it is; nothing when there is nothing to tell apart.
  var height: Double { places.last.map { 20 * Double($0.row + 1) + 6 } ?? 0 }

  func write(top: Double, to svg: inout SVGWriter) {
    for (index, place) in places.enumerated() {
      let colour = index % Palette.series.count
      let y = top + 4 + 20 * Double(place.row)
      if hasLines { svg.line(20 + place.x, y, 38 + place.x, y, style: "line l\(colour)") }
      svg.element("circle", ["class": "mark f\(colour)", "cx": 29 + place.x, "cy": y, "r": 3.0])
      svg.label(place.name, x: 44 + place.x, y: y + 4, style: "sub")
    }
  }
}
