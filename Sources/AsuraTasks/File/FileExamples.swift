import AsuraConfiguration
import Foundation

/// The examples of a file, by the length of their input.
struct FileExamples {
  /// Examples whose inputs are as long as each other, and their targets too.
  struct Group {
    let inputLength: Int
    let targetLength: Int
    /// The line the first stands on.
    let line: Int
    /// `[example][symbol]`, numbered as `inputs` and `outputs` are.
    var inputs: [[Int32]] = []
    var targets: [[Int32]] = []
    /// `[name][example]`, each as the file has it.
    var facts: [String: [[Int32]]] = [:]
    /// The examples of each part.
    var parts: [ExamplePart: [Int]] = [:]
  }

  private(set) var inputs: SymbolTable
  private(set) var outputs: SymbolTable
  private(set) var groups: [Int: Group] = [:]
  /// The names of the facts, which all lines have.
  private(set) var factNames: [String] = []

  private struct Line: Decodable {
    let input: String
    let target: String
    let facts: [String: [Int32]]

    private enum CodingKeys: String, CodingKey, CaseIterable {
      case input, target, facts
    }

    init(from decoder: any Decoder) throws {
      let fields = try Fields<CodingKeys>(decoder)
      input = try fields.required(.input)
      target = try fields.required(.target)
      facts = try fields.value(.facts) ?? [:]
    }
  }

  private let options: FileOptions
  private var firstLine: Int?
  private var symbolCount = 0

  /// More symbols and values of facts in all than this are not taken in.
  private static let mostSymbols = 1 << 26

  /// Reads the whole file.
  ///
  /// - Throws: `TaskError` that names the file and the line.
  init(_ options: FileOptions, limits: JSONLines = JSONLines()) throws {
    self.options = options
    inputs = SymbolTable(options.vocabulary)
    outputs = SymbolTable(options.outputs)
    let handle: FileHandle
    do { handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: options.path)) } catch {
      throw Self.unreadable(options.path, error)
    }
    defer { try? handle.close() }
    do {
      try limits.forEach(Line.self, in: handle) { try take($1, $0) }
    } catch let mistake as JSONLines.Mistake {
      throw error(mistake, limits)
    } catch let error where !(error is TaskError) {
      throw Self.unreadable(options.path, error)
    }
    guard firstLine != nil else {
      throw TaskError(
        field: "path", found: "\(options.path) without a line",
        expected: "one example a line", remedy: "write lines such as \(Self.example)")
    }
    let (inputIDs, outputIDs) = (inputs.sort(), outputs.sort())
    groups = groups.mapValues { group in
      var group = group
      group.inputs = group.inputs.map { $0.map { inputIDs[Int($0)] } }
      group.targets = group.targets.map { $0.map { outputIDs[Int($0)] } }
      return group
    }
    guard groups.values.contains(where: { $0.parts[.training] != nil }) else {
      throw TaskError(
        field: "validation, test", found: "all examples of \(options.path)",
        expected: "some to train on", remedy: "lower the shares, or add examples")
    }
  }

  // MARK: - Lines

  private mutating func take(_ line: Line, _ number: Int) throws {
    let text = options.symbols.cut(line.input)
    let input = try ids(text, "input", number, &inputs)
    let target = try ids(options.symbols.cut(line.target), "target", number, &outputs)
    if options.answer == .inPlace && target.count != input.count {
      throw error(
        number, found: "a target of \(target.count) symbols",
        expected: "\(input.count), as many as the input has",
        remedy: "set answer to after for targets of other lengths")
    }
    if let targetLength = groups[input.count]?.targetLength, targetLength != target.count {
      throw error(
        number, found: "a target of \(target.count) symbols",
        expected:
          "\(targetLength), as in line \(groups[input.count]?.line ?? 0), whose input is as long",
        remedy: "fill up shorter targets with a symbol of your own")
    }
    let names = line.facts.keys.sorted()
    if let firstLine, names != factNames {
      throw error(
        number, found: "facts \(list(names))",
        expected: "\(list(factNames)), as in line \(firstLine)",
        remedy: "give every line the same facts")
    }
    factNames = names
    firstLine = firstLine ?? number
    let positions = options.positions(input.count, target.count)
    for (name, values) in line.facts
    where values.count != input.count && values.count != positions {
      throw error(
        number, found: "\(values.count) values of the fact \(shortened(name))",
        expected: "\(input.count), one for each symbol of the input",
        remedy: "-1 stands where a fact isn't defined")
    }
    symbolCount += positions * (2 + names.count)
    guard symbolCount <= Self.mostSymbols else {
      throw error(
        number, found: "more than \(Self.mostSymbols) symbols in all", expected: "a smaller file",
        remedy: "the examples are all kept in memory")
    }
    // Of the symbols, so that spaces between words don't matter.
    let part = ExamplePart(
      of: text.joined(separator: options.symbols.separator).utf8, validation: options.validation,
      test: options.test)
    groups[
      input.count,
      default: Group(inputLength: input.count, targetLength: target.count, line: number)
    ].append(input, target, line.facts, part)
  }

  private func ids(
    _ symbols: [String], _ field: String, _ number: Int, _ table: inout SymbolTable
  ) throws -> [Int32] {
    guard !symbols.isEmpty else {
      throw error(
        number, found: "an empty \(field)", expected: "one symbol or more", remedy: "")
    }
    return try symbols.map { symbol in
      guard let id = table.id(symbol) else {
        throw error(
          number, found: "\"\(shortened(symbol))\" in the \(field)",
          expected: "one of the \(table.symbols.count) symbols of "
            + (field == "input" ? "the vocabulary" : "the outputs"),
          remedy: "add it to task.\(field == "input" ? "vocabulary" : "outputs")")
      }
      return id
    }
  }

  // MARK: - Errors

  private static let example = #"{"input": "12+34", "target": "46"}"#

  private func list(_ names: [String]) -> String {
    names.isEmpty ? "none" : shortened(names.joined(separator: ", "))
  }

  private func error(
    _ line: Int, found: String, expected: String, remedy: String
  ) -> TaskError {
    TaskError(
      field: "\(options.path), line \(line)", found: found, expected: expected, remedy: remedy)
  }

  private func error(_ mistake: JSONLines.Mistake, _ limits: JSONLines) -> TaskError {
    let (found, expected): (String, String) =
      switch mistake.reason {
      case .tooLong: ("a longer line", "at most \(limits.bytesPerLine) bytes")
      case .tooMany: ("more examples", "at most \(limits.lines)")
      case .notJSON: ("no JSON object", "one such as \(Self.example)")
      case .invalid(let error): ("\(error.field): \(error.found)", error.expected)
      }
    return error(mistake.line, found: found, expected: expected, remedy: "")
  }

  private static func unreadable(_ path: String, _ error: any Error) -> TaskError {
    TaskError(
      field: "path", found: path, expected: "a file that can be read",
      remedy: "a path is taken from the folder the program runs in")
  }
}

extension FileExamples.Group {
  fileprivate mutating func append(
    _ input: [Int32], _ target: [Int32], _ facts: [String: [Int32]], _ part: ExamplePart
  ) {
    parts[part, default: []].append(inputs.count)
    inputs.append(input)
    targets.append(target)
    for (name, values) in facts { self.facts[name, default: []].append(values) }
  }
}
