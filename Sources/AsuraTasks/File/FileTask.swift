import AsuraConfiguration
import AsuraTensor

/// Examples of a file of one's own, one JSON object a line: `{"input": "12+34", "target": "46"}`, with `facts`, if there
/// are any, as lists of whole numbers by name, one for each symbol of the input, or one for each position.
///
/// A batch holds examples whose inputs are equally long. `after`: the input, a sign, then slots (parallel) or the
/// target but its last symbol (next token); `inPlace`: the input, and the target is asked for at its places. Symbol k
/// of the input and of the target have position id `k + 1`, the sign has 0.
///
/// Which examples are for training, validation and test depends on their input alone. The file is read once, when the
/// task is made.
public struct FileTask: LearningTask {
  public let options: FileOptions
  private let groups: [Int: FileExamples.Group]
  private let inputs: [String]
  private let factNames: [String]
  /// The lengths of training examples and how many have each, from short to long.
  private let trained: [(length: Int, count: Int)]
  public let outputs: [String]
  public let vocabulary: [String]
  public let outputSymbols: [Int32]
  public let lengths: ClosedRange<Int>

  /// Signs, as a model's vocabulary names them: between input and answer, and where the answer is asked for.
  private static let signs = ["<answer>", "<slot>"]

  /// Reads the file.
  ///
  /// - Throws: `TaskError` when the options can't be, or the file can't be read; it names the line.
  public init(_ options: FileOptions) throws {
    try options.validate()
    let examples = try FileExamples(options)
    self.options = options
    groups = examples.groups
    factNames = examples.factNames
    inputs = examples.inputs.symbols
    outputs = examples.outputs.symbols
    var vocabulary = inputs
    if options.targets == .nextToken {
      let known = Set(vocabulary)
      vocabulary += outputs.filter { !known.contains($0) }
    }
    if let sign = vocabulary.first(where: Self.signs.contains) {
      throw TaskError(
        field: options.path, found: "the symbol \(sign)", expected: "another",
        remedy: "it marks the place of the answer: rename it")
    }
    let ids = Dictionary(uniqueKeysWithValues: vocabulary.enumerated().map { ($1, Int32($0)) })
    outputSymbols = options.targets == .nextToken ? outputs.compactMap { ids[$0] } : []
    if options.answer == .after {
      vocabulary += Self.signs.prefix(options.targets == .parallel ? 2 : 1)
    }
    self.vocabulary = vocabulary
    trained = groups.values.compactMap { group in
      group.parts[.training].map { (group.inputLength, $0.count) }
    }.sorted { $0.length < $1.length }
    lengths = (trained.first?.length ?? 1)...(trained.last?.length ?? 1)
  }

  public static let summary = "examples of a file of your own, one JSON object a line"
  public static let validation = ExampleKind(
    name: "validation", description: "those kept apart for validation")
  public static let test = ExampleKind(name: "test", description: "those kept apart for the test")
  public static let kinds: [ExampleKind] = [.training, validation, test]

  public var name: String { TaskConfiguration.Name.file.rawValue }
  public var summary: String { Self.summary }
  public var kinds: [ExampleKind] { Self.kinds }
  public var channels: Int { 1 }

  /// Draws the length of one of the training examples, each of them as likely.
  public func drawLength(random: inout Random) -> Int {
    var index = Int(random.below(UInt64(trained.reduce(0) { $0 + $1.count })))
    for (length, count) in trained {
      if index < count { return length }
      index -= count
    }
    return lengths.upperBound
  }

  // MARK: - Batches

  private func group(_ length: Int) throws -> FileExamples.Group {
    guard let group = groups[length] else {
      let lengths = groups.keys.sorted().map(String.init).joined(separator: ", ")
      throw TaskError(
        field: "length", found: "\(length)",
        expected: "one of the lengths of inputs in \(options.path): \(shortened(lengths))",
        remedy: "add examples of that length")
    }
    return group
  }

  public func layout(length: Int) throws -> Layout { options.layout(try group(length)) }

  public func makeBatch(
    length: Int, examples: Int, kind: ExampleKind, random: inout Random
  ) throws -> Batch {
    let layout = try checkedLayout(length: length, examples: examples, kind: kind)
    let group = try group(length)
    let part: ExamplePart =
      kind == Self.validation ? .validation : kind == Self.test ? .test : .training
    guard let candidates = group.parts[part] else {
      throw TaskError(
        field: "kind", found: "\(kind.name) with length \(length)",
        expected: "a part of \(options.path) that has examples of this length",
        remedy: "ask for another length, or change the shares of validation and test")
    }
    let chosen = random.each(examples) { random in
      return candidates[Int(random.below(UInt64(candidates.count)))]
    }
    return batch(chosen, of: group, layout)
  }

