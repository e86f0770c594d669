/// How a task asks for its answer.
public enum TargetMode: String, Codable, CaseIterable, Sendable {
  /// The whole answer at once, at places that hold nothing of it (full-output prediction).
  case parallel
  /// The answer symbol by symbol: each place that holds a symbol is asked for the next one. The
  /// model must be causal, and is evaluated by feeding it what it answered (`Batch.feed`).
  case nextToken
}

/// Where things stand in every example of one length: the same for all examples of a batch.
public struct Layout: Sendable, Equatable {
  /// 1 for sequences; mazes and other grids have more. Position `p` is row `p / columns`.
  public let rows: Int
  public let columns: Int
  /// `[position]`; positions that mean the same place (digit k of either number and its answer
  /// slot) share an id. Ids start at 1; 0 belongs to signs without a place, such as `+`.
  public let positionIDs: [Int32]
  /// Positions the answer is read at, in the order it is written.
  public let answer: [Int]
  public let mode: TargetMode

  /// The number of positions, `rows × columns`.
  public var positions: Int { rows * columns }

  public init(
    rows: Int = 1, columns: Int, positionIDs: [Int32], answer: [Int], mode: TargetMode = .parallel
  ) {
    precondition(
      positionIDs.count == rows * columns, "\(positionIDs.count) ids for \(rows)×\(columns)")
    precondition(
      answer.allSatisfy { (0..<rows * columns).contains($0) }, "answer outside \(rows)×\(columns)")
    self.rows = rows
    self.columns = columns
    self.positionIDs = positionIDs
    self.answer = answer
    self.mode = mode
  }
}
