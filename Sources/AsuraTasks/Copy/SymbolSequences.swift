import AsuraConfiguration
import AsuraTensor

/// What `copy` and `pairs` share: an input sequence of symbols and an output sequence of equal
/// length, over one alphabet.
///
/// Parallel: the output's symbol is asked for at the input's position. Next token: the input, `=`,
/// and the output but its last symbol. Symbol k of either has position id `k + 1`.
struct SymbolSequences: Sendable {
  let alphabet: Int
  let mode: TargetMode

  var outputs: [String] { Self.names(alphabet) }

  /// Names of that many symbols: letters while they last, else numbered.
  static func names(_ alphabet: Int) -> [String] {
    alphabet <= 26
      ? "abcdefghijklmnopqrstuvwxyz".prefix(alphabet).map(String.init)
      : (0..<alphabet).map { "s\($0)" }
  }
  var vocabulary: [String] { outputs + (mode == .nextToken ? ["="] : []) }

  func layout(length n: Int) throws -> Layout {
    try TaskError.check(
      "length", n, in: 1...LengthRange.longest, remedy: "ask for a number of symbols")
    let ids = (1...n).map(Int32.init)
    switch mode {
    case .parallel: return Layout(columns: n, positionIDs: ids, answer: Array(0..<n))
    case .nextToken:
      return Layout(
        columns: 2 * n, positionIDs: ids + [0] + ids.dropLast(), answer: Array(n..<2 * n),
        mode: .nextToken)
    }
  }

  func batch(_ pairs: [(input: [Int32], output: [Int32])], layout: Layout, facts: [Fact]) -> Batch {
    var tokens: [Int32] = []
    var targets: [Int32] = []
    for (input, output) in pairs {
      tokens += input
      if mode == .nextToken {
        tokens.append(Int32(alphabet))
        tokens += output.dropLast()
        targets += [Int32](repeating: -1, count: input.count)
      }
      targets += output
    }
    return Batch(
      examples: pairs.count, layout: layout, tokens: tokens, targets: targets, facts: facts,
      length: layout.answer.count, difficulty: 1)
  }

  /// Values given for each example and answer place, put where the answer is read.
  func values(_ layout: Layout, examples: Int, _ value: (Int, Int) -> Int32) -> [Int32] {
    var values = [Int32](repeating: -1, count: examples * layout.positions)
    for example in 0..<examples {
      for (place, position) in layout.answer.enumerated() {
        values[example * layout.positions + position] = value(example, place)
      }
    }
    return values
  }

  func draw(length: Int, random: inout Random) -> [Int32] {
    (0..<length).map { _ in Int32(random.below(UInt64(alphabet))) }
  }

  static func validate(alphabet: Int) throws {
    try TaskError.check(
      "alphabet", alphabet, in: 2...100_000, remedy: "give the number of different symbols")
  }
}

// MARK: - Reading text

extension SymbolSequences {
  /// The symbols of each text, parted by spaces, or run together where each is one letter; all of one length.
  func symbols(in texts: [String], length: Int?) throws -> [[Int32]] {
    let numbers = Dictionary(
      uniqueKeysWithValues: outputs.enumerated().map { ($1, Int32($0)) })
    var first: Int?
    return try texts.enumerated().map { index, text in
      var words = text.split(whereSeparator: \.isWhitespace).map(String.init)
      if alphabet <= 26 { words = words.flatMap { $0.map(String.init) } }
      let symbols = try words.map { word in
        guard let symbol = numbers[word] else {
          throw TaskError.text(
            index, found: word, expected: "symbols from \(outputs[0]) to \(outputs[alphabet - 1])",
            remedy: "part them by spaces")
        }
        return symbol
      }
      let expected = length ?? first ?? symbols.count
      first = first ?? symbols.count
      guard !symbols.isEmpty, symbols.count == expected else {
        throw TaskError.text(
          index, found: text, expected: symbols.isEmpty ? "symbols" : "\(expected) symbols",
          remedy: "all texts must have one length")
      }
      return symbols
    }
  }
}

/// How both tasks show their sequences.
protocol SymbolSequenceTask: LearningTask {
  var sequences: SymbolSequences { get }
}

extension SymbolSequenceTask {
  public var vocabulary: [String] { sequences.vocabulary }
  public var outputs: [String] { sequences.outputs }
  public var outputSymbols: [Int32] { (0..<Int32(sequences.alphabet)).map { $0 } }
  public var channels: Int { 1 }

  public func question(_ batch: Batch, example: Int) -> String {
    batch.tokens(ofExample: example).prefix(batch.length).map { outputs[Int($0)] }
      .joined(separator: " ")
  }

  public func answer(_ classes: some Collection<Int32>, in batch: Batch) -> String {
    let classes = Array(classes)
    return batch.layout.answer.map { outputs[Int(classes[$0])] }.joined(separator: " ")
  }

  public func render(_ batch: Batch, example: Int, prediction: [Int32]?) -> String {
    let places = batch.layout.answer
    let targets = Array(batch.targets(ofExample: example))
    var rows = TextRows()
    rows.add(
      "input",
      batch.tokens(ofExample: example).prefix(batch.length).map { outputs[Int($0)] })
    rows.add("output", places.map { outputs[Int(targets[$0])] })
    if let prediction {
      rows.add("model", places.map { outputs[Int(prediction[$0])] })
      rows.add("wrong", places.map { prediction[$0] == targets[$0] ? " " : "^" })
    }
    return """
      \(name), \(batch.length) symbol\(batch.length == 1 ? "" : "s") of \(sequences.alphabet)
      tokens: \(inputText(batch, example: example))
      \(rows.text())
      """
  }
}
