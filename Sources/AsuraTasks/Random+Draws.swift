import AsuraTensor

extension Random {
  /// Draws `count` things, each from a generator of its own, so that thing `i` does not depend on
  /// how many there are.
  mutating func each<Drawn>(
    _ count: Int, draw: (inout Random) throws -> Drawn
  ) rethrows -> [Drawn] {
    let branch = branch()
    return try (0..<count).map { index in
      var random = branch.split(UInt64(index))
      return try draw(&random)
    }
  }

  /// A whole number uniform in `0..<bound`.
  mutating func index(below bound: Int) -> Int { Int(below(UInt64(bound))) }

  /// A whole number uniform in `0..<bound` that isn't `excluded`; with none excluded, any of them.
  mutating func index(below bound: Int, except excluded: Int) -> Int {
    let drawn = index(below: bound - 1)
    return drawn < excluded ? drawn : drawn + 1
  }

  /// The numbers below `count` in a random order, each as likely (Fisher–Yates).
  mutating func permutation(_ count: Int) -> [Int] {
    var numbers = Array(0..<count)
    for last in stride(from: count - 1, to: 0, by: -1) {
      numbers.swapAt(last, index(below: last + 1))
    }
    return numbers
  }
}
