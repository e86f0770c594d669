internal import AsuraTensor

/// A division of examples into parts, such as the folds of cross-validation. All positions of an example are in its
/// part: what a probe is tested on, it has seen no position of.
struct ExampleParts: Sendable, Equatable {
  let count: Int
  /// The part of each example.
  let part: [Int]

  /// Parts of sizes as equal as can be, dealt at random.
  static func folds(_ count: Int, examples: Int, seed: UInt64) -> ExampleParts {
    let order = shuffled(examples, Random(seed: seed, for: "folds"))
    var part = [Int](repeating: 0, count: examples)
    for (place, example) in order.enumerated() { part[example] = place % count }
    return ExampleParts(count: count, part: part)
  }

  /// The parts of an online code: each as large as all before it together, the first `first` examples, in random
  /// order.
  static func doubling(from first: Int, examples: Int, seed: UInt64) -> ExampleParts {
    let order = shuffled(examples, Random(seed: seed, for: "online code"))
    var part = [Int](repeating: 0, count: examples)
    var (end, number) = (max(1, first), 0)
    for (place, example) in order.enumerated() {
      if place >= end {
        end *= 2
        number += 1
      }
      part[example] = number
    }
    return ExampleParts(count: number + 1, part: part)
  }

  private static func shuffled(_ count: Int, _ random: Random) -> [Int] {
    var random = random
    let keys = (0..<count).map { _ in random.next() }
    return (0..<count).sorted { keys[$0] < keys[$1] }
  }
}
