import AsuraConfiguration
import AsuraTensor

/// Marking the shortest path from the start to the end of a maze: one token a pixel, and every pixel is asked whether it
/// lies on the path.
///
/// A maze of length n is n × n pixels inside a ring of walls, (n + 2)² tokens, with rooms at every other pixel: 5 × 5 of
/// them at n = 9. Every maze has exactly one shortest path.
///
/// The difficulty of a batch is the largest of its mazes': the passes of one-pixel dead-end filling until nothing changes,
/// and for mazes with cycles, where that doesn't find the path, twice the path's length.
public struct MazeTask: LearningTask {
  public let options: MazeOptions

  /// - Throws: `TaskError` when the options can't be.
  public init(_ options: MazeOptions = MazeOptions()) throws {
    try options.validate()
    self.options = options
  }

  public var name: String { TaskConfiguration.Name.mazes.rawValue }
  public var summary: String { "mark the shortest path through a maze, pixel by pixel" }
  public var vocabulary: [String] { SolvedMaze.Pixel.allCases.map { "\($0)" } }
  public var outputs: [String] { ["off", "path"] }
  public var outputSymbols: [Int32] { [] }
  public var channels: Int { 1 }
  public var lengths: ClosedRange<Int> { options.lengths.range }

  /// Draws an odd length, each as likely.
  public func drawLength(random: inout Random) -> Int {
    lengths.lowerBound + 2 * Int(random.below(UInt64(lengths.count + 1) / 2))
  }

  // MARK: - Kinds

  /// Mazes of a random depth-first walk, between random rooms.
  public static let depthFirst = ExampleKind(
    name: "depth-first", description: "recursive backtracker: long corridors; random rooms")
  /// Kruskal's mazes, between random rooms.
  public static let kruskal = ExampleKind(
    name: "kruskal", description: "Kruskal's: many short dead ends; random rooms")
  /// Either, with a tenth of the walls between rooms taken out: dead-end filling does not find the path.
  public static let cycles = ExampleKind(
    name: "cycles", description: "either with some walls taken out: filling dead ends fails")

  public var kinds: [ExampleKind] { [.training, Self.depthFirst, Self.kruskal, Self.cycles] }

  private func drawn(length: Int, kind: ExampleKind, random: inout Random) -> Maze {
    let shape: MazeShape
    switch kind {
    case Self.depthFirst: shape = .depthFirst
    case Self.kruskal: shape = .kruskal
    case Self.cycles: shape = .cycles
    default: return options.mix.draw(length: length, random: &random)
    }
    return .drawn(shape, length: length, farthest: false, random: &random)
  }

  // MARK: - Batches

  public func layout(length: Int) throws -> Layout {
    try MazeOptions.check("length", length)
    let side = length + 2
    return Layout(
      rows: side, columns: side, positionIDs: (1...Int32(side * side)).map { $0 },
      answer: Array(0..<side * side))
  }

  public func makeBatch(
    length: Int, examples: Int, kind: ExampleKind, random: inout Random
  ) throws -> Batch {
    let layout = try checkedLayout(length: length, examples: examples, kind: kind)
    let branch = random.branch()
    var wanted: Int?
    if kind == .training && options.similar {
      var random = branch.split(.max)
      let maze = drawn(length: length, kind: kind, random: &random)
      wanted = maze.difficulty(maze.filling)
    }
    let mazes = (0..<examples).map { example in
      var random = branch.split(UInt64(example))
      return solved(length: length, kind: kind, wanted: wanted, random: &random)
    }
    return batch(mazes, length: length, layout)
  }

  /// Mazes looked at for one of the wanted difficulty. The difficulty wanted is that of a random maze, so the mean
  /// number looked at is no more than that of difficulties that can be told apart.
  private static let mostCandidates = 256

  /// Draws mazes until one comes near the wanted difficulty; the nearest when none does.
  private func solved(
    length: Int, kind: ExampleKind, wanted: Int?, random: inout Random
  ) -> SolvedMaze {
    var maze = drawn(length: length, kind: kind, random: &random)
    var filling = maze.filling
    guard let wanted else { return SolvedMaze(maze, filling: filling) }
    let tolerance = max(1, wanted / 10)
    var distance = abs(maze.difficulty(filling) - wanted)
    var looked = 1
    while distance > tolerance && looked < Self.mostCandidates {
      looked += 1
      let other = drawn(length: length, kind: kind, random: &random)
      let otherFilling = other.filling
      let otherDistance = abs(other.difficulty(otherFilling) - wanted)
      if otherDistance < distance {
        (maze, filling, distance) = (other, otherFilling, otherDistance)
      }
    }
    return SolvedMaze(maze, filling: filling)
  }

  func batch(_ mazes: [SolvedMaze], length: Int, _ layout: Layout) -> Batch {
    let pixels = 0..<layout.positions
    return Batch(
      examples: mazes.count, layout: layout,
      tokens: mazes.flatMap { maze in pixels.map(maze.token) },
      targets: mazes.flatMap { maze in pixels.map { maze.isOnPath($0) ? 1 : 0 } },
      facts: SolvedMaze.facts(of: mazes), length: length,
      difficulty: mazes.map(\.difficulty).max() ?? 0)
  }
}
