import AsuraReport
import AsuraTensor
import Foundation
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// An SVG's elements in order, with the text inside each.
private final class Document: NSObject, XMLParserDelegate {
  struct Element {
    let name: String
    let attributes: [String: String]
    var text = ""

    func number(_ key: String) -> Double { attributes[key].flatMap(Double.init) ?? .nan }
  }

  private(set) var elements: [Element] = []
  private var open: [Int] = []

  init(_ svg: String) throws {
    super.init()
    let parser = XMLParser(data: Data(svg.utf8))
    parser.delegate = self
    let isWellFormed = parser.parse()
    try #require(isWellFormed, "\(String(describing: parser.parserError))")
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
    qualifiedName: String?, attributes: [String: String]
  ) {
    open.append(elements.count)
    elements.append(Element(name: name, attributes: attributes))
  }

  func parser(
    _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
  ) {
    open.removeLast()
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) {
    if let last = open.last { elements[last].text += string }
  }

  func all(_ name: String, style: String? = nil) -> [Element] {
    elements.filter { $0.name == name && (style == nil || $0.attributes["class"] == style) }
  }

  var texts: [String] { all("text").map(\.text) }
}

@Suite struct ChartTests {
  @Test func equalPairsLieOnTheLine() throws {
    let chart = ScatterChart(
      "Estimates", xLabel: "exact", yLabel: "estimate",
      groups: [
        .init("sample", [(0, 0), (1, 1), (0.5, 0.25), (.nan, 1)], labels: ["a", "b", "c", "d"]),
        .init("strongest", [(1, 0)]),
      ])
    let document = try Document(chart.svg)
    let line = try #require(document.all("line", style: "ref").first)
    func isOnLine(_ point: Document.Element) -> Bool {
      let (dx, dy) = (line.number("x2") - line.number("x1"), line.number("y2") - line.number("y1"))
      let (px, py) = (
        point.number("cx") - line.number("x1"), point.number("cy") - line.number("y1")
      )
      return abs(dx * py - dy * px) / (dx * dx + dy * dy).squareRoot() < 0.1
    }
    // The legend has a mark for each of the two kinds.
    let points = document.all("circle").filter { $0.attributes["r"] == "3.6" }
    #expect(points.map(isOnLine) == [true, true, false, false])
    #expect(points[1].number("cx") > points[0].number("cx"))
    #expect(points[1].number("cy") < points[0].number("cy"))
    #expect(document.texts.contains("strongest"))
    #expect(ScatterChart("", xLabel: "", yLabel: "", groups: []).svg.contains("No finite values"))
  }

  @Test func lineGoesThroughItsPoints() throws {
    let chart = LineChart(
      "Radius", yLabel: "radius", series: [.init("model", [0, 1, 4])],
      references: [.init(1, "unit circle")])
    let document = try Document(chart.svg)
    let marks = document.all("circle", style: "mark f0")
    #expect(marks.count == 3)
    // Equal steps across; heights in the ratio of the values.
    let (x, y) = (marks.map { $0.number("cx") }, marks.map { $0.number("cy") })
    #expect(abs((x[1] - x[0]) - (x[2] - x[1])) < 0.02 && x[1] > x[0])
    #expect(abs((y[0] - y[2]) / (y[0] - y[1]) - 4) < 0.01 && y[0] > y[1])
    let reference = try #require(document.all("line", style: "ref").first)
    #expect(reference.number("y1") == y[1])
    let path = try #require(document.all("path", style: "line l0").first?.attributes["d"])
    #expect(path.hasPrefix("M\(marks[0].attributes["cx"]!) \(marks[0].attributes["cy"]!)L"))
    #expect(document.all("title").map(\.text).contains("model, iteration 3: 4"))
    #expect(document.texts.contains("Radius") && document.texts.contains("unit circle"))
  }

  @Test func notANumberLeavesAGap() throws {
    let values = [1, 2, .nan, 3, .infinity, 4, 5, 6]
    let document = try Document(LineChart("", yLabel: "", series: [.init("a", values)]).svg)
    // Runs of 2, 1 and 3 points: two lines, the single point as a mark only.
    let paths = document.all("path", style: "line l0").map { $0.attributes["d"]! }
    #expect(paths.map { $0.filter { $0 == "L" }.count } == [1, 2])
    #expect(document.all("circle", style: "mark f0").count == 6)
    let log = LineChart("", yLabel: "", series: [.init("a", [1, 0, -1, 10])], isLogarithmic: true)
    #expect(try Document(log.svg).all("circle", style: "mark f0").count == 2)
    #expect(!log.svg.contains("nan") && !log.svg.contains("inf"))
  }

  @Test func bandsEncloseTheLine() throws {
    let bands = [0.5...1.5, 1...3, 2...4]
    let chart = LineChart("", yLabel: "", series: [.init("a", [1, 2, 3], band: bands)])
    let band = try #require(try Document(chart.svg).all("path", style: "band f0").first)
    #expect(band.attributes["d"]!.filter { $0 == "L" }.count == 5)
  }

