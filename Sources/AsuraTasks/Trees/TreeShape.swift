import AsuraConfiguration
import AsuraTensor

/// How large trees of a depth are: all of one depth have as many operations and as many numbers, so that all have as many
/// tokens and none needs padding.
struct TreeShape: Sendable {
  /// The most arguments of an operation.
  let arguments: Int
  /// How many numbers there are beyond one for each operation, again for each: 0 when every operation has two arguments,
  /// 1 when they have three in the mean.
  let extraNumbers: Int
  /// Operations for each level below the root's.
  let operationsPerLevel: Int

  /// The deepest tree: beyond it a depth is taken for a slip.
  static let deepest = 1000

  static func validate(operations: Int, lengths: LengthRange) throws {
    try TaskError.check(
      "operations", operations, in: 1...8, remedy: "1 nests operations without any beside them")
    try lengths.validate("lengths")
    try TaskError.check(
      "lengths", lengths.upper, in: 1...deepest, remedy: "it is the depth of a tree")
  }

  /// How many operations a tree of that depth has.
  func operations(depth: Int) -> Int {
    // A tree of two arguments each, which is the narrowest, has room for 2^depth − 1.
    min(1 + (depth - 1) * operationsPerLevel, (1 << min(depth, 30)) - 1)
  }

  /// How many numbers it has.
  func numbers(depth: Int) -> Int { (1 + extraNumbers) * operations(depth: depth) + 1 }

  // MARK: - Drawing

  /// Draws a tree of exactly that depth.
  ///
  /// A line of operations from the root to the full depth comes first; each other operation then hangs below one that has
  /// room, any as likely; then numbers fill up, two arguments for each operation first; and arguments are put in a random
  /// order.
  func draw(
    depth: Int, number: (inout Random) -> Int, operation: (inout Random) -> Operation,
    random: inout Random
  ) -> Expression {
    var below = (0..<depth).map { $0 + 1 < depth ? [$0 + 1] : [] }
    var level = Array(1...depth)
    while below.count < operations(depth: depth) {
      let free = below.indices.filter { level[$0] < depth && below[$0].count < arguments }
      let parent = free[random.index(below: free.count)]
      below[parent].append(below.count)
      level.append(level[parent] + 1)
      below.append([])
    }
    var leaves = below.map { max(0, 2 - $0.count) }
    for _ in leaves.reduce(0, +)..<numbers(depth: depth) {
      let free = below.indices.filter { below[$0].count + leaves[$0] < arguments }
      leaves[free[random.index(below: free.count)]] += 1
    }
    func expression(_ node: Int) -> Expression {
      let operation = operation(&random)
      let arguments =
        below[node].map(expression)
        + (0..<leaves[node]).map { _ in Expression.number(number(&random)) }
      return .operation(operation, random.permutation(arguments.count).map { arguments[$0] })
    }
    return expression(0)
  }
}
