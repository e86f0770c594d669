import Foundation

/// Maps data to pixels along one axis.
public struct Scale: Sendable, Equatable {
  /// The data the axis spans.
  public let domain: ClosedRange<Double>
  /// The pixels at the ends of the domain; the first may be the larger, as on a vertical axis.
  public let pixels: (Double, Double)
  /// Whether equal ratios, not equal differences, take equal space.
  public let isLogarithmic: Bool

  public init(
    domain: ClosedRange<Double>, pixels: (Double, Double), isLogarithmic: Bool = false
  ) {
    self.domain = domain
    self.pixels = pixels
    self.isLogarithmic = isLogarithmic
  }

  /// The pixel of a value, or `nil` where it has none: not finite, or not positive on a logarithmic
  /// axis.
  public func callAsFunction(_ value: Double) -> Double? {
    guard value.isFinite, !isLogarithmic || value > 0 else { return nil }
    let (low, high) = (transform(domain.lowerBound), transform(domain.upperBound))
    let share = high > low ? (transform(value) - low) / (high - low) : 0.5
    return pixels.0 + share * (pixels.1 - pixels.0)
  }

  private func transform(_ value: Double) -> Double { isLogarithmic ? log10(value) : value }

  public static func == (a: Scale, b: Scale) -> Bool {
    a.domain == b.domain && a.pixels == b.pixels && a.isLogarithmic == b.isLogarithmic
  }

  /// The range that holds all values an axis can show, with a margin of `padding` of its length,
  /// and wider than nothing; `nil` when there are none. Beyond 10³⁰⁰, and on a logarithmic axis
  /// below 10⁻³⁰⁰, values are taken for those bounds, so that no arithmetic on the range overflows.
  public static func domain(
    of values: some Sequence<Double>, padding: Double = 0.05, isLogarithmic: Bool = false
  ) -> ClosedRange<Double>? {
    let bounds = isLogarithmic ? 1e-300...1e300 : -1e300...1e300
    var range: ClosedRange<Double>?
    for value in values where value.isFinite && (!isLogarithmic || value > 0) {
      let value = min(max(value, bounds.lowerBound), bounds.upperBound)
      range = range.map { min($0.lowerBound, value)...max($0.upperBound, value) } ?? value...value
    }
    guard let range else { return nil }
    let (low, high) = (range.lowerBound, range.upperBound)
    if isLogarithmic {
      let decades = log10(high) - log10(low)
      let margin = pow(10, decades > 0 ? padding * decades : 0.5)
      return low / margin...high * margin
    }
    let margin = high > low ? padding * (high - low) : max(abs(low) * 0.1, 0.5)
    return low - margin...high + margin
  }
}
