internal import AsuraTensor
public import AsuraTrace

/// Keys of which an analysis tells how much attention they get: named positions of each example.
public struct KeyGroup: Sendable, Equatable {
  public let name: String
  /// Which positions belong to it, `[example, position]` of the run's whole batch.
  let members: [Bool]
  let positions: Int

  /// Positions by example: `isMember(example, position)`.
  public init(
    _ name: String, examples: Int, positions: Int,
    where isMember: (_ example: Int, _ position: Int) -> Bool
  ) {
    self.name = name
    self.positions = positions
    members = (0..<examples * positions).map { isMember($0 / positions, $0 % positions) }
  }

  /// The positions at which a token stands, in any channel; `nil` for a trace without tokens.
  public init?(_ name: String, token: Int32, in input: TraceInput) {
    guard let tokens = input.tokens, tokens.shape.count == 3 else { return nil }
    let (positions, channels) = (tokens.shape[1], tokens.shape[2])
    self.init(name, examples: tokens.shape[0], positions: positions) { example, position in
      let place = (example * positions + position) * channels
      return tokens.elements[place..<place + channels].contains(token)
    }
  }

  /// The positions at which a fact has a value; nil for a fact that the trace lacks.
  public init?(_ name: String, fact: String, value: Int32, in input: TraceInput) {
    guard let values = input.facts[fact]?.values, values.shape.count == 2 else { return nil }
    self.init(name, examples: values.shape[0], positions: values.shape[1]) { example, position in
      values.elements[example * values.shape[1] + position] == value
    }
  }

  /// Whether a position of an example belongs to the group; no position beyond those it was made for.
  func contains(example: Int, position: Int) -> Bool {
    let place = example * positions + position
    return position < positions && place < members.count && members[place]
  }
}
