/// What is kept of a value that is recorded.
public enum Reducer: Sendable, Hashable {
  /// All of it.
  case all
  /// The mean over an attention pattern's or scores' heads.
  case meanOverHeads
  /// The mean over the (selected) positions; of attention patterns and scores over their queries.
  case meanOverPositions
  /// The Euclidean norm over the last axis.
  case norm
  /// Of the logits the so many likeliest classes, likeliest first, and their probabilities.
  case top(Int)
}

/// What to record during a run: sites by name or pattern, and of their values which iterations, positions,
/// examples and what is kept of each.
public struct RecordRequest: Sendable, Equatable {
  /// Names or patterns of sites.
  public var patterns: [String]
  public var iterations: Selection
  /// Which positions; of attention scores and patterns these are the queries.
  public var positions: Selection
  /// Which sequences of the batch.
  public var examples: Selection
  public var reducer: Reducer

  public init(
    _ patterns: [String], iterations: Selection = .all, positions: Selection = .all,
    examples: Selection = .all, reducer: Reducer = .all
  ) {
    self.patterns = patterns
    self.iterations = iterations
    self.positions = positions
    self.examples = examples
    self.reducer = reducer
  }

  /// The sites whose names match any of the patterns, in the iterations where they have values.
  ///
  /// A pattern that matches nothing, and one that never comes up, are errors of the run.
  public static func sites(
    _ patterns: String..., iterations: Selection = .all, positions: Selection = .all,
    examples: Selection = .all, reducer: Reducer = .all
  ) -> RecordRequest {
    RecordRequest(
      patterns, iterations: iterations, positions: positions, examples: examples, reducer: reducer)
  }

  /// The same for a list; an empty one is an error of the run.
  public static func sites(
    _ patterns: [String], iterations: Selection = .all, positions: Selection = .all,
    examples: Selection = .all, reducer: Reducer = .all
  ) -> RecordRequest {
    RecordRequest(
      patterns, iterations: iterations, positions: positions, examples: examples, reducer: reducer)
  }
}
