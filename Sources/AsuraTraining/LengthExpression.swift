import AsuraConfiguration

/// A whole number that may depend on a batch's length n: `6`, `n`, `2n`, `n/2`, `n+1`, `3n/2-1`,
/// `max(2,n/2)`. Division rounds down.
public struct LengthExpression: Sendable, Equatable, Codable, CustomStringConvertible {
  private indirect enum Form: Sendable, Equatable {
    case linear(multiplier: Int, divisor: Int, offset: Int)
    case larger(Form, Form)
  }
  private let form: Form
  /// The text it was read from, without spaces.
  public let description: String

  /// A number that does not depend on the length.
  public init(_ number: Int) {
    form = .linear(multiplier: 0, divisor: 1, offset: number)
    description = "\(number)"
  }

  /// Reads an expression; one it cannot read is a `ModelError` that shows the forms.
  public init(_ text: String) throws {
    let compact = text.filter { $0 != " " }
    guard text.count <= 100, let form = Self.parse(compact[...]) else {
      throw ConfigurationError(
        field: "a number of iterations", found: "\"\(shortened(text))\"",
        expected: "a number, or one in terms of the length n: n, 2n, n/2, n+1, max(2,n/2)")
    }
    self.form = form
    if case .linear(0, _, let number) = form {
      description = "\(number)"
    } else {
      description = compact
    }
  }

  /// The number for a length, at least 0.
  public func callAsFunction(_ length: Int) -> Int { max(0, Self.value(form, length)) }

  private static func value(_ form: Form, _ n: Int) -> Int {
    switch form {
    case .linear(let multiplier, let divisor, let offset): multiplier * n / divisor + offset
    case .larger(let a, let b): max(value(a, n), value(b, n))
    }
  }

  private static func parse(_ text: Substring) -> Form? {
    if text.hasPrefix("max("), text.hasSuffix(")") {
      let parts = text.dropFirst(4).dropLast().split(
        separator: ",", omittingEmptySubsequences: false)
      guard parts.count == 2, let a = parse(parts[0]), let b = parse(parts[1]) else { return nil }
      return .larger(a, b)
    }
    guard let n = text.firstIndex(of: "n") else {
      return number(text).map { .linear(multiplier: 0, divisor: 1, offset: $0) }
    }
    guard let multiplier = text[..<n].isEmpty ? 1 : number(text[..<n]) else { return nil }
    var rest = text[text.index(after: n)...]
    var divisor = 1
    if rest.hasPrefix("/") {
      let digits = rest.dropFirst().prefix { $0.isNumber }
      guard let d = number(digits), d > 0 else { return nil }
      divisor = d
      rest = rest.dropFirst(1 + digits.count)
    }
    if rest.isEmpty { return .linear(multiplier: multiplier, divisor: divisor, offset: 0) }
    guard let sign = rest.first, sign == "+" || sign == "-", let offset = number(rest.dropFirst())
    else { return nil }
    return .linear(
      multiplier: multiplier, divisor: divisor, offset: sign == "+" ? offset : -offset)
  }

  /// Plain digits, small enough that arithmetic on them cannot overflow.
  private static func number(_ text: Substring) -> Int? {
    guard !text.isEmpty, text.allSatisfy({ $0.isASCII && $0.isNumber }), text.count <= 7 else {
      return nil
    }
    return Int(text)
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let number = try? container.decode(Int.self) {
      guard (0...9_999_999).contains(number) else {
        throw ConfigurationError(
          field: "a number of iterations", found: "\(number)", expected: "0 to 9999999")
      }
      self.init(number)
    } else {
      try self.init(try container.decode(String.self))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    if let number = Int(description) {
      try container.encode(number)
    } else {
      try container.encode(description)
    }
  }
}

/// A range of iterations, both ends included, that may depend on a batch's length: `16`, `1...16`,
/// `n+1...n+6`.
public struct LengthRangeExpression: Sendable, Equatable, Codable, CustomStringConvertible {
  /// The lower end.
  public let lower: LengthExpression
  /// The upper end, included.
  public let upper: LengthExpression

  /// Reads `A...B`, or one expression for both ends.
  public init(_ text: String) throws {
    guard let dots = text.firstRange(of: "...") else {
      lower = try LengthExpression(text)
      upper = lower
      return
    }
    lower = try LengthExpression(String(text[..<dots.lowerBound]))
    upper = try LengthExpression(String(text[dots.upperBound...]))
    if let low = Int(lower.description), let high = Int(upper.description), high < low {
      throw ConfigurationError(
        field: "a range of iterations", found: "\(self)", expected: "\(high)...\(low)")
    }
  }

  /// A range of one number.
  public init(_ number: Int) {
    lower = LengthExpression(number)
    upper = lower
  }

  /// The range for a length. An upper end below the lower one counts as the lower.
  public func callAsFunction(_ length: Int) -> ClosedRange<Int> {
    let low = lower(length)
    return low...max(low, upper(length))
  }

  public var description: String {
    lower == upper ? "\(lower)" : "\(lower)...\(upper)"
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let number = try? container.decode(Int.self) {
      try self.init("\(number)")
    } else {
      try self.init(try container.decode(String.self))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    if lower == upper { return try lower.encode(to: encoder) }
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
