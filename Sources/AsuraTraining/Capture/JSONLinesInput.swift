import AsuraConfiguration
import AsuraModel
import AsuraTasks
import AsuraTrace
import Foundation

/// Examples from a file or a pipe: one JSON object a line.
///
/// `{"tokens": [3, 1, 4]}`, or `[[3, 1], [4, 1]]` where several tokens stand at a position; besides, if
/// there are any, `targets` (one a position, negative for none), `position_ids`, `text` and `facts` (lists of
/// whole numbers, one a position, by name). Or `{"text": "12 + 345 ="}` alone, for a task that reads text. All
/// lines have one length and the same keys.
public struct JSONLinesInput {
  /// What is refused before it is taken in: longer lines, more of them, more tokens in all.
  public struct Limits: Sendable {
    public var bytesPerLine = 16 << 20
    public var lines = 1 << 20
    public var tokens = 1 << 26

    public init() {}
  }

  /// One line, checked by itself.
  private struct Line: Decodable {
    let tokens: Tokens?
    let targets: [Int32]?
    let positionIDs: [Int32]?
    let text: String?
    let facts: [String: [Int32]]?

    enum CodingKeys: String, CodingKey, CaseIterable {
      case tokens, targets, text, facts
      case positionIDs = "position_ids"
    }

    init(from decoder: any Decoder) throws {
      let fields = try Fields<CodingKeys>(decoder)
      tokens = try fields.value(.tokens)
      targets = try fields.value(.targets)
      positionIDs = try fields.value(.positionIDs)
      text = try fields.value(.text)
      facts = try fields.value(.facts)
    }
  }

  /// A list of numbers, or of lists of them, all as long.
  private struct Tokens: Decodable {
    let values: [Int32]
    let channels: Int
    var positions: Int { channels == 0 ? 0 : values.count / channels }

    init(from decoder: any Decoder) throws {
      if let values = try? [Int32](from: decoder) {
        self.values = values
        channels = 1
        return
      }
      let places = try [[Int32]](from: decoder)
      let channels = places.first?.count ?? 0
      if let place = places.firstIndex(where: { $0.count != channels }) {
        throw ConfigurationError(
          field: "tokens[\(place)]", found: "\(places[place].count) tokens",
          expected: "\(channels), as at position 0",
          remedy: "every position has the same number of tokens")
      }
      self.channels = channels
      values = places.flatMap { $0 }
    }
  }

  private let source: String
  private let limits: Limits
  private var lines: [(number: Int, line: Line)] = []
  private var tokenCount = 0

  private init(_ source: String, _ limits: Limits) {
    self.source = source
    self.limits = limits
  }

  /// Reads all lines of `handle`.
  /// - Parameters:
  ///   - source: what the file is called in messages.
  ///   - task: the task the examples are of, to read their text.
  ///   - vocabulary: how many tokens there are.
  ///   - length: the length texts are made to have, where the task can; theirs when nil.
  public static func read(
    _ handle: FileHandle, source: String, of task: (any LearningTask)?, vocabulary: Int,
    length: Int? = nil, limits: Limits = Limits()
  ) throws -> CaptureInput {
    var input = JSONLinesInput(source, limits)
    try input.read(handle)
    return try input.made(task, vocabulary, length)
  }

  // MARK: Lines

  private func failure(_ number: Int, _ message: String, _ remedy: String? = nil) -> ModelError {
    ModelError(.input, "\(source), line \(number): \(message)", remedy: remedy)
  }

  private mutating func read(_ handle: FileHandle) throws {
    let file = JSONLines(bytesPerLine: limits.bytesPerLine, lines: limits.lines)
    do {
      try file.forEach(Line.self, in: handle) { number, line in
        tokenCount += line.tokens?.values.count ?? 0
        guard tokenCount <= limits.tokens else {
          throw failure(
            number, "more than \(limits.tokens) tokens in all", "Capture them in several traces.")
        }
        lines.append((number, line))
      }
    } catch let mistake as JSONLines.Mistake {
      throw failure(mistake)
    }
    guard !lines.isEmpty else {
      throw ModelError(
        .input, "\(source) holds no examples",
        remedy: "Write one JSON object a line, such as {\"tokens\": [3, 1, 4]}.")
    }
  }

  private func failure(_ mistake: JSONLines.Mistake) -> ModelError {
    switch mistake.reason {
    case .tooLong:
      failure(
        mistake.line, "longer than \(limits.bytesPerLine) bytes", "Put one example on each line.")
    case .tooMany:
      failure(
        mistake.line, "more than \(limits.lines) examples", "Capture them in several traces.")
    case .invalid(let error): failure(mistake.line, "\(error)")
    case .notJSON:
      failure(
        mistake.line, "not a JSON object", "Write one a line, such as {\"tokens\": [3, 1, 4]}.")
    }
  }

