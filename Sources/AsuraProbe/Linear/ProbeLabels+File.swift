public import Foundation

extension ProbeLabels {
  /// Labels from a file of comma-separated values, or of one JSON object a line (`.jsonl`, `.ndjson`, or a first line
  /// that begins with `{`).
  ///
  /// A line is an example, in the trace's order, or the one its column `example` names; with a column `position` it is
  /// a position of that example, and without, the label is that of all positions. In JSON a label may be a list, one a
  /// position. Empty and null are no label. Texts are classes; numbers are classes or numbers as with facts.
  /// - Parameters:
  ///   - column: which column; the only one that is neither `example` nor `position` when nil.
  ///   - kind: nil to go by what the labels are.
  /// - Throws: `ProbeError` that names the line.
  public init(
    contentsOf url: URL, column: String? = nil, examples: Int, positions: Int, as kind: Kind? = nil
  ) throws {
    let text: String
    do { text = try String(contentsOf: url, encoding: .utf8) } catch {
      throw ProbeError(
        .notFound, "cannot read \(url.path): \(error.localizedDescription)",
        remedy: "Check the path, and that it is text in UTF-8.")
    }
    let table = LabelTable(url.path, examples: examples, positions: positions)
    let isJSON =
      ["jsonl", "ndjson"].contains(url.pathExtension) || text.drop { $0.isWhitespace }.first == "{"
    let (name, cells) =
      isJSON ? try table.json(text, column) : try table.commaSeparated(text, column)

    let known = cells.compactMap { $0 }
    guard !known.isEmpty else {
      throw ProbeError(.labels, "\(url.path) holds no label", remedy: "Give one for each example.")
    }
    let numbers = known.map { Double($0) }
    if numbers.allSatisfy({ $0 != nil }) {
      if let place = cells.firstIndex(where: { $0.flatMap(Double.init)?.isFinite == false }) {
        throw ProbeError(
          .labels,
          "\(url.path): the label of example \(place / positions), position \(place % positions) is \(cells[place] ?? "")",
          remedy: "Leave labels empty where there is none.")
      }
      try self.init(
        name: name, examples: examples, positions: positions,
        numbers: cells.map { $0.flatMap(Double.init) ?? .nan }, kind: kind)
      return
    }
    guard kind != .numbers else {
      let word = known.first { Double($0) == nil } ?? ""
      throw ProbeError(
        .labels, "\(url.path): '\(word)' is no number", remedy: "Probe the labels as classes.")
    }
    let classes = Set(known).sorted()
    let places = Dictionary(uniqueKeysWithValues: classes.enumerated().map { ($1, Double($0)) })
    self.init(
      name: name, examples: examples, positions: positions,
      values: cells.map { $0.flatMap { places[$0] } ?? .nan }, classes: classes)
  }
}

/// Reads labels line by line.
private struct LabelTable {
  private let path: String
  private let examples: Int
  private let positions: Int

  init(_ path: String, examples: Int, positions: Int) {
    self.path = path
    self.examples = examples
    self.positions = positions
  }

  private func failure(_ line: Int, _ what: String, _ remedy: String) -> ProbeError {
    ProbeError(.labels, "\(path), line \(line): \(what)", remedy: remedy)
  }

  /// The column to take labels from.
  private func column(_ wanted: String?, of names: [String]) throws -> String {
    let others = names.filter { $0 != "example" && $0 != "position" }
    if let wanted {
      guard others.contains(wanted) else {
        throw ProbeError(
          .notFound, "\(path) has no labels '\(wanted)'",
          remedy: others.isEmpty ? "It has none." : "It has: \(others.joined(separator: ", "))")
      }
      return wanted
    }
    guard others.count == 1 else {
      throw ProbeError(
        .labels, "\(path) has \(others.count) columns of labels",
        remedy: others.isEmpty
          ? "Name them in the first line, such as: example,label"
          : "Choose one with --fact: \(others.joined(separator: ", "))")
    }
    return others[0]
  }

  /// Puts labels where they belong: of one position, or of all.
  private struct Cells {
    var values: [String?]
    var seen: Set<Int> = []
  }

