/// A maze, its shortest path, and what else is true of its pixels.
struct SolvedMaze {
  let maze: Maze
  let filling: Maze.Filling
  /// `[pixel]`, steps from the start; −1 for walls.
  let fromStart: [Int32]
  /// `[pixel]`, steps to the end; −1 for walls.
  let toEnd: [Int32]
  let difficulty: Int

  init(_ maze: Maze, filling: Maze.Filling? = nil) {
    let filling = filling ?? maze.filling
    self.maze = maze
    self.filling = filling
    fromStart = maze.grid.reach(from: [maze.start]).steps
    toEnd = maze.grid.reach(from: [maze.end]).steps
    difficulty = maze.difficulty(filling)
  }

  /// Steps of the shortest path; −1 when there is none.
  var steps: Int { Int(fromStart[maze.end]) }

  func isOnPath(_ pixel: Int) -> Bool {
    fromStart[pixel] >= 0 && fromStart[pixel] + toEnd[pixel] == fromStart[maze.end]
  }

  /// The path's pixels, from the start; with several shortest paths, those of all.
  var path: [Int] {
    maze.grid.isOpen.indices.filter(isOnPath).sorted { fromStart[$0] < fromStart[$1] }
  }

  // MARK: - As a model sees it

  /// What a pixel shows; the raw values are the task's tokens.
  enum Pixel: Int32, CaseIterable {
    case wall, floor, start, end
  }

  func token(_ pixel: Int) -> Int32 {
    let kind: Pixel =
      switch pixel {
      case maze.start: .start
      case maze.end: .end
      default: maze.grid.isOpen[pixel] ? .floor : .wall
      }
    return kind.rawValue
  }

  /// The facts of a batch.
  static func facts(of mazes: [SolvedMaze]) -> [Fact] {
    func values(_ value: (SolvedMaze, Int) -> Int32) -> [Int32] {
      mazes.flatMap { maze in
        maze.maze.grid.isOpen.indices.map { maze.maze.grid.isOpen[$0] ? value(maze, $0) : -1 }
      }
    }
    return [
      Fact(
        name: "path", description: "whether an open pixel lies on the path",
        classes: ["off the path", "on the path"], values: values { $0.isOnPath($1) ? 1 : 0 }),
      Fact(
        name: "fromStart", description: "steps from the start", values: values { $0.fromStart[$1] }
      ),
      Fact(name: "toEnd", description: "steps to the end", values: values { $0.toEnd[$1] }),
      Fact(
        name: "filled",
        description:
          "the pass of dead-end filling that closes the pixel, undefined where none does",
        values: values { $0.filling.pass[$1] }),
      Fact(
        name: "exits", description: "open neighbours: 1 a dead end, 2 a corridor, more a junction",
        values: values { Int32($0.maze.grid.exits($1)) }),
      Fact(
        name: "place", description: "whether an open pixel is a room or a passage between two",
        classes: ["room", "passage"], values: values { $0.maze.grid.isRoom($1) ? 0 : 1 }),
    ]
  }
}
