import AsuraConfiguration

/// A whole number that may depend on a batch's length n or on its difficulty d (`Batch.difficulty`): `6`, `n`,
/// `2n`, `d/2`, `d+1`, `3n/2-1`, `max(2,d/2)`. Division rounds down.
public struct LengthExpression: Sendable, Equatable, Codable, CustomStringConvertible {
  private enum Variable: Character {
    case length = "n"
    case difficulty = "d"
  }
  private indirect enum Form: Sendable, Equatable {
    case number(Int)
    case linear(Variable, multiplier: Int, divisor: Int, offset: Int)
    case larger(Form, Form)
  }
  private let form: Form
  /// The text it was read from, without spaces.
  public let description: String

  /// A number that does not depend on the batch.
  public init(_ number: Int) {
    form = .number(number)
    description = "\(number)"
  }

  /// Reads an expression; one it cannot read is a `ModelError` that shows the forms.
  public init(_ text: String) throws {
    let compact = text.filter { $0 != " " }
    guard text.count <= 100, let form = Self.parse(compact[...]) else {
      throw ConfigurationError(
        field: "a number of iterations", found: "\"\(shortened(text))\"",
        expected:
          "a number, or one in terms of the length n or the difficulty d: n, 2n, d+1, max(2,n/2)")
    }
    self.form = form
    if case .number(let number) = form {
      description = "\(number)"
    } else {
      description = compact
    }
  }

  /// The number for a batch's length and difficulty, at least 0.
  public func callAsFunction(_ length: Int, difficulty: Int) -> Int {
    max(0, Self.value(form, length, difficulty))
  }

  /// Whether it depends on the difficulty, which only a batch itself tells.
  public var usesDifficulty: Bool { Self.usesDifficulty(form) }

  private static func value(_ form: Form, _ n: Int, _ d: Int) -> Int {
    switch form {
    case .number(let number): number
    case .linear(let variable, let multiplier, let divisor, let offset):
      multiplier * (variable == .length ? n : d) / divisor + offset
    case .larger(let a, let b): max(value(a, n, d), value(b, n, d))
    }
  }

  private static func usesDifficulty(_ form: Form) -> Bool {
    switch form {
    case .number: false
    case .linear(let variable, _, _, _): variable == .difficulty
    case .larger(let a, let b): usesDifficulty(a) || usesDifficulty(b)
    }
  }

  private static func parse(_ text: Substring) -> Form? {
    if text.hasPrefix("max("), text.hasSuffix(")") {
      let parts = text.dropFirst(4).dropLast().split(
        separator: ",", omittingEmptySubsequences: false)
      guard parts.count == 2, let a = parse(parts[0]), let b = parse(parts[1]) else { return nil }
      return .larger(a, b)
    }
    guard let place = text.firstIndex(where: { Variable(rawValue: $0) != nil }),
      let variable = Variable(rawValue: text[place])
    else { return number(text).map { .number($0) } }
    guard let multiplier = text[..<place].isEmpty ? 1 : number(text[..<place]) else { return nil }
    var rest = text[text.index(after: place)...]
    var divisor = 1
    if rest.hasPrefix("/") {
      let digits = rest.dropFirst().prefix { $0.isNumber }
      guard let d = number(digits), d > 0 else { return nil }
      divisor = d
      rest = rest.dropFirst(1 + digits.count)
    }
    if rest.isEmpty {
      return .linear(variable, multiplier: multiplier, divisor: divisor, offset: 0)
    }
    guard let sign = rest.first, sign == "+" || sign == "-", let offset = number(rest.dropFirst())
    else { return nil }
    return .linear(
      variable, multiplier: multiplier, divisor: divisor, offset: sign == "+" ? offset : -offset)
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

/// A range of iterations, both ends included, that may depend on a batch's length and difficulty: `16`, `1...16`,
/// `n+1...n+6`, `0...2d`.
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

  /// The range for a batch. An upper end below the lower one counts as the lower.
  public func callAsFunction(_ length: Int, difficulty: Int) -> ClosedRange<Int> {
    let low = lower(length, difficulty: difficulty)
    return low...max(low, upper(length, difficulty: difficulty))
  }

  /// Whether it depends on the difficulty.
  public var usesDifficulty: Bool { lower.usesDifficulty || upper.usesDifficulty }

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
