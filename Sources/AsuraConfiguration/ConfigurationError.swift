/// What is wrong with a configuration, an option or an argument: the field, what was found there and what was expected.
public struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The option or argument, with its path: `task.mix.uniform`.
  public let field: String
  /// The value found there, as it would be written.
  public let found: String
  /// What is allowed there.
  public let expected: String
  /// What to do about it; may be empty.
  public let remedy: String

  public init(field: String, found: String, expected: String, remedy: String = "") {
    self.field = field
    self.found = found
    self.expected = expected
    self.remedy = remedy
  }

  public var description: String {
    "\(field): found \(found), expected \(expected)" + (remedy.isEmpty ? "" : "; \(remedy)")
  }

  /// The same error, for a field that lies within `parent`.
  package func within(_ parent: String) -> ConfigurationError {
    ConfigurationError(
      field: parent.isEmpty ? field : "\(parent).\(field)", found: found, expected: expected,
      remedy: remedy)
  }

  /// Throws unless `value` lies in `range`.
  package static func check<Value: Comparable>(
    _ field: String, _ value: Value, in range: ClosedRange<Value>, remedy: String
  ) throws {
    guard range.contains(value) else {
      throw ConfigurationError(
        field: field, found: "\(value)",
        expected: "\(range.lowerBound) to \(range.upperBound)", remedy: remedy)
    }
  }

  /// A name that is none of `names`.
  package static func unknown(_ field: String, found: String, names: [String]) -> ConfigurationError
  {
    let remedy =
      nearest(to: found, in: names).map { "did you mean \($0)?" }
      ?? "choose one of these"
    return ConfigurationError(
      field: field, found: shortened(found), expected: "one of \(names.joined(separator: ", "))",
      remedy: remedy)
  }
}

/// Text from outside, short enough for a message.
package func shortened(_ text: String) -> String {
  text.count > 60 ? "\(text.prefix(60))…" : text
}
