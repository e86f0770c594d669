import AsuraConfiguration
import AsuraTasks
import AsuraTensor

/// Lengths that grow with training: the longest one batches may have rises linearly from `from` to the longest of the
/// task's `lengths` over the first `steps` updates.
public struct Curriculum: Sendable, Equatable, Codable {
  /// The longest length at first.
  public var from: Int
  /// After how many updates all lengths are drawn.
  public var steps: Int

  public init(from: Int, steps: Int) {
    self.from = from
    self.steps = steps
  }

  enum CodingKeys: String, CodingKey, CaseIterable { case from, steps }

  public init(from decoder: any Decoder) throws {
    let fields = try Fields<CodingKeys>(decoder)
    from = try fields.required(.from)
    steps = try fields.required(.steps)
    try fields.validating {
      try ConfigurationError.check(
        "steps", steps, in: 1...100_000_000, remedy: "give a number of updates")
    }
  }

  /// The longest length at an update, counted from 0.
  func longest(step: Int, of lengths: ClosedRange<Int>) -> Int {
    guard step < steps else { return lengths.upperBound }
    return from + (lengths.upperBound - from) * step / steps
  }

  /// Draws a length as the task does, of those that are not too long yet.
  func drawLength(of task: any LearningTask, step: Int, random: inout Random) -> Int {
    let longest = longest(step: step, of: task.lengths)
    var length = task.drawLength(random: &random)
    // A task that has none so short gives the shortest of many draws.
    for _ in 0..<10_000 where length > longest {
      length = min(length, task.drawLength(random: &random))
    }
    return length
  }
}
