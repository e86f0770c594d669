import Asura
import AsuraCommandLine
import AsuraConfiguration
import AsuraModel
import AsuraTasks
import Foundation

/// Pairs from a file: one JSON object a line, `{"clean": …, "corrupted": …}`.
///
/// Either side is a text that the task reads, a list of tokens (of lists, where several stand at a position), or
/// `{"tokens": …, "answer": …}` with the answer's class at each position, negative where nothing is asked. `"positions"`
/// may say which positions correspond, `[[clean, corrupted], …]`; it must where the two have different lengths.
struct PatchPairsInput {
  /// Larger files are taken for a slip.
  private static let mostBytes = 64 << 20

  private struct Line: Decodable {
    let clean: Side
    let corrupted: Side
    let positions: [[Int]]?

    enum CodingKeys: String, CodingKey, CaseIterable { case clean, corrupted, positions }

    init(from decoder: any Decoder) throws {
      let fields = try Fields<CodingKeys>(decoder)
      clean = try fields.required(.clean)
      corrupted = try fields.required(.corrupted)
      positions = try fields.value(.positions)
    }
  }

  private enum Side: Decodable {
    case text(String)
    case tokens([[Int32]], answer: [Int32]?)

    enum CodingKeys: String, CodingKey, CaseIterable { case tokens, answer }

    init(from decoder: any Decoder) throws {
      if let text = try? String(from: decoder) {
        self = .text(text)
      } else if let tokens = try? Places(from: decoder) {
        self = .tokens(tokens.values, answer: nil)
      } else {
        let fields = try Fields<CodingKeys>(decoder)
        let places: Places = try fields.required(.tokens)
        self = .tokens(places.values, answer: try fields.value(.answer))
      }
    }
  }

  /// Tokens by position.
  private struct Places: Decodable {
    let values: [[Int32]]

    init(from decoder: any Decoder) throws {
      if let single = try? [Int32](from: decoder) {
        values = single.map { [$0] }
      } else {
        values = try [[Int32]](from: decoder)
      }
    }
  }

  private let path: String
  private var lines: [(number: Int, line: Line)] = []

