import AsuraConfiguration
import AsuraModel
import AsuraTasks
import AsuraTrace

/// What a model is run on for a trace: its input, and what the trace says of it.
public struct CaptureInput: Sendable {
  public let input: ModelInput
  /// Tokens, targets, mask, position ids, text, facts and what the task is: whole, whatever is recorded.
  public let description: TraceInput
  /// The task the examples are of; nil for token ids of unknown meaning.
  let task: (any LearningTask)?

  /// Examples of a task.
  public init(_ batch: Batch, of task: any LearningTask) throws {
    let shape = [batch.examples, batch.positions]
    let facts = batch.facts.map { fact in
      (fact.name, TraceFact(IntegerArray(shape, fact.values), labels: fact.classes))
    }
    self.init(
      try ModelInput(batch), targets: batch.targets, task: task, name: task.name,
      text: (0..<batch.examples).map { task.question(batch, example: $0) },
      facts: Dictionary(facts) { $1 })
  }

  init(
    _ input: ModelInput, targets: [Int32]?, task: (any LearningTask)?, name: String,
    text: [String], facts: [String: TraceFact]
  ) {
    let shape = [input.batch, input.positions]
    self.input = input
    self.task = task
    description = TraceInput(
      task: name, tokens: IntegerArray(shape + [input.channels], input.tokens),
      targets: targets.map { IntegerArray(shape, $0) },
      mask: targets.map { IntegerArray(shape, $0.map { $0 < 0 ? 0 : 1 }) },
      positionIDs: IntegerArray(shape, (0..<input.batch).flatMap { _ in input.positionIDs }),
      rows: input.rows, text: text, facts: facts)
  }
}
