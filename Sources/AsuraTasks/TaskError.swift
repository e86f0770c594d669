/// What is wrong with a task's options or with what was asked of a task.
public struct TaskError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The option or argument, with its path: `task.mix.uniform`.
  public let field: String
  /// The value found there, as it would be written.
  public let found: String
  /// What is allowed there.
  public let expected: String
  /// What to do about it.
  public let remedy: String

  public init(field: String, found: String, expected: String, remedy: String) {
    self.field = field
    self.found = found
    self.expected = expected
    self.remedy = remedy
  }

  public var description: String {
    "\(field): found \(found), expected \(expected); \(remedy)"
  }

  /// The same error, for a field that lies within `parent`.
  func within(_ parent: String) -> TaskError {
    TaskError(
      field: parent.isEmpty ? field : "\(parent).\(field)", found: found, expected: expected,
      remedy: remedy)
  }

  /// Throws unless `value` lies in `range`.
  static func check<Value: Comparable>(
    _ field: String, _ value: Value, in range: ClosedRange<Value>, remedy: String
  ) throws {
    guard range.contains(value) else {
      throw TaskError(
        field: field, found: "\(value)",
        expected: "\(range.lowerBound) to \(range.upperBound)", remedy: remedy)
    }
  }

  /// A name that is none of `names`.
  static func unknown(_ field: String, found: String, names: [String]) -> TaskError {
    let remedy =
      nearestName(to: found, among: names).map { "did you mean \($0)?" }
      ?? "choose one of these"
    return TaskError(
      field: field, found: shortened(found), expected: "one of \(names.joined(separator: ", "))",
      remedy: remedy)
  }
}

/// Text from outside, short enough for a message.
func shortened(_ text: String) -> String {
  text.count > 60 ? "\(text.prefix(60))…" : text
}

/// The name with the fewest edits from `text`; nil when so many are needed that it is no help.
func nearestName(to text: String, among names: [String]) -> String? {
  let text = Array(text.lowercased().prefix(64))
  var best: (name: String, distance: Int)?
  for name in names {
    let distance = editDistance(text, Array(name.lowercased()))
    if distance < best?.distance ?? .max { best = (name, distance) }
  }
  guard let best, best.distance <= max(2, best.name.count / 2) else { return nil }
  return best.name
}

/// Levenshtein distance: insertions, deletions and replacements from `a` to `b`.
private func editDistance(_ a: [Character], _ b: [Character]) -> Int {
  var row = Array(0...b.count)
  for (i, x) in a.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for (j, y) in b.enumerated() {
      let replaced = diagonal + (x == y ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
    }
  }
  return row[b.count]
}