  // MARK: Examples

  private func made(
    _ task: (any LearningTask)?, _ vocabulary: Int, _ length: Int?
  ) throws -> CaptureInput {
    let first = lines[0]
    for (number, line) in lines {
      for (name, isThere, isFirst) in [
        ("tokens", line.tokens != nil, first.line.tokens != nil),
        ("targets", line.targets != nil, first.line.targets != nil),
        ("position_ids", line.positionIDs != nil, first.line.positionIDs != nil),
        ("text", line.text != nil, first.line.text != nil),
      ] where isThere != isFirst {
        throw failure(
          number, "\(isThere ? "has" : "lacks") \(name), unlike line \(first.number)",
          "Give every line the same keys.")
      }
    }
    return first.line.tokens == nil ? try read(task, length) : try tokenised(task, vocabulary)
  }

  /// Examples a task makes of text.
  private func read(_ task: (any LearningTask)?, _ length: Int?) throws -> CaptureInput {
    let first = lines[0]
    guard first.line.text != nil else {
      throw failure(first.number, "has neither tokens nor text", "Give one of them.")
    }
    guard first.line.targets == nil, first.line.positionIDs == nil, first.line.facts == nil else {
      throw failure(
        first.number, "has text without tokens, but other keys too",
        "The task makes all else of the text; leave it out, or give tokens.")
    }
    guard let task else {
      throw failure(
        first.number, "text, but no task that could read it", "Give tokens, or name the task.")
    }
    let texts = lines.map { $0.line.text ?? "" }
    // Each by itself first, so that what is wrong with it comes with its line's number.
    for (number, text) in zip(lines.map(\.number), texts) {
      do { _ = try task.makeBatch(reading: [text], length: length) } catch let error as TaskError {
        throw failure(
          number, "found \(error.found), expected \(error.expected)", error.remedy)
      }
    }
    return try CaptureInput(task.makeBatch(reading: texts, length: length), of: task)
  }

  private func tokenised(_ task: (any LearningTask)?, _ vocabulary: Int) throws -> CaptureInput {
    let first = lines[0]
    let (positions, channels) = (
      first.line.tokens?.positions ?? 0, first.line.tokens?.channels ?? 0
    )
    guard positions > 0 else {
      throw failure(first.number, "tokens is empty", "Give at least one.")
    }
    var (tokens, targets): ([Int32], [Int32]) = ([], [])
    var facts: [String: [Int32]] = [:]
    for (number, line) in lines {
      func check(_ name: String, _ found: Int) throws {
        guard found == positions else {
          throw failure(
            number, "\(found) \(name), expected \(positions) as in line \(first.number)",
            "All lines must have one length, and one of each a position.")
        }
      }
      let own = line.tokens
      try check("positions of tokens", own?.positions ?? 0)
      guard own?.channels == channels else {
        throw failure(
          number, "\(own?.channels ?? 0) tokens at a position, expected \(channels)",
          "All lines have the same number of tokens at a position.")
      }
      if let bad = own?.values.first(where: { !(0..<vocabulary).contains(Int($0)) }) {
        throw failure(
          number, "token \(bad) is outside the vocabulary 0..<\(vocabulary)",
          "Give ids of the model's tokens; asura-train tasks shows a task's.")
      }
      tokens += own?.values ?? []
      if let own = line.targets {
        try check("targets", own.count)
        targets += own
      }
      if let own = line.positionIDs {
        try check("position_ids", own.count)
        guard own == first.line.positionIDs ?? [] else {
          throw failure(
            number, "other position_ids than line \(first.number)",
            "All examples of a trace have the same; capture others in a trace of their own.")
        }
      }
      guard Set((line.facts ?? [:]).keys) == Set((first.line.facts ?? [:]).keys) else {
        throw failure(
          number, "other facts than line \(first.number)", "Give every line the same facts.")
      }
      for (name, values) in line.facts ?? [:] {
        try check("values of the fact \(name)", values.count)
        facts[name, default: []] += values
      }
    }
    let input = try ModelInput(
      tokens: tokens, batch: lines.count, positions: positions, channels: channels,
      positionIDs: first.line.positionIDs)
    let shape = [input.batch, positions]
    return CaptureInput(
      input, targets: targets.isEmpty ? nil : targets, task: nil, name: task?.name ?? "",
      text: first.line.text == nil ? [] : lines.map { $0.line.text ?? "" },
      facts: facts.mapValues { TraceFact(IntegerArray(shape, $0)) })
  }
}
