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
