import AsuraConfiguration
import AsuraTensor

/// Options of the task `pairs`.
public struct PairsOptions: Codable, Sendable, Equatable {
  /// Pairs to memorise, of each length.
  public var count: Int
  /// The number of different symbols.
  public var alphabet: Int
  public var targets: TargetMode
  /// Symbols a sequence; each length has pairs of its own.
  public var lengths: LengthRange
  /// Which pairs they are.
  public var seed: UInt64

  public init(
    count: Int = 256, alphabet: Int = 16, targets: TargetMode = .parallel,
    lengths: ClosedRange<Int> = 10...10, seed: UInt64 = 0
  ) {
    self.count = count
    self.alphabet = alphabet
    self.targets = targets
    self.lengths = LengthRange(lengths)
    self.seed = seed
  }

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case kind, count, alphabet, targets, lengths, seed
  }

  public init(from decoder: any Decoder) throws {
    let options = try Fields<CodingKeys>(decoder)
    self.init()
    count = try options.value(.count, default: count)
    alphabet = try options.value(.alphabet, default: alphabet)
    targets = try options.choice(.targets, default: targets)
    lengths = try options.value(.lengths, default: lengths)
    seed = try options.value(.seed, default: seed)
    try options.validating(validate)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(TaskConfiguration.Name.pairs.rawValue, forKey: .kind)
    try container.encode(count, forKey: .count)
    try container.encode(alphabet, forKey: .alphabet)
    try container.encode(targets, forKey: .targets)
    try container.encode(lengths, forKey: .lengths)
    try container.encode(seed, forKey: .seed)
  }

  /// More symbols to memorise than this are taken for a slip.
  private static let mostSymbols = 1 << 26

  /// Throws a `TaskError` that names the first option that can't be.
  public func validate() throws {
    try SymbolSequences.validate(alphabet: alphabet)
    try lengths.validate("lengths")
    // One pair of every length.
    let symbols = lengths.range.count * (lengths.lower + lengths.upper)
    guard symbols <= Self.mostSymbols else {
      throw TaskError(
        field: "lengths", found: "\(lengths)",
        expected: "at most \(Self.mostSymbols) symbols in one pair of every length",
        remedy: "the pairs are all kept in memory: ask for fewer or shorter lengths")
    }
    try TaskError.check(
      "count", count, in: 1...Self.mostSymbols / symbols,
      remedy: "the pairs are all kept in memory: ask for fewer, or for fewer or shorter lengths")
    // Inputs must differ, or the pairs contradict one another.
    var inputs = 1
    for _ in 0..<lengths.lower where inputs < count { inputs *= alphabet }
    guard count <= inputs else {
      throw TaskError(
        field: "count", found: "\(count)",
        expected: "at most \(inputs), the inputs of \(lengths.lower) symbols of \(alphabet)",
        remedy: "ask for fewer pairs, longer sequences or more symbols")
    }
  }
}

/// Memorising a fixed set of random pairs: the counterpart of `copy`, where nothing is to be
/// learned but the pairs themselves. Inputs all differ.
public struct PairsTask: SymbolSequenceTask {
  public let options: PairsOptions
  let sequences: SymbolSequences
  /// The pairs of each length, the shortest first.
  private let pairs: [[(input: [Int32], output: [Int32])]]

  /// Every pair once and in order, as far as the batch reaches.
  public static let inOrder = ExampleKind(
    name: "inOrder", description: "the pairs in order, from the first")

  /// - Throws: `TaskError` when the options can't be.
  public init(_ options: PairsOptions = PairsOptions()) throws {
    try options.validate()
    self.options = options
    let sequences = SymbolSequences(alphabet: options.alphabet, mode: options.targets)
    self.sequences = sequences
    let seeded = Random(seed: options.seed, for: "pairs")
    pairs = options.lengths.range.map { length in
      var random = seeded.split(UInt64(length))
      var seen: Set<[Int32]> = []
      var pairs: [(input: [Int32], output: [Int32])] = []
      while pairs.count < options.count {
        let input = sequences.draw(length: length, random: &random)
        guard seen.insert(input).inserted else { continue }
        pairs.append((input, sequences.draw(length: length, random: &random)))
      }
      return pairs
    }
  }

  public var name: String { TaskConfiguration.Name.pairs.rawValue }
  public var summary: String { "memorise a fixed set of random pairs of sequences" }
  public var lengths: ClosedRange<Int> { options.lengths.range }
  public var kinds: [ExampleKind] { [.training, Self.inOrder] }

  public func layout(length: Int) throws -> Layout {
    try TaskError.check(
      "length", length, in: lengths, remedy: "there are pairs to memorise of these lengths only")
    return try sequences.layout(length: length)
  }

  public func makeBatch(
    length: Int, examples: Int, kind: ExampleKind, random: inout Random
  ) throws -> Batch {
    let layout = try checkedLayout(length: length, examples: examples, kind: kind)
    let branch = random.branch()
    let indices = (0..<examples).map { example in
      var random = branch.split(UInt64(example))
      return kind == Self.inOrder
        ? example % options.count : Int(random.below(UInt64(options.count)))
    }
    return batch(indices, length: length, layout)
  }

  /// Reads the inputs of memorised pairs, such as `d b a`; others are errors, for nothing is to be said to them.
  public func makeBatch(reading texts: [String], length: Int?) throws -> Batch {
    let inputs = try sequences.symbols(in: texts, length: length)
    let length = inputs.first?.count ?? 1
    let layout = try checkedLayout(length: length, examples: inputs.count, kind: .training)
    let known = Dictionary(
      uniqueKeysWithValues: pairs[length - lengths.lowerBound].enumerated().map { ($1.input, $0) })
    let indices = try inputs.enumerated().map { number, input in
      guard let index = known[input] else {
        throw TaskError.text(
          number, found: texts[number],
          expected: "the input of one of the \(options.count) pairs of \(length) symbols",
          remedy: "asura-train tasks shows some, of the kind inOrder")
      }
      return index
    }
    return batch(indices, length: length, layout)
  }

  private func batch(_ indices: [Int], length: Int, _ layout: Layout) -> Batch {
    let chosen = indices.map { pairs[length - lengths.lowerBound][$0] }
    let facts = [
      Fact(
        name: "symbol", description: "the input's symbol at this place", classes: outputs,
        values: sequences.values(layout, examples: indices.count) { chosen[$0].input[$1] }),
      Fact(
        name: "pair", description: "which of the pairs this is, from 0",
        values: sequences.values(layout, examples: indices.count) { example, _ in
          Int32(indices[example])
        }),
    ]
    return sequences.batch(chosen, layout: layout, facts: facts)
  }
}