  @Test func longSeriesAreDrawnWithoutMarks() throws {
    let chart = LineChart("", yLabel: "", series: [.init("a", (0..<2000).map { Double($0 % 7) })])
    let document = try Document(chart.svg)
    #expect(document.all("circle").isEmpty && document.all("path", style: "line l0").count == 1)
  }

  @Test func complexPlaneHasEqualAxes() throws {
    let chart = ComplexPlaneChart(
      "Spectrum", groups: [.init(iteration: 4, [Complex(1, 0), Complex(0, 1), Complex(0, -1)])])
    let document = try Document(chart.svg)
    let points = document.all("circle").filter { $0.attributes["class"] == nil }
    let circle = try #require(document.all("circle", style: "ref").first)
    let (cx, cy, r) = (circle.number("cx"), circle.number("cy"), circle.number("r"))
    #expect(points.count == 3)
    #expect(abs(points[0].number("cx") - cx - r) < 0.02 && abs(points[0].number("cy") - cy) < 0.02)
    #expect(abs(cy - points[1].number("cy") - r) < 0.02)
    #expect(abs(points[2].number("cy") - cy - r) < 0.02)
    #expect(document.all("title").map(\.text).contains("iteration 4: 0 − 1i, modulus 1"))
    // One iteration has nothing to tell apart by colour.
    #expect(!document.texts.contains("iteration"))
  }

  @Test func bothAxesMayBeLogarithmic() throws {
    let series = [LineChart.Series("a", x: [1, 10, 100], y: [4, 0.4, 0.04])]
    var chart = LineChart("", yLabel: "", series: series, isLogarithmic: true)
    chart.isLogarithmicAcross = true
    let marks = try Document(chart.svg).all("circle", style: "mark f0")
    // A power law is a straight line.
    let (x, y) = (marks.map { $0.number("cx") }, marks.map { $0.number("cy") })
    #expect(abs((x[1] - x[0]) - (x[2] - x[1])) < 0.02 && x[1] > x[0])
    #expect(abs((y[1] - y[0]) - (y[2] - y[1])) < 0.02 && y[1] > y[0])
  }

  @Test func complexPlaneColoursByName() throws {
    let chart = ComplexPlaneChart(
      "",
      groups: [
        .init("Jacobian", iteration: 9, [Complex(0.5, 0)]),
        .init("modes", iteration: 9, [Complex(0.5, 0.1)]),
      ])
    let document = try Document(chart.svg)
    #expect(document.texts.contains("Jacobian") && document.texts.contains("modes"))
    #expect(document.all("g", style: "point f0").count == 1)
    #expect(document.all("g", style: "point f1").count == 1)
    #expect(document.all("title").map(\.text).contains("modes: 0.5 + 0.1i, modulus 0.5099"))
  }

  @Test func pathsShowWhereTheyBeginAndEnd() throws {
    let chart = PathChart(
      "Path", xLabel: "a", yLabel: "b",
      paths: [.init("one", [(0, 0), (1, 0), (1, 2), (.nan, 1)], target: (1, 1))],
      targetLabel: "rest")
    let document = try Document(chart.svg)
    // The end is not a number: only the start and two points between are there, with their two lines.
    let start = document.all("circle", style: "start")
    #expect(start.count == 1 && document.all("rect", style: "end").isEmpty)
    #expect(document.all("line").count { $0.attributes["stroke"] != nil } == 2)
    #expect(document.all("title").map(\.text).contains("one, iteration 2: 1, 2"))
    #expect(document.all("title").map(\.text).contains("one, rest: 1, 1"))
    #expect(document.texts.contains("start") && document.texts.contains("rest"))
    let moved = PathChart("", xLabel: "", yLabel: "", paths: [.init("", [(0, 0), (3, 1)])])
    let points = try Document(moved.svg)
    let end = try #require(points.all("rect", style: "end").first)
    let begin = try #require(points.all("circle", style: "start").first)
    #expect(end.number("x") > begin.number("cx") && end.number("y") < begin.number("cy"))
    #expect(!points.texts.contains("rest"))
    let empty = PathChart("", xLabel: "", yLabel: "", paths: [])
    #expect(try Document(empty.svg).texts.contains("No data"))
  }

  @Test func complexPlaneColoursByIteration() throws {
    let groups = (1...3).map {
      ComplexPlaneChart.Group(iteration: $0, [Complex(Double($0) / 4, 0.25)])
    }
    let document = try Document(ComplexPlaneChart("", groups: groups).svg)
    let fills = document.all("g", style: "point").map { $0.attributes["fill"] }
    #expect(fills == ["#440154", Palette.sequential.colour(at: 0.5), "#fde725"])
    #expect(document.texts.contains("iteration"))
    // A great many points become one path an iteration.
    let many = (1...2).map {
      ComplexPlaneChart.Group(
        iteration: $0, (0..<3000).map { Complex(length: 0.9, phase: Double($0)) })
    }
    let large = ComplexPlaneChart("", groups: many).svg
    #expect(try Document(large).all("path").count { $0.attributes["stroke-linecap"] != nil } == 2)
    #expect(large.utf8.count < 150_000)
  }

