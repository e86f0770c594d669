import AsuraConfiguration

/// Nested sums and products modulo a number, as in Csordás et al. 2022: `((3+4)*(2+9))`.
///
/// See `ExpressionTask` for sizes and where the answer is read. Products make 0 a likelier answer than others.
public struct ArithmeticTask: ExpressionTask {
  public let options: ArithmeticOptions
  let grammar: ExpressionGrammar
  let shape: TreeShape

  /// - Throws: `TaskError` when the options can't be.
  public init(_ options: ArithmeticOptions = ArithmeticOptions()) throws {
    try options.validate()
    self.options = options
    grammar = .arithmetic(modulus: options.modulus)
    shape = TreeShape(arguments: 2, extraNumbers: 0, operationsPerLevel: options.operations)
  }

  public var name: String { TaskConfiguration.Name.arithmetic.rawValue }
  public var summary: String { "find the value of nested sums and products modulo a number" }
  public var lengths: ClosedRange<Int> { options.lengths.range }
}
