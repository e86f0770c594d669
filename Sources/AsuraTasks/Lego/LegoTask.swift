import AsuraConfiguration
import AsuraTensor

/// Following a chain of assignments of ±1 whose clauses stand in any order: LEGO (Zhang et al. 2022,
/// "Unveiling Transformers with LEGO").
///
/// `symbols`: five positions a clause, `b = - a ;`, the first of the chain `a = + 1 ;`; the value of the clause is read
/// at its `;`. `clause`: one position of three channels, `b=`, `-` and `a`. The length is the number of clauses.
public struct LegoTask: LearningTask {
  public let options: LegoOptions

  /// - Throws: `TaskError` when the options can't be.
  public init(_ options: LegoOptions = LegoOptions()) throws {
    try options.validate()
    self.options = options
  }

  public var name: String { TaskConfiguration.Name.lego.rawValue }
  public var summary: String { "follow a chain of assignments, a = +1; b = -a; c = +b" }
  public var outputs: [String] { ["+", "-"] }
  public var outputSymbols: [Int32] { [0, 1] }
  public var channels: Int { options.tokens == .clause ? 3 : 1 }
  public var lengths: ClosedRange<Int> { options.lengths.range }

  /// The signs, the constant, the variables where they are referred to; then the variables where they are
  /// assigned (`clause`), or `=` and `;`.
  public var vocabulary: [String] {
    let names = SymbolSequences.names(options.alphabet)
    return outputs + ["1"] + names
      + (options.tokens == .clause ? names.map { $0 + "=" } : ["=", ";"])
  }

  static let one: Int32 = 2
  static let firstVariable: Int32 = 3

  // MARK: - Kinds

  public static let shuffled = ExampleKind(name: "shuffled", description: "clauses in any order")
  public static let ordered = ExampleKind(
    name: "ordered", description: "each clause after the one it refers to")
  public static let reversed = ExampleKind(
    name: "reversed", description: "each clause before the one it refers to")

  public var kinds: [ExampleKind] { [.training, Self.shuffled, Self.ordered, Self.reversed] }

  private func order(of kind: ExampleKind) -> LegoOptions.Order {
    switch kind {
    case Self.shuffled: .shuffled
    case Self.ordered: .ordered
    case Self.reversed: .reversed
    default: options.order
    }
  }

  // MARK: - Batches

  /// Positions a clause.
  private var span: Int { options.tokens == .clause ? 1 : 5 }

  public func layout(length: Int) throws -> Layout {
    try TaskError.check(
      "length", length, in: 1...options.alphabet,
      remedy: "each clause has a variable of its own: ask for fewer, or set alphabet higher")
    let positions = length * span
    return Layout(
      columns: positions, positionIDs: (1...positions).map(Int32.init),
      answer: (1...length).map { $0 * span - 1 })
  }

  public func makeBatch(
    length: Int, examples: Int, kind: ExampleKind, random: inout Random
  ) throws -> Batch {
    let layout = try checkedLayout(length: length, examples: examples, kind: kind)
    let chains = random.each(examples) {
      LegoChain.drawn(
        length: length, alphabet: options.alphabet, order: order(of: kind), random: &$0)
    }
    let isHalf = kind == .training && options.supervised == .half
    return batch(chains, layout, asking: isHalf ? (length + 1) / 2 : length)
  }

  /// - Parameter asking: how many values are asked for, from the constant's on.
  func batch(_ chains: [LegoChain], _ layout: Layout, asking: Int) -> Batch {
    let length = layout.answer.count
    func values(_ numbers: (LegoChain) -> [Int32]) -> [Int32] {
      Self.values(chains.map(numbers), of: chains, layout)
    }
    let value = values { chain in chain.isNegative.map { $0 ? 1 : 0 } }
    return Batch(
      examples: chains.count, channels: channels, layout: layout,
      tokens: chains.flatMap(tokens),
      targets: values { chain in
        chain.isNegative.enumerated().map { $0 >= asking ? -1 : $1 ? 1 : 0 }
      },
      facts: [
        Fact(
          name: "index", description: "the clause's place in the chain, 0 for the constant's",
          values: values { chain in (0..<Int32(chain.count)).map { $0 } }),
        Fact(
          name: "value", description: "the value of the clause's variable",
          classes: ["+1", "-1"], values: value),
        Fact(
          name: "sign", description: "the sign the clause writes", classes: outputs,
          values: values { chain in chain.isNegated.map { $0 ? 1 : 0 } }),
        Fact(
          name: "source", description: "where the clause it refers to stands, counted from 0",
          values: values { chain in [-1] + chain.places.dropLast().map(Int32.init) }),
      ], length: length, difficulty: length)
  }

  /// Numbers for each clause along the chain, put where the clause's value is read.
  static func values(_ numbers: [[Int32]], of chains: [LegoChain], _ layout: Layout) -> [Int32] {
    var values = [Int32](repeating: -1, count: chains.count * layout.positions)
    for (example, chain) in chains.enumerated() {
      for (position, index) in zip(layout.answer, chain.order) {
        values[example * layout.positions + position] = numbers[example][index]
      }
    }
    return values
  }

  private func tokens(of chain: LegoChain) -> [Int32] {
    let alphabet = Int32(options.alphabet)
    return chain.order.flatMap { index -> [Int32] in
      let variable = Self.firstVariable + Int32(chain.variables[index])
      let sign: Int32 = chain.isNegated[index] ? 1 : 0
      let source = chain.source(index).map { Self.firstVariable + Int32($0) } ?? Self.one
      let equals = Self.firstVariable + alphabet
      return options.tokens == .clause
        ? [variable + alphabet, sign, source] : [variable, equals, sign, source, equals + 1]
    }
  }
}
