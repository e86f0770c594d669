import AsuraConfiguration

/// Nested operations on lists of digits: ListOps (Nangia & Bowman 2018), with depths as likely as one another (Csordás et
/// al. 2022).
///
/// `[MAX 3 4 [MED 1 2 9 ] ]`: the least, the largest, the median (rounded down) or the sum modulo 10 of two arguments or
/// more, three in the mean. See `ExpressionTask` for sizes and where the answer is read.
public struct ListOpsTask: ExpressionTask {
  public let options: ListOpsOptions
  let grammar = ExpressionGrammar.listOps
  let shape: TreeShape

  /// - Throws: `TaskError` when the options can't be.
  public init(_ options: ListOpsOptions = ListOpsOptions()) throws {
    try options.validate()
    self.options = options
    shape = TreeShape(
      arguments: options.arguments, extraNumbers: 1, operationsPerLevel: options.operations)
  }

  public var name: String { TaskConfiguration.Name.listops.rawValue }
  public var summary: String { "find the value of nested operations on lists of digits" }
  public var lengths: ClosedRange<Int> { options.lengths.range }
}
