import AsuraConfiguration

/// Which iterations, or other numbered things, an option asks for: `7`, `1...50`, `0...50:5`, `1,2,7`, `last`, `5...last`.
///
/// Items are separated by commas; `A...B:S` takes every `S`th from `A`, both ends included when
/// they fall on the stride; `last` is the last iteration there is. Used as
///
///     @Option(help: …, transform: IterationRange.init(parsing:)) var iter: IterationRange
///
/// and not `ExpressibleByArgument`, whose initialiser could only say "invalid" and not why.
public struct IterationRange: Hashable, Sendable, CustomStringConvertible {
  /// The most numbers a range may name; more is a slip of the keyboard.
  static let mostNumbers = 10_000_000

  enum Item: Hashable, Sendable {
    /// `last` alone.
    case last
    /// From `first`, every `step`th, up to `end` or, where that is nil, to the last there is.
    case stride(first: Int, end: Int?, step: Int)
  }

  let items: [Item]
  /// The text this was read from.
  public let description: String
  /// What is numbered, for messages.
  let noun: String

  /// Reads an option's value; throws a usage error that shows the offending part and a likely
  /// intent.
  public init(parsing text: String) throws(CommandError) {
    try self.init(parsing: text, of: "iteration")
  }

  /// The same for other things than iterations, such as `position`.
  public init(parsing text: String, of noun: String) throws(CommandError) {
    var items: [Item] = []
    var count = 0
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let item = try Self.item(part.trimming { $0.isWhitespace }, noun)
      if case .stride(let first, let end?, let step) = item {
        count += min((end - first) / step, Self.mostNumbers) + 1
      }
      guard count <= Self.mostNumbers else {
        throw CommandError(
          "'\(part)' names more than \(Self.mostNumbers) \(noun)s", status: .usage,
          remedy: "to take all there are, write 0...last")
      }
      items.append(item)
    }
    self.items = items
    self.noun = noun
    description = text
  }

  /// Every iteration from `first` to the last there is.
  public static func all(from first: Int) -> IterationRange {
    precondition(first >= 0, "iterations count from 0, not \(first)")
    return IterationRange(
      items: [.stride(first: first, end: nil, step: 1)], description: "\(first)...last")
  }

  /// Exactly the numbers in `range`.
  public init(_ range: ClosedRange<Int>) {
    precondition(range.lowerBound >= 0, "iterations count from 0, not \(range.lowerBound)")
    self.init(
      items: [.stride(first: range.lowerBound, end: range.upperBound, step: 1)],
      description: "\(range.lowerBound)...\(range.upperBound)")
  }

  private init(items: [Item], description: String) {
    self.items = items
    self.description = description
    noun = "iteration"
  }

  /// The highest number named, or nil when `last` is and only a run can tell.
  public var highest: Int? {
    var highest = 0
    for item in items {
      guard case .stride(let first, let end?, let step) = item else { return nil }
      highest = max(highest, end - (end - first) % step)
    }
    return highest
  }
}

// MARK: - Reading

extension IterationRange {
  private static func item(_ text: Substring, _ noun: String) throws(CommandError) -> Item {
    if text == "last" { return .last }
    if let number = try number(text, noun) { return .stride(first: number, end: number, step: 1) }

    // Some keyboards turn three dots into one character.
    let spelled = text.replacing("…", with: "...")
    let halves = spelled.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let ends = halves[0].split(separator: "...", omittingEmptySubsequences: false)
    guard ends.count == 2, let first = try number(ends[0], noun) else {
      throw unreadable(text, noun)
    }
    let end = try number(ends[1], noun)
    guard end != nil || ends[1] == "last" else { throw unreadable(text, noun) }
    var step = 1
    if halves.count == 2 {
      guard let given = try number(halves[1], noun) else { throw unreadable(text, noun) }
      guard given > 0 else {
        throw CommandError(
          "'\(text)' has a step of 0", status: .usage,
          remedy: "did you mean \(halves[0])?")
      }
      step = given
    }
    if let end, end < first {
      let stride = step == 1 ? "" : ":\(step)"
      throw CommandError(
        "'\(text)' runs backwards", status: .usage,
        remedy: "did you mean \(end)...\(first)\(stride)?")
    }
    return .stride(first: first, end: end, step: step)
  }

  /// The number `text` spells, nil when it spells none; throws when it is negative or beyond `Int`.
  private static func number(_ text: Substring, _ noun: String) throws(CommandError) -> Int? {
    let digits = text.first == "-" || text.first == "+" ? text.dropFirst() : text
    guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
    guard text.first != "-" else {
      throw CommandError(
        "'\(text)' is negative, and \(noun)s count from 0", status: .usage,
        remedy: text == "-1" ? "did you mean last?" : "did you mean \(digits)?")
    }
    guard let number = Int(digits) else {
      throw CommandError(
        "'\(truncated(String(text), columns: 24))' is too large a number", status: .usage,
        remedy: "for the end of a run, write last")
    }
    return number
  }

  private static func unreadable(_ text: Substring, _ noun: String) -> CommandError {
    let shown = truncated(sanitized(String(text)), columns: 40)
    let expected =
      "expected a number, a range such as 1...50, 0...50:5 or 5...last, or several, as 1,2,7"
    return CommandError(
      text.isEmpty
        ? "nothing stands where \("aeiou".contains(noun.prefix(1)) ? "an" : "a") \(noun) should"
        : "'\(shown)' is no \(noun)",
      status: .usage,
      remedy: suggestion(for: text).map { "did you mean \($0)? (\(expected))" } ?? expected)
  }

  /// What other tools' spellings of a range mean here.
  private static func suggestion(for text: Substring) -> String? {
    if let word = nearest(to: String(text), in: ["last"]) { return word }
    for separator in ["..<", "....", "..", "-", "–", "to", ":"] {
      let ends = text.split(separator: separator, omittingEmptySubsequences: false)
      guard ends.count == 2, let first = Int(ends[0].trimming { $0.isWhitespace }) else { continue }
      let end = ends[1].trimming { $0.isWhitespace }
      guard first >= 0, let last = Int(end), last > first else { continue }
      return "\(first)...\(separator == "..<" ? last - 1 : last)"
    }
    return nil
  }
}

extension Substring {
  fileprivate func trimming(_ unwanted: (Character) -> Bool) -> Substring {
    var kept = drop(while: unwanted)
    while let last = kept.last, unwanted(last) { kept.removeLast() }
    return kept
  }
}

extension String {
  fileprivate func split(separator: String, omittingEmptySubsequences: Bool) -> [Substring] {
    self[...].split(separator: separator, omittingEmptySubsequences: omittingEmptySubsequences)
  }
}