  /// - Throws: `CommandError` that names the line.
  init(_ path: String) throws {
    self.path = path
    let url = URL(fileURLWithPath: path)
    let size = (try? url.resourceValues(forKeys: [.fileSizeKey]).fileSize) ?? 0
    guard size <= Self.mostBytes else {
      throw CommandError(
        "\(path) has \(size) bytes, at most \(Self.mostBytes) are read", status: .usage,
        remedy: "give fewer pairs")
    }
    let data: Data
    do { data = try Data(contentsOf: url) } catch {
      throw CommandError(
        "cannot read \(path): \(error.localizedDescription)", status: .incompleteInput,
        remedy: "check the path")
    }
    for (index, text) in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .enumerated() where !text.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D })
    {
      do {
        lines.append((index + 1, try JSONDecoder().decode(Line.self, from: Data(text))))
      } catch let error as ConfigurationError {
        throw failure(index + 1, "\(error)")
      } catch {
        throw failure(
          index + 1, "not a pair",
          "write {\"clean\": \"12 + 9 =\", \"corrupted\": \"12 + 7 =\"}, or lists of tokens")
      }
    }
    guard !lines.isEmpty else {
      throw CommandError(
        "\(path) holds no pairs", status: .incompleteInput,
        remedy: "write one a line: {\"clean\": \"12 + 9 =\", \"corrupted\": \"12 + 7 =\"}")
    }
  }

  private func failure(_ number: Int, _ message: String, _ remedy: String? = nil) -> CommandError {
    CommandError("\(path), line \(number): \(message)", status: .incompleteInput, remedy: remedy)
  }

  // MARK: Pairs

  func pairs(
    of task: (any LearningTask)?, _ configuration: ModelConfiguration, length: Int?
  ) throws -> ContrastPairs {
    let texts = try texts()
    guard let texts else { return try tokenised(configuration) }
    guard let task else {
      throw failure(
        lines[0].number, "a text, but no task that could read it",
        "name the task with --task, or give tokens")
    }
    // Both sides at once, so that a task which fills up to the longest makes all equally long.
    let both = texts.flatMap { [$0.clean, $0.corrupted] }
    for (i, text) in both.enumerated() {
      do { _ = try task.makeBatch(reading: [text], length: length) } catch let error as TaskError {
        throw failure(
          lines[i / 2].number, "found \(error.found), expected \(error.expected)", error.remedy)
      }
    }
    let batch = try task.makeBatch(reading: both, length: length)
    let input = try ModelInput(batch)
    func side(_ first: Int) throws -> (ModelInput, [Int32]) {
      let rows = Array(stride(from: first, to: both.count, by: 2))
      return (try input.selecting(rows), rows.flatMap { batch.targets(ofExample: $0) })
    }
    let (clean, corrupted) = (try side(0), try side(1))
    var pairs = try ContrastPairs(
      clean: clean.0, corrupted: corrupted.0, cleanAnswers: clean.1, corruptedAnswers: corrupted.1,
      alignment: alignment(clean.0, corrupted.0))
    pairs.names = texts.map { "\($0.clean) | \($0.corrupted)" }
    return pairs
  }

  /// Each line's two texts; nil where lines hold tokens.
  private func texts() throws -> [(clean: String, corrupted: String)]? {
    var found: [(clean: String, corrupted: String)] = []
    for (number, line) in lines {
      switch (line.clean, line.corrupted) {
      case (.text(let clean), .text(let corrupted)): found.append((clean, corrupted))
      case (.tokens, .tokens): break
      default: throw failure(number, "a text and tokens", "give two of the same")
      }
      guard found.isEmpty || found.count == lines.prefix(while: { $0.number <= number }).count
      else {
        throw failure(number, "tokens, where other lines have texts", "give the same in all lines")
      }
    }
    return found.isEmpty ? nil : found
  }

  private func tokenised(_ configuration: ModelConfiguration) throws -> ContrastPairs {
    func side(
      _ name: String, _ side: (Line) -> Side
    ) throws -> (input: ModelInput, answers: [Int32]?) {
      var (tokens, answers): ([Int32], [Int32]) = ([], [])
      var positions = 0
      for (number, line) in lines {
        guard case .tokens(let places, let answer) = side(line) else { continue }
        if positions == 0 { positions = places.count }
        guard places.count == positions, positions > 0 else {
          throw failure(
            number, "\(places.count) \(name) positions, expected \(positions)",
            "all \(name) inputs must have one length, at least 1")
        }
        guard places.allSatisfy({ $0.count == configuration.channels }) else {
          throw failure(
            number, "the model reads \(configuration.channels) tokens at a position",
            "give lists of that many")
        }
        let all = places.flatMap { $0 }
        if let bad = all.first(where: { !(0..<configuration.vocabulary).contains(Int($0)) }) {
          throw failure(
            number, "token \(bad) is outside the vocabulary 0..<\(configuration.vocabulary)")
        }
        if let answer {
          guard answer.count == positions, answer.allSatisfy({ $0 < configuration.classes }) else {
            throw failure(
              number, "an answer of \(answer.count) classes for \(positions) positions",
              "give a class below \(configuration.classes) for each, negative where nothing is asked"
            )
          }
        }
        guard (answer == nil) == answers.isEmpty || tokens.isEmpty else {
          throw failure(number, "an answer in some lines only", "give one in all, or in none")
        }
        tokens += all
        answers += answer ?? []
      }
      return (
        try ModelInput(
          tokens: tokens, batch: lines.count, positions: positions,
          channels: configuration.channels), answers.isEmpty ? nil : answers
      )
    }
    let clean = try side("clean", \.clean)
    let corrupted = try side("corrupted", \.corrupted)
    return try ContrastPairs(
      clean: clean.input, corrupted: corrupted.input, cleanAnswers: clean.answers,
      corruptedAnswers: corrupted.answers, alignment: alignment(clean.input, corrupted.input))
  }

  private func alignment(_ clean: ModelInput, _ corrupted: ModelInput) throws -> [[Int?]]? {
    if lines.allSatisfy({ $0.line.positions == nil }) {
      guard clean.positions == corrupted.positions else {
        throw failure(
          lines[0].number,
          "the clean input has \(clean.positions) positions, the corrupted one \(corrupted.positions)",
          "make them equally long, or add \"positions\": [[clean, corrupted], …]")
      }
      return nil
    }
    return try lines.map { number, line in
      guard let positions = line.positions else {
        throw failure(number, "lacks positions, unlike other lines", "give them in all, or in none")
      }
      var map = [Int?](repeating: nil, count: clean.positions)
      for pair in positions {
        guard pair.count == 2, map.indices.contains(pair[0]), map[pair[0]] == nil,
          (0..<corrupted.positions).contains(pair[1]), !map.contains(pair[1])
        else {
          throw failure(
            number, "positions has \(pair)",
            "each is [clean, corrupted], from 0, and comes once")
        }
        map[pair[0]] = pair[1]
      }
      return map
    }
  }
}
