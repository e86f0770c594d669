import AsuraConfiguration
import AsuraTensor

/// Adding two numbers of equal length, of any number of digits, least significant first.
///
/// `columns`: an optional column of two `bos`, then one column a digit pair and a last one (0, 0)
/// whose sum is the final carry; two channels a position. `plain`: `a0 a1 … + b0 b1 … =`, then
/// `n + 1` slots (parallel) or the answer's digits but the last (next token); one channel.
///
/// Digit k of either number and of the answer have position id `k + 1`; the signs have 0.
public struct AdditionTask: LearningTask {
  public let options: AdditionOptions

  /// - Throws: `TaskError` when the options can't be.
  public init(_ options: AdditionOptions = AdditionOptions()) throws {
    try options.validate()
    self.options = options
  }

  public var name: String { TaskConfiguration.Name.addition.rawValue }
  public var summary: String { "add two numbers, digits least significant first" }
  public var outputs: [String] { (0...9).map(String.init) }
  public var outputSymbols: [Int32] { Array(0...9) }
  public var channels: Int { options.format == .columns ? 2 : 1 }
  public var lengths: ClosedRange<Int> { options.lengths.range }

  /// The digits, then the signs the format needs.
  public var vocabulary: [String] {
    switch (options.format, options.targets) {
    case (.columns, _): outputs + (options.bos ? ["bos"] : [])
    case (.plain, .parallel): outputs + ["+", "=", "_"]
    case (.plain, .nextToken): outputs + ["+", "="]
    }
  }

  /// Signs, as tokens: `bos` of columns; `+`, `=` and the slot of plain.
  private static let bos: Int32 = 10
  private static let plus: Int32 = 10
  private static let equals: Int32 = 11
  private static let slot: Int32 = 12

  // MARK: - Kinds

  /// Independent uniform digits.
  public static let uniform = ExampleKind(
    name: "uniform", description: "independent uniform digits")
  /// 99…9 + 1, either way round.
  public static let nines = ExampleKind(name: "nines", description: "99…9 + 1, either way round")
  /// One carry runs from the lowest column to the highest.
  public static let propagate = ExampleKind(
    name: "propagate", description: "all columns sum to 9, but the lowest generates a carry")
  /// Each column sums to nine with a chance of 95%.
  public static let mostlyPropagate = ExampleKind(
    name: "mostlyPropagate", description: "each column sums to 9 with a chance of 95%")

  public var kinds: [ExampleKind] {
    [.training, Self.uniform, Self.nines, Self.propagate, Self.mostlyPropagate]
  }

  private func operands(length: Int, kind: ExampleKind, random: inout Random) -> Operands {
    switch kind {
    case Self.uniform: return .drawn(length: length, forced: 0, random: &random)
    case Self.nines:
      var operands = Operands.nines(length: length)
      if random.uniform() < 0.5 { operands.swap() }
      return operands
    case Self.propagate: return .propagating(length: length, random: &random)
    case Self.mostlyPropagate: return .drawn(length: length, forced: 0.95, random: &random)
    default: return options.mix.draw(length: length, random: &random)
    }
  }

  // MARK: - Batches

  public func layout(length n: Int) throws -> Layout {
    try TaskError.check(
      "length", n, in: 1...LengthRange.longest, remedy: "ask for a number of digits")
    let digits = (1...n).map(Int32.init)
    let sumDigits = digits + [Int32(n + 1)]
    switch (options.format, options.targets) {
    case (.columns, _):
      let ids = (options.bos ? [0] : []) + sumDigits
      return Layout(
        columns: ids.count, positionIDs: ids, answer: Array(ids.count - n - 1..<ids.count))
    case (.plain, .parallel):
      let ids = digits + [0] + digits + [0] + sumDigits
      return Layout(columns: ids.count, positionIDs: ids, answer: Array(2 * n + 2..<ids.count))
    case (.plain, .nextToken):
      let ids = digits + [0] + digits + [0] + digits
      return Layout(
        columns: ids.count, positionIDs: ids, answer: Array(2 * n + 1..<ids.count),
        mode: .nextToken)
    }
  }

  public func makeBatch(
    length: Int, examples: Int, kind: ExampleKind, random: inout Random
  ) throws -> Batch {
    let layout = try checkedLayout(length: length, examples: examples, kind: kind)
    let branch = random.branch()
    let sums = (0..<examples).map { example in
      var random = branch.split(UInt64(example))
      return ColumnSum(operands(length: length, kind: kind, random: &random))
    }
    return batch(sums, length: length, layout)
  }

  func batch(_ sums: [ColumnSum], length: Int, _ layout: Layout) -> Batch {
    var tokens: [Int32] = []
    tokens.reserveCapacity(sums.count * layout.positions * channels)
    for sum in sums { appendTokens(of: sum, length: length, to: &tokens) }
    let facts = ColumnSum.facts(of: sums, layout: layout)
    return Batch(
      examples: sums.count, channels: channels, layout: layout, tokens: tokens,
      targets: facts.first { $0.name == "sum" }?.values ?? [], facts: facts, length: length,
      difficulty: length)
  }

  private func appendTokens(of sum: ColumnSum, length n: Int, to tokens: inout [Int32]) {
    switch options.format {
    case .columns:
      if options.bos { tokens += [Self.bos, Self.bos] }
      for column in 0...n { tokens += [sum.a[column], sum.b[column]] }
    case .plain:
      tokens += sum.a[..<n]
      tokens.append(Self.plus)
      tokens += sum.b[..<n]
      tokens.append(Self.equals)
      switch options.targets {
      case .parallel: tokens += [Int32](repeating: Self.slot, count: n + 1)
      case .nextToken: tokens += sum.sum[..<n]
      }
    }
  }

  /// The operands of an example as its tokens hold them, least significant digit first.
  func operands(of batch: Batch, example: Int) -> (a: [Int32], b: [Int32]) {
    let tokens = Array(batch.tokens(ofExample: example))
    let n = batch.length
    switch options.format {
    case .columns:
      let first = options.bos ? 2 : 0
      return (
        (0..<n).map { tokens[first + 2 * $0] }, (0..<n).map { tokens[first + 2 * $0 + 1] }
      )
    case .plain: return (Array(tokens[..<n]), Array(tokens[n + 1..<2 * n + 1]))
    }
  }
}
