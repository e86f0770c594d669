import AsuraConfiguration
import AsuraTensor

/// p-hop induction (Sanford et al. 2024; Saunshi et al. 2025): from the last symbol of a sequence, go to the position
/// after its last earlier occurrence, again from there, p times; which symbol is it?
///
/// The sequence, then p marks unless `marks` is off; the answer is read at the last position. The length is p, the number
/// of hops; sequences all have as many symbols as the options say, and no symbol stands beside itself, so that every
/// hop moves.
public struct HopsTask: LearningTask {
  public let options: HopsOptions

  /// - Throws: `TaskError` when the options can't be.
  public init(_ options: HopsOptions = HopsOptions()) throws {
    try options.validate()
    self.options = options
  }

  public var name: String { TaskConfiguration.Name.hops.rawValue }
  public var summary: String { "follow p induction hops back through a sequence" }
  public var outputs: [String] { SymbolSequences.names(options.alphabet) }
  public var outputSymbols: [Int32] { (0..<Int32(options.alphabet)).map { $0 } }
  public var channels: Int { 1 }
  public var lengths: ClosedRange<Int> { options.lengths.range }
  public var vocabulary: [String] { outputs + (options.marks ? [Self.mark] : []) }

  static let mark = ">"

  // MARK: - Kinds

  public static let uniform = ExampleKind(
    name: "uniform", description: "each symbol as likely after any other")
  public static let spread = ExampleKind(
    name: "spread", description: "hops that are drawn to land anywhere, much further apart")

  /// Training's sequences are uniform.
  public var kinds: [ExampleKind] { [.training, Self.uniform, Self.spread] }

  func draw(hops: Int, kind: ExampleKind, random: inout Random) -> HopSequence {
    let (count, alphabet) = (options.symbols, options.alphabet)
    return kind == Self.spread
      ? .spread(count, alphabet: alphabet, hops: hops, random: &random)
      : .uniform(count, alphabet: alphabet, hops: hops, random: &random)
  }

  // MARK: - Batches

  public func layout(length: Int) throws -> Layout {
    if !options.marks {
      try TaskError.check(
        "length", length, in: lengths,
        remedy: "without marks the model knows no other number of hops")
    }
    try TaskError.check(
      "length", length, in: 1...options.mostHops,
      remedy: "\(options.symbols) symbols hold no more hops: set symbols higher")
    let positions = options.symbols + (options.marks ? length : 0)
    return Layout(
      columns: positions, positionIDs: (1...positions).map(Int32.init), answer: [positions - 1])
  }

  public func makeBatch(
    length: Int, examples: Int, kind: ExampleKind, random: inout Random
  ) throws -> Batch {
    let layout = try checkedLayout(length: length, examples: examples, kind: kind)
    return batch(
      random.each(examples) { draw(hops: length, kind: kind, random: &$0) }, length: length, layout)
  }

  func batch(_ sequences: [HopSequence], length: Int, _ layout: Layout) -> Batch {
    let marks = layout.positions - options.symbols
    /// A number for each hop, put at its mark; without marks, that of the last hop at the last position.
    func atMarks(_ number: (HopSequence, _ hop: Int) -> Int32) -> [Int32] {
      sequences.flatMap { sequence in
        var values = [Int32](repeating: -1, count: layout.positions)
        for hop in (marks == 0 ? length : 1)...length {
          values[layout.positions - 1 - (length - hop)] = number(sequence, hop)
        }
        return values
      }
    }
    let symbols = atMarks { $0.symbols[$0.landings[$1]] }
    return Batch(
      examples: sequences.count, layout: layout,
      tokens: sequences.flatMap {
        $0.symbols + [Int32](repeating: Int32(options.alphabet), count: marks)
      },
      targets: symbols.enumerated().map {
        $0 % layout.positions == layout.positions - 1 ? $1 : -1
      },
      facts: [
        Fact(
          name: "hop",
          description: "the number of the hop that lands here, 0 where the first starts",
          values: sequences.flatMap { sequence in
            var values = [Int32](repeating: -1, count: layout.positions)
            for (hop, landing) in sequence.landings.enumerated() { values[landing] = Int32(hop) }
            return values
          }),
        Fact(
          name: "target", description: "the position that one hop from here would land on, from 0",
          values: sequences.flatMap { sequence in
            HopSequence.targets(sequence.symbols).map(Int32.init)
              + [Int32](repeating: -1, count: marks)
          }),
        Fact(
          name: "landing", description: "the position that the hop of this mark lands on, from 0",
          values: atMarks { Int32($0.landings[$1]) }),
        Fact(
          name: "symbol", description: "the symbol that the hop of this mark lands on",
          classes: outputs, values: symbols),
      ], length: length, difficulty: length)
  }
}
