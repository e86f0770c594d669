internal import AsuraTensor

/// A control task: every type of token gets a label at random, the same wherever it stands, drawn as often as the real
/// labels are (Hewitt and Liang, "Designing and interpreting probes with control tasks", EMNLP 2019).
///
/// Nothing but memorising tokens answers it. A probe's selectivity is its score less that of the same probe at the
/// control task.
public enum ControlTask {
  /// - Parameter tokens: `[example, position, channel]`; all channels of a position together are its type.
  public static func labels(
    for labels: ProbeLabels, tokens: [Int32], channels: Int, seed: UInt64
  ) -> ProbeLabels {
    precondition(
      tokens.count == labels.values.count * channels,
      "\(tokens.count) tokens of \(channels) channels for \(labels.values.count) labels")
    let known = labels.values.filter { !$0.isNaN }.sorted()
    var drawn: [ArraySlice<Int32>: Double] = [:]
    var random = Random(seed: seed, for: "control task")
    let values = labels.values.indices.map { place -> Double in
      guard !labels.values[place].isNaN, !known.isEmpty else { return .nan }
      let type = tokens[place * channels..<(place + 1) * channels]
      if let value = drawn[type] { return value }
      // A draw from the real labels keeps their shares.
      let value = known[min(known.count - 1, Int(random.uniform() * Double(known.count)))]
      drawn[type] = value
      return value
    }
    return ProbeLabels(
      name: labels.name, examples: labels.examples, positions: labels.positions, values: values,
      classes: labels.classes)
  }
}

/// Which labels go to which examples when they are shuffled: the null hypothesis that values and labels have nothing
/// to do with each other.
///
/// At each position the examples that have a label exchange theirs; where all have one, whole examples do, so that
/// what labels of one example have in common stays.
struct LabelShuffle: Sendable {
  /// A random number for each example: sorting by it shuffles.
  private let keys: [UInt64]

  init(examples: Int, seed: UInt64, number: Int) {
    var random = Random(seed: seed, for: "shuffled labels").split(UInt64(number))
    keys = (0..<examples).map { _ in random.next() }
  }

  /// The shuffled labels of one position, given the examples that have one there.
  func values(_ values: [Double], of examples: [Int]) -> [Double] {
    let order = examples.indices.sorted { keys[examples[$0]] < keys[examples[$1]] }
    return order.map { values[$0] }
  }
}
