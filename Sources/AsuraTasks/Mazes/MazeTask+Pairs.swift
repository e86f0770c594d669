import AsuraConfiguration
import AsuraTensor

extension MazeTask {
  /// One wall moves, and the path with it; neither maze has cycles.
  public static let detourPairs = ExampleKind(
    name: "detour", description: "a wall moves, and the path goes elsewhere; no cycles")
  /// One wall less in one of the two makes its path shorter, and a cycle.
  public static let shortcutPairs = ExampleKind(
    name: "shortcut", description: "a wall less makes a shorter path, and a cycle")

  public var pairKinds: [ExampleKind] { [Self.detourPairs, Self.shortcutPairs] }

  /// Pairs of mazes of equal start and end that differ in two pixels (`detour`: one opens, another closes) or in one
  /// (`shortcut`). Which of the two is the clean one is drawn.
  public func makePairs(
    length: Int, count: Int, kind: ExampleKind?, random: inout Random
  ) throws -> ExamplePairs {
    let kind = try checkedPairKind(kind)
    let layout = try checkedLayout(length: length, examples: count, kind: .training)
    let pairs = random.each(count) { random in
      while true {
        let shape: MazeShape = random.uniform() < 0.5 ? .depthFirst : .kruskal
        let maze = SolvedMaze(
          .drawn(shape, length: length, farthest: false, random: &random))
        // A maze may have no shortcut; of those of any length many have one.
        guard let other = rerouted(maze, kind: kind, random: &random) else { continue }
        return random.uniform() < 0.5 ? (maze, other) : (other, maze)
      }
    }
    return ExamplePairs(
      clean: batch(pairs.map(\.0), length: length, layout),
      corrupted: batch(pairs.map(\.1), length: length, layout))
  }

  /// The same maze with one of its walls open, so that part of the path can be gone round, or cut off.
  private func rerouted(
    _ solved: SolvedMaze, kind: ExampleKind, random: inout Random
  ) -> SolvedMaze? {
    var maze = solved.maze
    let path = solved.path
    // The branch of the maze that every pixel belongs to, by where on the path it begins, and how far in.
    let branches = maze.grid.reach(from: path)
    var root = [Int32](repeating: -1, count: maze.grid.isOpen.count)
    for (place, pixel) in path.enumerated() { root[pixel] = Int32(place) }
    let steps = maze.grid.steps
    for pixel in branches.order.dropFirst(path.count) {
      for i in 0..<4 where branches.steps[pixel + steps[i]] == branches.steps[pixel] - 1 {
        root[pixel] = root[pixel + steps[i]]
      }
    }
    let walls = maze.grid.passages.filter { wall in
      guard !maze.grid.isOpen[wall] else { return false }
      let (a, b) = maze.grid.rooms(beside: wall)
      let isShorter = abs(root[a] - root[b]) > branches.steps[a] + branches.steps[b] + 2
      return kind == Self.shortcutPairs ? isShorter : root[a] != root[b]
    }
    guard !walls.isEmpty else { return nil }
    let wall = walls[Int(random.below(UInt64(walls.count)))]
    maze.grid.open(wall)
    if kind == Self.detourPairs {
      let (a, b) = maze.grid.rooms(beside: wall)
      let between = path[Int(min(root[a], root[b]))...Int(max(root[a], root[b]))]
        .filter { !maze.grid.isRoom($0) }
      // Branches leave the path at rooms, so there is a passage between any two.
      maze.grid.close(between[Int(random.below(UInt64(between.count)))])
    }
    return SolvedMaze(maze)
  }
}