  private func batch(_ chosen: [Int], of group: FileExamples.Group, _ layout: Layout) -> Batch {
    var tokens: [Int32] = []
    var targets: [Int32] = []
    let answer = Int32(vocabulary.count - (options.targets == .parallel ? 2 : 1))
    for example in chosen {
      let (input, target) = (group.inputs[example], group.targets[example])
      tokens += input
      if options.answer == .after {
        tokens.append(answer)
        tokens +=
          options.targets == .nextToken
          ? target.dropLast().map { outputSymbols[Int($0)] }
          : Array(repeating: answer + 1, count: target.count)
        targets += Array(repeating: -1, count: layout.positions - target.count)
      }
      targets += target
    }
    let facts = factNames.map { name in
      Fact(
        name: name, description: "as \(options.path) has it",
        values: chosen.flatMap { example in
          let values = group.facts[name]?[example] ?? []
          return values + Array(repeating: -1, count: layout.positions - values.count)
        })
    }
    return Batch(
      examples: chosen.count, layout: layout, tokens: tokens, targets: targets, facts: facts,
      length: group.inputLength, difficulty: group.inputLength)
  }

  // MARK: - Text

  /// Reads inputs of the file; of others the answer isn't known.
  public func makeBatch(reading texts: [String], length: Int?) throws -> Batch {
    let ids = Dictionary(uniqueKeysWithValues: inputs.enumerated().map { ($1, Int32($0)) })
    let symbols = texts.map { options.symbols.cut($0) }
    let length = length ?? symbols.first?.count ?? lengths.lowerBound
    let layout = try checkedLayout(length: length, examples: texts.count, kind: .training)
    let group = try group(length)
    let chosen = try symbols.enumerated().map { number, symbols in
      let input = symbols.map { ids[$0] ?? -1 }
      guard let example = group.inputs.firstIndex(of: input) else {
        throw TaskError.text(
          number, found: texts[number],
          expected: "an input of \(length) symbols in \(options.path)",
          remedy: "add it to the file with its target")
      }
      return example
    }
    return batch(chosen, of: group, layout)
  }

  public func question(_ batch: Batch, example: Int) -> String {
    batch.tokens(ofExample: example).prefix(batch.length).map { vocabulary[Int($0)] }
      .joined(separator: options.symbols.separator)
  }

  public func answer(_ classes: some Collection<Int32>, in batch: Batch) -> String {
    let classes = Array(classes)
    return batch.layout.answer.map { outputs[Int(classes[$0])] }
      .joined(separator: options.symbols.separator)
  }

  public func render(_ batch: Batch, example: Int, prediction: [Int32]?) -> String {
    let places = batch.layout.answer
    let targets = Array(batch.targets(ofExample: example))
    var rows = TextRows()
    rows.add(
      "input", batch.tokens(ofExample: example).prefix(batch.length).map { vocabulary[Int($0)] })
    rows.add("target", places.map { outputs[Int(targets[$0])] })
    if let prediction {
      rows.add("model", places.map { outputs[Int(prediction[$0])] })
      rows.add("wrong", places.map { prediction[$0] == targets[$0] ? " " : "^" })
    }
    return """
      \(name) \(options.path), \(batch.length) symbol\(batch.length == 1 ? "" : "s")
      tokens: \(inputText(batch, example: example))
      \(rows.text())
      """
  }
}

extension FileOptions {
  /// How many positions an example has.
  func positions(_ input: Int, _ target: Int) -> Int {
    switch (answer, targets) {
    case (.inPlace, _): input
    case (.after, .parallel): input + 1 + target
    case (.after, .nextToken): input + target
    }
  }

  fileprivate func layout(_ group: FileExamples.Group) -> Layout {
    let (input, target) = (group.inputLength, group.targetLength)
    let count = positions(input, target)
    let ids = (1...Int32(input)).map { $0 }
    let answerIDs = (1...Int32(target)).map { $0 }
    return Layout(
      columns: count,
      positionIDs: answer == .inPlace ? ids : ids + [0] + answerIDs.prefix(count - input - 1),
      answer: Array(count - target..<count), mode: targets)
  }
}
