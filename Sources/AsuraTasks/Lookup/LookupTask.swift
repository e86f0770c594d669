import AsuraConfiguration
import AsuraTensor

/// Applying a chain of functions that are given by tables to be memorised: compositional table lookup
/// (Liška et al. 2018; Csordás et al. 2022).
///
/// One position for the argument and one for each function. The answer is read at the last position, which is that of
/// the function applied last (`forward`) or of the argument (`backward`). The length is the number of functions.
///
/// Of the compositions of two functions or more, one in `tables` is held out of training: for whatever is applied
/// afterwards, one choice of the first function. Single functions are all shown.
public struct LookupTask: LearningTask {
  public let options: LookupOptions
  let tables: LookupTables

  /// - Throws: `TaskError` when the options can't be.
  public init(_ options: LookupOptions = LookupOptions()) throws {
    try options.validate()
    self.options = options
    tables = LookupTables(tables: options.tables, bits: options.bits, seed: options.seed)
  }

  public var name: String { TaskConfiguration.Name.lookup.rawValue }
  public var summary: String { "apply a chain of memorised functions of a few bits" }
  public var outputs: [String] {
    (0..<arguments).map { value in
      let digits = String(value, radix: 2)
      return String(repeating: "0", count: options.bits - digits.count) + digits
    }
  }
  public var outputSymbols: [Int32] { (0..<Int32(arguments)).map { $0 } }
  public var channels: Int { 1 }
  public var lengths: ClosedRange<Int> { options.lengths.range }

  /// The strings of bits, then the functions.
  public var vocabulary: [String] { outputs + functionNames }
  var functionNames: [String] { SymbolSequences.names(options.tables) }
  /// How many strings of bits there are.
  var arguments: Int { 1 << options.bits }

  // MARK: - Kinds

  public static let uniform = ExampleKind(
    name: "uniform", description: "any functions, those of training and those held out")
  public static let heldOut = ExampleKind(
    name: "held-out", description: "compositions that training never shows; two functions or more")

  public var kinds: [ExampleKind] { [.training, Self.uniform, Self.heldOut] }

  func draw(length: Int, kind: ExampleKind, random: inout Random) -> Lookup {
    let argument = Int32(random.index(below: arguments))
    let rest = (1..<length).map { _ in random.index(below: options.tables) }
    let first =
      switch kind {
      case Self.heldOut: tables.heldOut(before: rest)
      case .training where length > 1:
        random.index(below: options.tables, except: tables.heldOut(before: rest))
      default: random.index(below: options.tables)
      }
    return Lookup(argument: argument, functions: [first] + rest)
  }

  // MARK: - Batches

  public func layout(length: Int) throws -> Layout {
    try TaskError.check(
      "length", length, in: 1...LengthRange.longest, remedy: "ask for a number of functions")
    return Layout(
      columns: length + 1, positionIDs: (1...length + 1).map(Int32.init), answer: [length])
  }

  public func makeBatch(
    length: Int, examples: Int, kind: ExampleKind, random: inout Random
  ) throws -> Batch {
    let layout = try checkedLayout(length: length, examples: examples, kind: kind)
    if kind == Self.heldOut {
      try TaskError.check(
        "length", length, in: 2...LengthRange.longest,
        remedy: "training shows every single function: ask for compositions")
    }
    return batch(
      random.each(examples) { draw(length: length, kind: kind, random: &$0) }, layout)
  }

  func batch(_ lookups: [Lookup], _ layout: Layout) -> Batch {
    let length = layout.positions - 1
    /// What stands at the argument and at each function in the order of application, put where they stand.
    func placed(_ values: [Int32]) -> [Int32] {
      options.order == .forward ? values : values.reversed()
    }
    let results = lookups.map { $0.results(tables) }
    let steps = (0...Int32(length)).map { $0 }
    return Batch(
      examples: lookups.count, layout: layout,
      tokens: lookups.flatMap { lookup in
        placed([lookup.argument] + lookup.functions.map { Int32(arguments + $0) })
      },
      targets: results.flatMap { [Int32](repeating: -1, count: length) + [$0[length]] },
      facts: [
        Fact(
          name: "result", description: "what the function here makes of its argument",
          classes: outputs, values: results.flatMap(placed)),
        Fact(
          name: "argument", description: "what the function here is applied to",
          classes: outputs, values: results.flatMap { placed([-1] + $0.dropLast()) }),
        Fact(
          name: "function", description: "which function stands here", classes: functionNames,
          values: lookups.flatMap { placed([-1] + $0.functions.map(Int32.init)) }),
        Fact(
          name: "step", description: "functions applied up to here, 0 at the argument",
          values: lookups.flatMap { _ in placed(steps) }),
      ], length: length, difficulty: length)
  }

  /// The functions and the argument of an example, as its tokens hold them.
  func lookup(_ batch: Batch, example: Int) -> Lookup {
    let tokens = Array(batch.tokens(ofExample: example))
    let applied = options.order == .forward ? tokens : tokens.reversed()
    return Lookup(
      argument: applied[0], functions: applied.dropFirst().map { Int($0) - arguments })
  }
}
