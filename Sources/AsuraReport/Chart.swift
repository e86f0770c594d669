/// A picture of results, as a self-contained SVG document.
///
/// The same values give the same bytes. Colours follow the reader's light or dark preference;
/// hovering over a mark shows its values; NaN and infinite values are left out, as gaps.
public protocol Chart: Sendable {
  /// The SVG document.
  var svg: String { get }
}

/// The words around a chart.
public struct ChartTitle: Sendable, Equatable, ExpressibleByStringLiteral {
  /// What the chart shows.
  public var title: String
  /// Of what: the model, the input, what was counted.
  public var subtitle: String

  public init(_ title: String, subtitle: String = "") {
    self.title = title
    self.subtitle = subtitle
  }

  public init(stringLiteral value: String) { self.init(value) }
}
