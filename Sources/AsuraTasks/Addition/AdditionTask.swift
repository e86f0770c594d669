import AsuraConfiguration
import AsuraTensor

/// Adding two or more numbers of equal length, of any number of digits.
///
/// `columns`: an optional column of `bos`, then one column for the digits of each place and a last one of
/// zeros whose sum is the final carry; a channel for each number. `plain`: `a0 a1 … + b0 b1 … =`, then
/// `n + 1` slots (parallel) or the answer's digits but the last (next token); one channel.
/// `interleaved`: `a0 b0 a1 b1 … =`, and the same. So they stand with the least significant digit first;
/// with `digitOrder: most` the most significant comes first everywhere, and the column of zeros before all others.
///
/// Digit k of any number and of the answer have position id `k + 1`; the signs have 0.
public struct AdditionTask: LearningTask {
  public let options: AdditionOptions

  /// - Throws: `TaskError` when the options can't be.
  public init(_ options: AdditionOptions = AdditionOptions()) throws {
    try options.validate()
    self.options = options
  }

  public var name: String { TaskConfiguration.Name.addition.rawValue }
  public var summary: String { "add numbers, digit by digit" }
  public var outputs: [String] { (0...9).map(String.init) }
  public var outputSymbols: [Int32] { Array(0...9) }
  public var channels: Int { options.format == .columns ? options.operands : 1 }
  public var lengths: ClosedRange<Int> { options.lengths.range }

  /// The digits, then the signs the format needs; `interleaved` has those of `plain`.
  public var vocabulary: [String] {
    switch (options.format, options.targets) {
    case (.columns, _): outputs + (options.bos ? ["bos"] : [])
    case (_, .parallel): outputs + ["+", "=", "_"]
    case (_, .nextToken): outputs + ["+", "="]
    }
  }

  /// Signs, as tokens: `bos` of columns; `+`, `=` and the slot of the others.
  private static let bos: Int32 = 10
  private static let plus: Int32 = 10
  private static let equals: Int32 = 11
  private static let slot: Int32 = 12

  // MARK: - Kinds

  /// Independent uniform digits.
  public static let uniform = ExampleKind(
    name: "uniform", description: "independent uniform digits")
  /// 99…9 + 1, either way round; of k numbers 99…9 for all but one, which is k − 1.
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
    let count = options.operands
    switch kind {
    case Self.uniform: return .drawn(length: length, count: count, forced: 0, random: &random)
    case Self.nines:
      var operands = Operands.nines(length: length, count: count)
      if random.uniform() < 0.5 { operands.rotate(by: operands.turn(random: &random)) }
      return operands
    case Self.propagate: return .propagating(length: length, count: count, random: &random)
    case Self.mostlyPropagate:
      let carry = Operands.carry(count: count, random: &random)
      return .drawn(length: length, count: count, forced: 0.95, carry: carry, random: &random)
    default: return options.mix.draw(length: length, count: count, random: &random)
    }
  }

  // MARK: - Batches

  public func layout(length n: Int) throws -> Layout {
    try TaskError.check(
      "length", n, in: 1...LengthRange.longest, remedy: "ask for a number of digits")
    let digits = written((1...n).map(Int32.init))
    let sumDigits = written((1...n + 1).map(Int32.init))
    switch (options.format, options.targets) {
    case (.columns, _):
      let ids = (options.bos ? [0] : []) + sumDigits
      return Layout(
        columns: ids.count, positionIDs: ids, answer: Array(ids.count - n - 1..<ids.count))
    case (_, .parallel):
      let question = questionIDs(digits)
      let ids = question + sumDigits
      return Layout(
        columns: ids.count, positionIDs: ids, answer: Array(question.count..<ids.count))
    case (_, .nextToken):
      let question = questionIDs(digits)
      let ids = question + sumDigits.dropLast()
      return Layout(
        columns: ids.count, positionIDs: ids, answer: Array(question.count - 1..<ids.count),
        mode: .nextToken)
    }
  }

  /// The position ids of the operands, and the signs with them.
  private func questionIDs(_ digits: [Int32]) -> [Int32] {
    options.format == .plain
      ? (0..<options.operands).flatMap { _ in digits + [0] }
      : digits.flatMap { Array(repeating: $0, count: options.operands) } + [0]
  }

  /// Columns in the order they are written in, from the least significant first; and back.
  private func written<Item>(_ columns: [Item]) -> [Item] {
    options.digitOrder == .least ? columns : columns.reversed()
  }

  /// Where the digits of the answer are read, the least significant first.
  func places(_ layout: Layout) -> [Int] { written(layout.answer) }

  public func makeBatch(
    length: Int, examples: Int, kind: ExampleKind, random: inout Random
  ) throws -> Batch {
    let layout = try checkedLayout(length: length, examples: examples, kind: kind)
    let sums = random.each(examples) { random in
      return ColumnSum(operands(length: length, kind: kind, random: &random))
    }
    return batch(sums, length: length, layout)
  }

  func batch(_ sums: [ColumnSum], length: Int, _ layout: Layout) -> Batch {
    var tokens: [Int32] = []
    tokens.reserveCapacity(sums.count * layout.positions * channels)
    for sum in sums { appendTokens(of: sum, length: length, to: &tokens) }
    let facts = ColumnSum.facts(
      of: sums, operands: options.operands, layout: layout, places: places(layout))
    return Batch(
      examples: sums.count, channels: channels, layout: layout, tokens: tokens,
      targets: facts.first { $0.name == "sum" }?.values ?? [], facts: facts, length: length,
      difficulty: length)
  }

  private func appendTokens(of sum: ColumnSum, length n: Int, to tokens: inout [Int32]) {
    switch options.format {
    case .columns:
      if options.bos { tokens += sum.digits.map { _ in Self.bos } }
      for column in written(Array(0...n)) { tokens += sum.digits.map { $0[column] } }
      return
    case .plain:
      for digits in sum.digits { tokens += written(Array(digits[..<n])) + [Self.plus] }
      tokens[tokens.count - 1] = Self.equals
    case .interleaved:
      for column in written(Array(0..<n)) { tokens += sum.digits.map { $0[column] } }
      tokens.append(Self.equals)
    }
    switch options.targets {
    case .parallel: tokens += [Int32](repeating: Self.slot, count: n + 1)
    case .nextToken: tokens += written(sum.sum).dropLast()
    }
  }

  /// The operands of an example as its tokens hold them, least significant digit first.
  func operands(of batch: Batch, example: Int) -> [[Int32]] {
    let tokens = Array(batch.tokens(ofExample: example))
    let (n, count) = (batch.length, options.operands)
    return (0..<count).map { operand in
      switch options.format {
      case .columns: places(batch.layout).prefix(n).map { tokens[$0 * count + operand] }
      case .plain: written(Array(tokens[operand * (n + 1)..<operand * (n + 1) + n]))
      case .interleaved: written((0..<n).map { tokens[$0 * count + operand] })
      }
    }
  }
}
