import Foundation

/// Where an axis is marked, and with what.
public struct Ticks: Sendable, Equatable {
  public let values: [Double]
  public let labels: [String]

  /// Multiples of 1, 2 or 5 times a power of ten within `range`, about `count` of them; with
  /// `whole`, integers only.
  public static func linear(_ range: ClosedRange<Double>, count: Int, whole: Bool = false) -> Ticks
  {
    let span = range.upperBound - range.lowerBound
    guard span > 0, span.isFinite, count > 0 else {
      return Ticks(values: [range.lowerBound], labels: [label(range.lowerBound, step: 0)])
    }
    let rough = span / Double(count)
    let power = pow(10, floor(log10(rough)))
    // The factors' geometric means part them.
    let factor: Double =
      switch rough / power {
      case ..<1.4142: 1
      case ..<3.1623: 2
      case ..<7.0711: 5
      default: 10
      }
    var step = factor * power
    if whole { step = max(1, step.rounded()) }
    let first = (range.lowerBound / step - 1e-9).rounded(.up)
    let last = (range.upperBound / step + 1e-9).rounded(.down)
    guard first <= last, last - first < 1000 else { return Ticks(values: [], labels: []) }
    let values = stride(from: first, through: last, by: 1).map { $0 * step + 0 }
    return Ticks(values: values, labels: values.map { label($0, step: step) })
  }

  /// Powers of ten within a positive `range`; their doubles and fives too when there are few, every
  /// second or later power when there are many, and linear ticks within less than a decade.
  public static func logarithmic(_ range: ClosedRange<Double>, count: Int) -> Ticks {
    let low = log10(range.lowerBound)
    let high = log10(range.upperBound)
    guard low.isFinite, high.isFinite, high - low >= 1 else {
      return linear(range, count: count)
    }
    let first = (low - 1e-9).rounded(.up)
    let last = (high + 1e-9).rounded(.down)
    let step = max(1, ((last - first) / Double(max(count, 1))).rounded(.up))
    var values: [Double] = []
    for exponent in stride(
      from: ((first - 1) / step).rounded(.down) * step, through: last, by: step)
    {
      for factor in high - low < 2.5 ? [1.0, 2, 5] : [1.0] {
        // Division is exact where multiplication by a negative power of ten is not.
        let value = exponent < 0 ? factor / pow(10, -exponent) : factor * pow(10, exponent)
        let inside =
          value >= range.lowerBound * (1 - 1e-9) && value <= range.upperBound * (1 + 1e-9)
        if inside { values.append(value) }
      }
    }
    // One notation along the axis: either every number short, or powers of ten but for 0.1, 1, 10.
    let isLong = values.contains { isPower($0) }
    return Ticks(
      values: values,
      labels: values.map { label($0, step: $0, asPower: isLong && !(0.09...10).contains($0)) })
  }

  private static func isPower(_ size: Double) -> Bool { size >= 1e5 || size < 1e-3 }

  /// A number with the decimals its step needs, or as a power of ten beyond 10⁻⁴ and 10⁵.
  static func label(_ value: Double, step: Double, asPower: Bool = false) -> String {
    if value == 0 { return "0" }
    guard value.isFinite else { return "\(value)" }
    let unit = step > 0 ? step : abs(value)
    let size = max(abs(value), unit)
    if asPower || isPower(size) {
      let exponent = Int(floor(log10(abs(value)) + 1e-9))
      // Scaled apart, since 10⁻³⁰⁸ and below cannot be divided by.
      let mantissa = abs(value) * pow(10, Double(-exponent))
      guard mantissa.isFinite else { return "\(value)" }
      let digits = max(0, exponent - Int(floor(log10(unit) + 1e-9)))
      let head = String(format: "%.*f", min(digits, 6), mantissa)
      let sign = value < 0 ? "−" : ""
      return sign + (head == "1" ? "" : "\(head)×") + "10\(superscript(exponent))"
    }
    let decimals = max(0, -Int(floor(log10(unit) + 1e-9)))
    return String(format: "%.*f", min(decimals, 12), value).replacingOccurrences(of: "-", with: "−")
  }

  private static func superscript(_ value: Int) -> String {
    let digits = Array("⁰¹²³⁴⁵⁶⁷⁸⁹")
    return String(
      "\(value)".map { character in
        character.wholeNumberValue.map { digits[$0] } ?? "⁻"
      })
  }
}

/// A number as a reader wants it beside a mark: four significant digits.
func shortNumber(_ value: Double) -> String {
  guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "−∞" : "∞" }
  if value == value.rounded(), abs(value) < 1e6 { return String(format: "%.0f", value + 0) }
  return String(format: "%.4g", value)
}
