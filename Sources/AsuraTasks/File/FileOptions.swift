import AsuraConfiguration

/// Options of the task `file`.
public struct FileOptions: Codable, Sendable, Equatable {
  /// What a text is cut into.
  public enum Symbols: String, Codable, CaseIterable, Sendable {
    /// Every character is a symbol.
    case characters
    /// Words are, parted by spaces.
    case words
  }

  /// Where the answer is asked for.
  public enum Answer: String, Codable, CaseIterable, Sendable {
    /// After the input and a sign, at places of its own.
    case after
    /// At the input's places: symbol k of the target at symbol k of the input, which is as long.
    case inPlace
  }

  /// The file, from the folder the program runs in unless the path is absolute.
  public var path: String
  public var symbols: Symbols
  public var answer: Answer
  public var targets: TargetMode
  /// The symbols of inputs; those that the file's inputs have, sorted, when nil. Given, they keep their token ids
  /// whatever is written to the file later.
  public var vocabulary: [String]?
  /// The symbols of targets; those that the file's targets have, sorted, when nil.
  public var outputs: [String]?
  /// Share of the inputs, picked by a hash, that are for validation.
  public var validation: Double
  /// Share of the inputs, picked by a hash, that are for the test.
  public var test: Double

  public init(
    path: String, symbols: Symbols = .characters, answer: Answer = .after,
    targets: TargetMode = .parallel, vocabulary: [String]? = nil, outputs: [String]? = nil,
    validation: Double = 0.1, test: Double = 0.1
  ) {
    self.path = path
    self.symbols = symbols
    self.answer = answer
    self.targets = targets
    self.vocabulary = vocabulary
    self.outputs = outputs
    self.validation = validation
    self.test = test
  }

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case kind, path, symbols, answer, targets, vocabulary, outputs, validation, test
  }

  public init(from decoder: any Decoder) throws {
    let options = try Fields<CodingKeys>(decoder)
    self.init(path: try options.required(.path))
    symbols = try options.choice(.symbols, default: symbols)
    answer = try options.choice(.answer, default: answer)
    targets = try options.choice(.targets, default: targets)
    vocabulary = try options.value(.vocabulary)
    outputs = try options.value(.outputs)
    validation = try options.value(.validation, default: validation)
    test = try options.value(.test, default: test)
    try options.validating(validate)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(TaskConfiguration.Name.file.rawValue, forKey: .kind)
    try container.encode(path, forKey: .path)
    try container.encode(symbols, forKey: .symbols)
    try container.encode(answer, forKey: .answer)
    try container.encode(targets, forKey: .targets)
    try container.encodeIfPresent(vocabulary, forKey: .vocabulary)
    try container.encodeIfPresent(outputs, forKey: .outputs)
    try container.encode(validation, forKey: .validation)
    try container.encode(test, forKey: .test)
  }

  /// More symbols than this are taken for a slip.
  static let mostSymbols = 100_000

  /// Throws a `TaskError` that names the first option that can't be; does not look at the file.
  public func validate() throws {
    guard !path.isEmpty else {
      throw TaskError(
        field: "path", found: "nothing", expected: "the path of a JSON Lines file",
        remedy: "write for instance path: sums.jsonl")
    }
    if targets == .nextToken && answer == .inPlace {
      throw TaskError(
        field: "answer", found: "inPlace with targets nextToken", expected: "after",
        remedy: "symbol by symbol, an answer needs places of its own")
    }
    for (field, symbols) in [("vocabulary", vocabulary), ("outputs", outputs)] {
      guard let symbols else { continue }
      try TaskError.check(
        "\(field)", symbols.count, in: 1...Self.mostSymbols, remedy: "list the symbols, once each")
      if let bad = symbols.first(where: { self.symbols.cut($0).count != 1 }) {
        throw TaskError(
          field: field, found: "\"\(shortened(bad))\"",
          expected: "symbols of \(self.symbols == .words ? "one word" : "one character")",
          remedy: "set symbols to words or to characters")
      }
      guard Set(symbols).count == symbols.count else {
        throw TaskError(
          field: field, found: "a symbol twice", expected: "each symbol once",
          remedy: "leave the list out to take the file's own")
      }
    }
    for (field, share) in [("validation", validation), ("test", test)] {
      try TaskError.check(field, share, in: 0...1, remedy: "it is a share of the inputs")
    }
    guard validation + test < 1 else {
      throw TaskError(
        field: "validation, test", found: "\(validation) and \(test)",
        expected: "less than 1 in all",
        remedy: "leave some to train on")
    }
  }
}

extension FileOptions.Symbols {
  /// The symbols of a text.
  func cut(_ text: String) -> [String] {
    switch self {
    case .characters: text.map(String.init)
    case .words: text.split(whereSeparator: \.isWhitespace).map(String.init)
    }
  }

  /// What stands between symbols.
  var separator: String { self == .words ? " " : "" }
}
