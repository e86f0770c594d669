import AsuraConfiguration
import AsuraTensor

/// Options of the task `mazes`.
public struct MazeOptions: Codable, Sendable, Equatable {
  /// Pixels of a side inside the ring of walls to train on: odd, for rooms and walls alternate.
  public var lengths: LengthRange
  /// How training mazes are drawn.
  public var mix: MazeMix
  /// Whether the mazes of a training batch need about as many steps, so that they can all be given as many as they need.
  public var similar: Bool

  public init(
    lengths: ClosedRange<Int> = 9...9, mix: MazeMix = MazeMix(), similar: Bool = true
  ) {
    self.lengths = LengthRange(lengths)
    self.mix = mix
    self.similar = similar
  }

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case kind, lengths, mix, similar
  }

  public init(from decoder: any Decoder) throws {
    let options = try Fields<CodingKeys>(decoder)
    self.init()
    lengths = try options.value(.lengths, default: lengths)
    mix = try options.value(.mix, default: mix)
    similar = try options.value(.similar, default: similar)
    try options.validating(validate)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(TaskConfiguration.Name.mazes.rawValue, forKey: .kind)
    try container.encode(lengths, forKey: .lengths)
    try container.encode(mix, forKey: .mix)
    try container.encode(similar, forKey: .similar)
  }

  /// Throws a `TaskError` that names the first option that can't be.
  public func validate() throws {
    try lengths.validate("lengths")
    for length in [lengths.lower, lengths.upper] { try Self.check("lengths", length) }
    do { try mix.validate() } catch let error as TaskError { throw error.within("mix") }
  }

  /// Pixels of the largest side; a single maze of it takes about half a gigabyte with its facts.
  private static let longest = 4001

  /// Throws unless mazes can have that length.
  static func check(_ field: String, _ length: Int) throws {
    try TaskError.check(
      field, length, in: 3...longest,
      remedy: "the length of a maze is its side in pixels, without the ring of walls")
    guard length % 2 == 1 else {
      throw TaskError(
        field: field, found: "\(length)", expected: "an odd number",
        remedy: "rooms and walls alternate: ask for \(length - 1) or \(length + 1)")
    }
  }
}

/// How training mazes are drawn.
///
/// Mazes are never drawn twice, and drawing favours no direction and neither of start and end, so there is nothing to be
/// gained by flips, rotations or swaps.
public struct MazeMix: Codable, Sendable, Equatable {
  /// Weight of depth-first mazes.
  public var depthFirst = 0.5
  /// Weight of Kruskal's mazes.
  public var kruskal = 0.5
  /// Weight of mazes with cycles.
  public var cycles = 0.0
  /// Share of mazes whose start and end are as far apart as any two rooms.
  public var farthest = 0.3

  public init() {}

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case depthFirst, kruskal, cycles, farthest
  }

  public init(from decoder: any Decoder) throws {
    let options = try Fields<CodingKeys>(decoder)
    depthFirst = try options.value(.depthFirst, default: depthFirst)
    kruskal = try options.value(.kruskal, default: kruskal)
    cycles = try options.value(.cycles, default: cycles)
    farthest = try options.value(.farthest, default: farthest)
    try options.validating(validate)
  }

  /// Throws unless the weights are ≥ 0 with a positive sum and the share lies in 0…1.
  func validate() throws {
    let weights = [("depthFirst", depthFirst), ("kruskal", kruskal), ("cycles", cycles)]
    for (name, weight) in weights {
      try TaskError.check(name, weight, in: 0...1e6, remedy: "weights need only be in proportion")
    }
    guard weights.contains(where: { $0.1 > 0 }) else {
      throw TaskError(
        field: "depthFirst, kruskal, cycles", found: "0, 0, 0", expected: "one above 0",
        remedy: "set one of them to 1 for its mazes alone")
    }
    try TaskError.check("farthest", farthest, in: 0...1, remedy: "it is a share of the mazes")
  }

  func draw(length: Int, random: inout Random) -> Maze {
    let pick = random.uniform() * (depthFirst + kruskal + cycles)
    let shape: MazeShape =
      pick < depthFirst ? .depthFirst : pick < depthFirst + kruskal ? .kruskal : .cycles
    let isFarthest = random.uniform() < farthest
    return .drawn(shape, length: length, farthest: isFarthest, random: &random)
  }
}
