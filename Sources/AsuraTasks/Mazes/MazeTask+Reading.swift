import AsuraConfiguration

extension MazeTask {
  /// Reads mazes such as `#####/#S..#/###.#/#E..#/#####`: rows parted by slashes, `#` walls, `.` floor, one `S` and one
  /// `E`, within a ring of walls, with exactly one shortest path from `S` to `E`.
  public func makeBatch(reading texts: [String], length: Int?) throws -> Batch {
    let sides = texts.map { $0[...].trimmed.prefix { $0 != "/" }.count }
    let length = length ?? (sides.first.map { $0 - 2 } ?? 3)
    let layout = try checkedLayout(length: length, examples: texts.count, kind: .training)
    let mazes = try texts.enumerated().map { number, text in
      try Self.maze(in: text, number: number, side: length + 2)
    }
    return batch(mazes, length: length, layout)
  }

  private static func maze(in text: String, number: Int, side: Int) throws -> SolvedMaze {
    func error(_ expected: String, _ remedy: String) -> TaskError {
      .text(number, found: text, expected: expected, remedy: remedy)
    }
    let rows = text[...].trimmed.split(separator: "/", omittingEmptySubsequences: false)
    guard rows.count == side, rows.allSatisfy({ $0.count == side }) else {
      throw error(
        "\(side) rows of \(side) pixels, parted by slashes",
        "all mazes must have one length, and their ring of walls around them")
    }
    let pixels = Array(rows.joined())
    guard pixels.allSatisfy(signs.contains) else {
      throw error("the signs # . S E", "write walls as # and floor as .")
    }
    guard let start = pixels.firstIndex(of: "S"), let end = pixels.firstIndex(of: "E"),
      pixels.count(where: { $0 == "S" || $0 == "E" }) == 2
    else { throw error("one S and one E", "mark where the path starts and ends") }
    for i in 0..<side {
      for pixel in [i, (side - 1) * side + i, i * side, i * side + side - 1]
      where pixels[pixel] != "#" {
        throw error("walls all around", "close the first and last row and column with #")
      }
    }
    let grid = MazeGrid(side: side, isOpen: pixels.map { $0 != "#" })
    let solved = SolvedMaze(Maze(grid: grid, start: start, end: end))
    guard solved.steps > 0 else {
      throw error("a way from S to E", "open a wall between them")
    }
    guard pixels.indices.allSatisfy({ !grid.isOpen[$0] || solved.fromStart[$0] >= 0 }) else {
      throw error("floor that can be reached from S", "fill what lies apart with #")
    }
    guard solved.path.count == solved.steps + 1 else {
      throw error(
        "exactly one shortest path",
        "there are several of \(solved.steps) steps: close a wall or move the ends")
    }
    return solved
  }
}
