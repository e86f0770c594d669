import AsuraConfiguration
import AsuraTensor

/// Options of the task `copy`.
public struct CopyOptions: Codable, Sendable, Equatable {
  /// The number of different symbols.
  public var alphabet: Int
  public var targets: TargetMode
  /// Symbols an example to train on.
  public var lengths: LengthRange

  public init(
    alphabet: Int = 16, targets: TargetMode = .parallel, lengths: ClosedRange<Int> = 1...10
  ) {
    self.alphabet = alphabet
    self.targets = targets
    self.lengths = LengthRange(lengths)
  }

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case kind, alphabet, targets, lengths
  }

  public init(from decoder: any Decoder) throws {
    let options = try Fields<CodingKeys>(decoder)
    self.init()
    alphabet = try options.value(.alphabet, default: alphabet)
    targets = try options.choice(.targets, default: targets)
    lengths = try options.value(.lengths, default: lengths)
    try options.validating(validate)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(TaskConfiguration.Name.copy.rawValue, forKey: .kind)
    try container.encode(alphabet, forKey: .alphabet)
    try container.encode(targets, forKey: .targets)
    try container.encode(lengths, forKey: .lengths)
  }

  /// Throws a `TaskError` that names the first option that can't be.
  public func validate() throws {
    try SymbolSequences.validate(alphabet: alphabet)
    try lengths.validate("lengths")
  }
}

/// Saying random sequences back: f(x) = x.
public struct CopyTask: SymbolSequenceTask {
  public let options: CopyOptions
  let sequences: SymbolSequences

  /// - Throws: `TaskError` when the options can't be.
  public init(_ options: CopyOptions = CopyOptions()) throws {
    try options.validate()
    self.options = options
    sequences = SymbolSequences(alphabet: options.alphabet, mode: options.targets)
  }

  public var name: String { TaskConfiguration.Name.copy.rawValue }
  public var summary: String { "say a random sequence back" }
  public var lengths: ClosedRange<Int> { options.lengths.range }
  public var kinds: [ExampleKind] { [.training] }

  public func layout(length: Int) throws -> Layout { try sequences.layout(length: length) }

  public func makeBatch(
    length: Int, examples: Int, kind: ExampleKind, random: inout Random
  ) throws -> Batch {
    let layout = try checkedLayout(length: length, examples: examples, kind: kind)
    let inputs = random.each(examples) { random in
      return sequences.draw(length: length, random: &random)
    }
    return batch(inputs, layout)
  }

  /// Reads sequences such as `d b a`.
  public func makeBatch(reading texts: [String], length: Int?) throws -> Batch {
    let inputs = try sequences.symbols(in: texts, length: length)
    return batch(
      inputs,
      try checkedLayout(
        length: inputs.first?.count ?? 1, examples: inputs.count, kind: .training))
  }

  func batch(_ inputs: [[Int32]], _ layout: Layout) -> Batch {
    let symbol = Fact(
      name: "symbol", description: "the symbol to say here", classes: outputs,
      values: sequences.values(layout, examples: inputs.count) { inputs[$0][$1] })
    return sequences.batch(inputs.map { ($0, $0) }, layout: layout, facts: [symbol])
  }
}
