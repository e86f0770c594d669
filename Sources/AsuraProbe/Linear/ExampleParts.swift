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

/// The rows of one probe: pairs of an example and a position with a label, ordered by part, then example, then
/// position.
struct RowPlan: Sendable {
  /// The positions the rows are of, counted from 0 in what was recorded.
  let positions: [Int]
  /// The example and the place in `positions` of each row.
  let examples: [Int32]
  let places: [Int32]
  /// Each part's rows.
  let parts: [Range<Int>]
  let labels: [Double]

  var count: Int { examples.count }
  /// How many numbers a row has.
  let width: Int

  init(_ labels: ProbeLabels, positions: [Int], parts division: ExampleParts, width: Int) {
    self.positions = positions
    self.width = width
    var members = [[Int]](repeating: [], count: division.count)
    for example in 0..<labels.examples { members[division.part[example]].append(example) }
    var (examples, places, values, parts) = ([Int32](), [Int32](), [Double](), [Range<Int>]())
    examples.reserveCapacity(labels.examples * positions.count)
    for part in members {
      let start = examples.count
      for example in part {
        for (place, position) in positions.enumerated() {
          let value = labels[example, position]
          if value.isNaN { continue }
          examples.append(Int32(example))
          places.append(Int32(place))
          values.append(value)
        }
      }
      parts.append(start..<examples.count)
    }
    self.examples = examples
    self.places = places
    self.parts = parts
    self.labels = values
  }
}