  @Test func heatMapCellsLieInTheirRows() throws {
    let chart = HeatMap(
      "Accuracy", xLabel: "iterations", yLabel: "length", values: [[0, 0.5], [.nan, 1]],
      columnNames: ["4", "8"], rowNames: ["10", "20"])
    let document = try Document(chart.svg)
    let cells = document.all("rect").filter { $0.attributes["shape-rendering"] != nil }
    #expect(
      cells.map { $0.attributes["fill"]! } == [0, 0.5, 1].map { Palette.sequential.colour(at: $0) })
    #expect(cells[2].number("x") == cells[1].number("x"))
    #expect(abs(cells[2].number("y") - cells[1].number("y") - cells[1].number("height")) < 0.5)
    #expect(
      document.all("title").map(\.text) == [
        "length 10, iterations 4: 0", "length 10, iterations 8: 0.5", "length 20, iterations 8: 1",
      ])
  }

  @Test func divergingMapIsCentredOnZero() throws {
    let document = try Document(HeatMap("", values: [[-1, 0, 4]], palette: .diverging).svg)
    let cells = document.all("rect").filter { $0.attributes["shape-rendering"] != nil }
    let expected = [0.375, 0.5, 1].map { Palette.diverging.colour(at: $0) }
    #expect(cells.map { $0.attributes["fill"]! } == expected)
  }

  @Test func hostileLabelsStayText() throws {
    let hostile = "</text><script>alert('1')</script>&\"\u{0}\u{1B}\u{FFFF}]]><!--"
    let shown = "</text><script>alert('1')</script>&\"\u{FFFD}\u{FFFD}\u{FFFD}]]><!--"
    let charts: [any Chart] = [
      LineChart(
        ChartTitle(hostile, subtitle: hostile), xLabel: hostile, yLabel: hostile,
        series: [.init(hostile, [1, 2]), .init(hostile, [1])], references: [.init(1, hostile)]),
      ComplexPlaneChart(
        ChartTitle(hostile, subtitle: hostile), groups: [.init(iteration: 1, [Complex(0)])]),
      HeatMap(
        ChartTitle(hostile), xLabel: hostile, yLabel: hostile, values: [[1]],
        columnNames: [hostile], rowNames: [hostile], valueLabel: hostile),
    ]
    for chart in charts {
      let document = try Document(chart.svg)
      #expect(document.all("script").isEmpty)
      #expect(document.texts.contains(shown))
      #expect(document.elements[0].attributes["aria-label"] == shown)
    }
  }

  @Test func emptyDataSaysSo() throws {
    let charts: [(any Chart, String)] = [
      (LineChart("", yLabel: "", series: []), "No data"),
      (LineChart("", yLabel: "", series: [.init("a", [])]), "No data"),
      (LineChart("", yLabel: "", series: [.init("a", [.nan])]), "No finite values to show"),
      (
        LineChart(
          "", yLabel: "", series: [.init("a", [-1])], references: [.init(1, "")],
          isLogarithmic: true), "No positive finite values to show"
      ),
      (ComplexPlaneChart("", groups: []), "No data"),
      (ComplexPlaneChart("", groups: [.init(iteration: 1, [])]), "No data"),
      (
        ComplexPlaneChart("", groups: [.init(iteration: 1, [Complex(.nan)])]),
        "No finite values to show"
      ),
      (HeatMap("", values: []), "No data"), (HeatMap("", values: [[], []]), "No data"),
      (HeatMap("", values: [[.nan]]), "No finite values to show"),
    ]
    for (chart, message) in charts { #expect(try Document(chart.svg).texts.contains(message)) }
  }

  @Test func extremeValuesStayOnThePage() throws {
    for extreme in [1e-307, 1e-30, 1e30, 1e299, 1.7e308] {
      let charts: [any Chart] = [
        LineChart("", yLabel: "", series: [.init("a", [extreme, -extreme, 0])]),
        LineChart("", yLabel: "", series: [.init("a", [extreme, 1])], isLogarithmic: true),
        ComplexPlaneChart("", groups: [.init(iteration: 1, [Complex(extreme, extreme)])]),
        HeatMap("", values: [[extreme, -extreme]], palette: .diverging),
        HeatMap("", values: [[extreme, extreme]]),
      ]
      for chart in charts {
        let document = try Document(chart.svg)
        for element in document.all("circle") + document.all("rect").dropFirst() {
          for key in ["cx", "cy", "x", "y", "r", "height"] where element.attributes[key] != nil {
            // Beyond 10³⁰⁰ a mark lies off the plot and is clipped.
            #expect(abs(element.number(key)) <= (extreme > 1e300 ? 1e9 : 1e5))
          }
        }
      }
    }
  }

  @Test func sameValuesSameBytes() {
    let groups = (0..<5).map { ComplexPlaneChart.Group(iteration: $0, [Complex(0.1, 0.2)]) }
    #expect(
      ComplexPlaneChart("t", groups: groups).svg == ComplexPlaneChart("t", groups: groups).svg)
  }
}