  private func put(
    _ labels: [String?], line: Int, number: Int, example: Int?, position: Int?,
    into cells: inout Cells
  ) throws {
    let example = example ?? number
    guard (0..<examples).contains(example) else {
      throw failure(
        line, "there is no example \(example): the trace has \(examples), counted from 0",
        "Give one line for each example of the trace, or name them in a column example.")
    }
    if let position {
      guard (0..<positions).contains(position) else {
        throw failure(
          line, "there is no position \(position): the trace has \(positions), counted from 0",
          "Correct it.")
      }
    } else if labels.count != 1 && labels.count != positions {
      throw failure(
        line, "\(labels.count) labels for \(positions) positions",
        "Give one for each position, or one for all.")
    }
    guard cells.seen.insert(example * (positions + 1) + (position ?? positions)).inserted else {
      throw failure(
        line, "example \(example)\(position.map { ", position \($0)" } ?? "") comes twice",
        "Give it once.")
    }
    for place in position.map({ [$0] }) ?? Array(0..<positions) {
      cells.values[example * positions + place] = labels.count == 1 ? labels[0] : labels[place]
    }
  }

  private var empty: Cells {
    Cells(values: [String?](repeating: nil, count: examples * positions))
  }

  /// Refuses fewer lines than examples, where lines are not told apart by their numbers.
  private func check(_ count: Int, hasExamples: Bool) throws {
    guard hasExamples || count == examples else {
      throw ProbeError(
        .labels, "\(path) has \(count) labels, the trace has \(examples) examples",
        remedy: "Give one line for each, or name them in a column example.")
    }
  }

  // MARK: - Comma-separated values

  func commaSeparated(_ text: String, _ wanted: String?) throws -> (String, [String?]) {
    let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
      .enumerated().filter { !$1.allSatisfy(\.isWhitespace) }
    guard let head = lines.first else {
      throw ProbeError(
        .labels, "\(path) is empty", remedy: "Begin with a line of names: example,label")
    }
    let names = fields(head.element)
    let name = try column(wanted, of: names)
    var cells = empty
    for (number, (line, content)) in lines.dropFirst().enumerated() {
      let values = fields(content)
      guard values.count == names.count else {
        throw failure(
          line + 1, "\(values.count) values under \(names.count) names", "Give one for each.")
      }
      func whole(_ column: String) throws -> Int? {
        guard let place = names.firstIndex(of: column) else { return nil }
        guard let value = Int(values[place]) else {
          throw failure(line + 1, "the \(column) is '\(values[place])'", "Number them from 0.")
        }
        return value
      }
      let label = values[names.firstIndex(of: name) ?? 0]
      try put(
        [label.isEmpty ? nil : label], line: line + 1, number: number, example: whole("example"),
        position: whole("position"), into: &cells)
    }
    if names.contains("position"), !names.contains("example") {
      throw ProbeError(
        .labels, "\(path) has a column position but none example", remedy: "Add it, from 0.")
    }
    try check(lines.count - 1, hasExamples: names.contains("example"))
    return (name, cells.values)
  }

  /// The values of a line; quotes keep commas, and two of them are one (RFC 4180).
  private func fields(_ line: Substring) -> [String] {
    var (fields, field, isQuoted) = ([String](), "", false)
    var rest = line[...]
    while let character = rest.popFirst() {
      switch character {
      case "\"" where isQuoted && rest.first == "\"":
        field.append("\"")
        rest.removeFirst()
      case "\"": isQuoted.toggle()
      case "," where !isQuoted:
        fields.append(field)
        field = ""
      default: field.append(character)
      }
    }
    return (fields + [field]).map { $0.trimmingCharacters(in: .whitespaces) }
  }

  // MARK: - JSON Lines

  func json(_ text: String, _ wanted: String?) throws -> (String, [String?]) {
    var cells = empty
    var (name, count, hasExamples) = (wanted, 0, false)
    let lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }
    for (line, content) in lines.enumerated() where !content.allSatisfy(\.isWhitespace) {
      guard
        let object = try? JSONSerialization.jsonObject(with: Data(content.utf8)) as? [String: Any]
      else { throw failure(line + 1, "this is no JSON object", "Put one object on each line.") }
      let own = try column(name, of: object.keys.sorted())
      name = own
      func whole(_ key: String) throws -> Int? {
        guard let value = object[key] else { return nil }
        guard let number = value as? Int else {
          throw failure(line + 1, "the \(key) is \(value)", "Number them from 0.")
        }
        return number
      }
      let labels = try (object[own] as? [Any] ?? [object[own] as Any]).map { value -> String? in
        switch value {
        case is NSNull: return nil
        case let text as String: return text.isEmpty ? nil : text
        case let number as NSNumber: return "\(number)"
        default: throw failure(line + 1, "a label is \(value)", "Labels are texts or numbers.")
        }
      }
      let example = try whole("example")
      if example != nil { hasExamples = true }
      try put(
        labels, line: line + 1, number: count, example: example, position: whole("position"),
        into: &cells)
      count += 1
    }
    try check(count, hasExamples: hasExamples)
    return (name ?? "", cells.values)
  }
}
