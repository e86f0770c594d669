/// A batch of token sequences of one length.
public struct ModelInput: Sendable, Equatable {
  /// How many sequences there are.
  public let batch: Int
  /// How many positions each has.
  public let positions: Int
  /// How many tokens stand at each position.
  public let channels: Int
  /// Token ids `[batch, position, channel]`.
  public let tokens: [Int32]
  /// The position numbers, the same for every sequence: used when the model's `positionIDs` are
  /// `coupled`.
  public let positionIDs: [Int32]
  /// How many rows the positions lie in, row by row: 1 for sequences.
  public let rows: Int

  /// How many positions each row has.
  public var columns: Int { positions / rows }

  /// Checks that the sizes agree; `positionIDs` count from 0 unless given.
  public init(
    tokens: [Int32], batch: Int, positions: Int, channels: Int = 1, positionIDs: [Int32]? = nil,
    rows: Int = 1
  ) throws {
    let (places, overflow) = batch.multipliedReportingOverflow(by: positions)
    let (count, overflow2) = places.multipliedReportingOverflow(by: channels)
    guard batch > 0, positions > 0, channels > 0, !overflow, !overflow2, tokens.count == count
    else {
      throw ModelError(
        .input,
        "\(tokens.count) tokens for \(batch) sequences × \(positions) positions × "
          + "\(channels) channels", remedy: "Give one token for each, all sizes at least 1.")
    }
    if let ids = positionIDs, ids.count != positions {
      throw ModelError(.input, "\(ids.count) position ids for \(positions) positions")
    }
    guard rows > 0, positions % rows == 0 else {
      throw ModelError(
        .input, "\(positions) positions in \(rows) rows",
        remedy: "Give a number of rows that divides the positions; 1 for a sequence.")
    }
    self.batch = batch
    self.positions = positions
    self.rows = rows
    self.channels = channels
    self.tokens = tokens
    self.positionIDs = positionIDs ?? (0..<Int32(positions)).map { $0 }
  }

  /// Some of the sequences.
  public func examples(_ range: Range<Int>) -> ModelInput {
    let stride = positions * channels
    return ModelInput(
      examples: range,
      tokens: Array(tokens[range.lowerBound * stride..<range.upperBound * stride]), of: self)
  }

  /// The sequences `rows`, in that order; one may come more than once.
  public func selecting(_ rows: [Int]) throws -> ModelInput {
    let stride = positions * channels
    return try ModelInput(
      tokens: rows.flatMap { tokens[$0 * stride..<($0 + 1) * stride] }, batch: rows.count,
      positions: positions, channels: channels, positionIDs: positionIDs, rows: self.rows)
  }

  private init(examples: Range<Int>, tokens: [Int32], of whole: ModelInput) {
    batch = examples.count
    positions = whole.positions
    channels = whole.channels
    rows = whole.rows
    self.tokens = tokens
    positionIDs = whole.positionIDs
  }
}
