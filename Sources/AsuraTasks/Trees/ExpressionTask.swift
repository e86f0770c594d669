import AsuraConfiguration
import AsuraTensor

/// What `listops` and `arithmetic` share: finding the value of an expression.
///
/// The length is the depth: how many operations are nested. All expressions of a depth have as many operations and as
/// many numbers, so all examples of a batch have as many tokens, and nothing is padded. The answer is read at the last
/// position, which is the root's closing bracket.
protocol ExpressionTask: LearningTask {
  var grammar: ExpressionGrammar { get }
  var shape: TreeShape { get }
}

extension ExampleKind {
  static let trees = ExampleKind(
    name: "uniform", description: "as in training: every operation as likely")
  static let sums = ExampleKind(
    name: "sums", description: "sums only, so that every number matters")
}

extension ExpressionTask {
  public var vocabulary: [String] { grammar.vocabulary }
  public var outputs: [String] { Array(vocabulary.prefix(grammar.modulus)) }
  public var outputSymbols: [Int32] { (0..<Int32(grammar.modulus)).map { $0 } }
  public var channels: Int { 1 }
  public var kinds: [ExampleKind] { [.training, .trees, .sums] }

  func draw(depth: Int, kind: ExampleKind, random: inout Random) -> Expression {
    let operations =
      kind == .sums ? grammar.operations.filter { $0 == .sum || $0 == .plus } : grammar.operations
    return shape.draw(
      depth: depth, number: { $0.index(below: grammar.modulus) },
      operation: { operations[$0.index(below: operations.count)] }, random: &random)
  }

  // MARK: - Batches

  public func layout(length: Int) throws -> Layout {
    try TaskError.check(
      "length", length, in: 1...TreeShape.deepest, remedy: "it is the depth of an expression")
    return layout(
      tokens: grammar.tokens(
        operations: shape.operations(depth: length), numbers: shape.numbers(depth: length)))
  }

  func layout(tokens: Int) -> Layout {
    Layout(columns: tokens, positionIDs: (1...tokens).map(Int32.init), answer: [tokens - 1])
  }

  public func makeBatch(
    length: Int, examples: Int, kind: ExampleKind, random: inout Random
  ) throws -> Batch {
    let layout = try checkedLayout(length: length, examples: examples, kind: kind)
    return batch(
      random.each(examples) {
        WrittenExpression(draw(depth: length, kind: kind, random: &$0), grammar)
      }, depth: length, layout)
  }

  func batch(_ expressions: [WrittenExpression], depth: Int, _ layout: Layout) -> Batch {
    let values = expressions.flatMap(\.value)
    let last = layout.positions - 1
    return Batch(
      examples: expressions.count, layout: layout, tokens: expressions.flatMap(\.tokens),
      targets: values.enumerated().map { $0 % layout.positions == last ? $1 : -1 },
      facts: [
        Fact(
          name: "value", description: "the value of the operation whose bracket this is",
          classes: outputs, values: values),
        Fact(
          name: "height",
          description: "operations nested in the one whose bracket this is, it counted",
          values: expressions.flatMap(\.height)),
        Fact(
          name: "depth", description: "operations around this token, its own counted",
          values: expressions.flatMap(\.depth)),
      ], length: depth, difficulty: depth)
  }
}
