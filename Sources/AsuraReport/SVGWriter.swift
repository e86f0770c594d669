import Foundation

/// Writes SVG elements one after another.
///
/// No element has an id, so that any number of charts can stand in one HTML page; clipping is done
/// by nested `svg` elements. Styles are classes common to all charts.
struct SVGWriter {
  private(set) var text: String

  init(width: Double, height: Double, label: String) {
    text = """
      <svg xmlns="http://www.w3.org/2000/svg" class="asura" width="\(Self.number(width))" \
      height="\(Self.number(height))" viewBox="0 0 \(Self.number(width)) \(Self.number(height))" \
      role="img" aria-label="\(Self.escaped(label))">
      <style>\(Self.style)</style>
      <rect class="back" width="100%" height="100%" rx="6"/>

      """
  }

  /// The whole document; nothing is written after it.
  func finished() -> String { text + "</svg>\n" }

  /// An element with attributes in the order given; numbers are shortened to what a pixel can show.
  mutating func element(
    _ name: String, _ attributes: KeyValuePairs<String, any SVGAttribute>, title: String? = nil
  ) {
    open(name, attributes, newline: false)
    text.removeLast()
    if let title {
      text += "><title>\(Self.escaped(title))</title></\(name)>\n"
    } else {
      text += "/>\n"
    }
  }

  mutating func open(
    _ name: String, _ attributes: KeyValuePairs<String, any SVGAttribute>, newline: Bool = true
  ) {
    text += "<\(name)"
    for (key, value) in attributes { text += " \(key)=\"\(value.svgValue)\"" }
    text += newline ? ">\n" : ">"
  }

  mutating func close(_ name: String) { text += "</\(name)>\n" }

  mutating func label(
    _ string: String, x: Double, y: Double, style: String, anchor: String = "start",
    rotated: Bool = false
  ) {
    guard !string.isEmpty else { return }
    open("text", ["class": style, "x": x, "y": y, "text-anchor": anchor], newline: false)
    if rotated {
      text.removeLast()
      text += " transform=\"rotate(-90 \(Self.number(x)) \(Self.number(y)))\">"
    }
    text += Self.escaped(string) + "</text>\n"
  }

  mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, style: String) {
    element("line", ["class": style, "x1": x1, "y1": y1, "x2": x2, "y2": y2])
  }

  /// About how wide a text is, in pixels: enough to leave room for it.
  static func width(of string: String, size: Double) -> Double {
    Double(string.count) * size * 0.58
  }

  /// A coordinate to a hundredth of a pixel, without needless zeros.
  static func number(_ value: Double) -> String {
    guard value.isFinite else { return "0" }
    let hundredths = (min(max(value, -1e9), 1e9) * 100).rounded()
    let whole = hundredths / 100
    if whole == whole.rounded() { return String(Int(whole)) }
    return "\(whole)"
  }

  /// Text that cannot be taken for markup, without the characters XML forbids.
  static func escaped(_ string: String) -> String {
    var result = ""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      case "\t", "\n", "\r": result += " "
      case "\u{0}"..."\u{1F}", "\u{7F}", "\u{FFFE}", "\u{FFFF}": result += "\u{FFFD}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  private static let style: String = {
    var light = """
      .asura{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}\
      .asura .title{font-size:16px;font-weight:600}.asura .sub{font-size:12px}\
      .asura .tick{font-size:11.5px;font-variant-numeric:tabular-nums}\
      .asura .axis{font-size:12.5px}.asura .cell{font-size:11.5px}\
      .asura .line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}\
      .asura .band{stroke:none;fill-opacity:.16}\
      .asura .grid,.asura .frame{stroke-width:1;fill:none}\
      .asura .ref{stroke-width:1.25;stroke-dasharray:5 4;fill:none}
      """
    light += colours(
      back: "#ffffff", ink: "#1f2328", muted: "#59636e", grid: "#e8eaed", frame: "#b8bec5",
      series: Palette.series.map(\.light))
    let dark = colours(
      back: "#15181d", ink: "#e8eaed", muted: "#9ea7b1", grid: "#2b3037", frame: "#535b65",
      series: Palette.series.map(\.dark))
    return light + "@media (prefers-color-scheme:dark){\(dark)}"
  }()

  private static func colours(
    back: String, ink: String, muted: String, grid: String, frame: String, series: [String]
  ) -> String {
    var css = """
      .asura .back{fill:\(back)}.asura .title,.asura .axis{fill:\(ink)}\
      .asura .sub,.asura .tick{fill:\(muted)}.asura .grid{stroke:\(grid)}\
      .asura .frame{stroke:\(frame)}.asura .ref{stroke:\(muted)}\
      .asura .point{stroke:\(ink);stroke-opacity:.28;stroke-width:.6}\
      .asura .start{fill:\(back);stroke-width:2.5}.asura .end{stroke:\(ink);stroke-width:1}\
      .asura .key{stroke:\(muted)}.asura .end.key{fill:\(muted)}\
      .asura .target{stroke:\(ink);stroke-width:1.8;fill:none}\
      .asura .reflabel{font-size:11.5px;fill:\(muted);stroke:\(back);stroke-width:4;\
      stroke-linejoin:round;paint-order:stroke}
      """
    for (index, colour) in series.enumerated() {
      css += ".asura .l\(index){stroke:\(colour)}.asura .f\(index){fill:\(colour)}"
    }
    return css
  }
}

/// What an attribute can be: a number or text.
protocol SVGAttribute {
  var svgValue: String { get }
}

extension Double: SVGAttribute {
  var svgValue: String { SVGWriter.number(self) }
}

extension String: SVGAttribute {
  var svgValue: String { SVGWriter.escaped(self) }
}
