/// A series drawn in one line of text: `▁▂▃▅▇█`.
public struct Sparkline: Sendable, CustomStringConvertible {
  private let levels: [Int?]

  /// Draws `values` from lowest to highest, or over `range`, values beyond it at its ends.
  ///
  /// NaN is drawn as a space, and a constant series at mid-height. A series longer than `width` is
  /// averaged over equal stretches.
  public init(_ values: [Double], width: Int? = nil, range: ClosedRange<Double>? = nil) {
    let shown = width.map { Self.averaged(values, to: $0) } ?? values
    let finite = shown.filter(\.isFinite)
    let low = range?.lowerBound ?? finite.min() ?? 0
    let high = range?.upperBound ?? finite.max() ?? 0
    levels = shown.map { value in
      if value.isNaN { return nil }
      if value == .infinity { return 7 }
      if value == -.infinity { return 0 }
      // Halved, so that a span beyond the largest double doesn't overflow.
      let span = high / 2 - low / 2
      guard span > 0 else { return 3 }
      return Int((min(max((value / 2 - low / 2) / span, 0), 1) * 7).rounded())
    }
  }

  public var description: String {
    let blocks: [Character] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
    return String(levels.map { $0.map { blocks[$0] } ?? " " })
  }

  private static func averaged(_ values: [Double], to width: Int) -> [Double] {
    guard width > 0, values.count > width else { return values }
    return (0..<width).map { column in
      let stretch = values[column * values.count / width..<(column + 1) * values.count / width]
      return stretch.reduce(0) { $0 + $1 / Double(stretch.count) }
    }
  }
}
