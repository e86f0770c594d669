import AsuraConfiguration

/// The lengths a task draws from, written `1...10`, or `7` for one length only.
public struct LengthRange: Codable, Sendable, Equatable, CustomStringConvertible {
  public var lower: Int
  public var upper: Int

  /// The longest example any task makes; beyond it a length is taken for a slip.
  public static let longest = 1_000_000

  public init(_ range: ClosedRange<Int>) {
    lower = range.lowerBound
    upper = range.upperBound
  }

  public var description: String { lower == upper ? "\(lower)" : "\(lower)...\(upper)" }

  /// The lengths as a range; call only after `validate` has passed.
  public var range: ClosedRange<Int> { lower...upper }

  public init(from decoder: any Decoder) throws {
    let value = try? decoder.singleValueContainer()
    if let length = try? value?.decode(Int.self) {
      (lower, upper) = (length, length)
    } else if let text = try? value?.decode(String.self), let range = Self.parse(text) {
      (lower, upper) = range
    } else {
      throw TaskError(
        field: optionPath(decoder.codingPath), found: describeFound(decoder),
        expected: "a length or a range of lengths", remedy: "write it as 7 or 1...10")
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    if lower == upper { try container.encode(lower) } else { try container.encode(description) }
  }

  /// Throws unless `1 ≤ lower ≤ upper ≤ longest`.
  func validate(_ field: String) throws {
    try TaskError.check(
      field, lower, in: 1...Self.longest, remedy: "give at least one symbol an example")
    try TaskError.check(
      field, upper, in: 1...Self.longest, remedy: "a longer example is hardly meant")
    guard lower <= upper else {
      throw TaskError(
        field: field, found: description, expected: "the shorter length first",
        remedy: "write \(upper)...\(lower)")
    }
  }

  private static func parse(_ text: String) -> (Int, Int)? {
    let ends = text.split(separator: "...", omittingEmptySubsequences: false)
      .map { Int($0.filter { $0 != " " }) }
    switch ends.count {
    case 1: return ends[0].map { ($0, $0) }
    case 2:
      guard let lower = ends[0], let upper = ends[1] else { return nil }
      return (lower, upper)
    default: return nil
    }
  }
}
