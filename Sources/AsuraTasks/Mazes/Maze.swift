import AsuraTensor

/// A maze with a start and an end, which exactly one shortest path joins.
struct Maze {
  var grid: MazeGrid
  let start: Int
  let end: Int

  /// Draws a maze and two different rooms of it.
  ///
  /// - Parameter farthest: whether the rooms are as far apart as any two (in mazes with cycles, nearly so).
  static func drawn(
    _ shape: MazeShape, length: Int, farthest: Bool, random: inout Random
  ) -> Maze {
    let grid = MazeGrid.drawn(shape, length: length, random: &random)
    let rooms = UInt64(grid.roomsAcross * grid.roomsAcross)
    var start = grid.room(Int(random.below(rooms)))
    if farthest {
      let reach = grid.reach(from: [start])
      start = Self.farthest(reach.order.filter(grid.isRoom), reach, random: &random)
    }
    let reach = grid.reach(from: [start])
    let ends = grid.roomsWithOnePath(reach)
    let end =
      farthest
      ? Self.farthest(ends, reach, random: &random)
      : ends[Int(random.below(UInt64(ends.count)))]
    return random.uniform() < 0.5
      ? Maze(grid: grid, start: start, end: end) : Maze(grid: grid, start: end, end: start)
  }

  /// One of the farthest of `rooms`, which come from near to far.
  private static func farthest(
    _ rooms: [Int], _ reach: MazeGrid.Reach, random: inout Random
  ) -> Int {
    let most = rooms.last.map { reach.steps[$0] } ?? 0
    let candidates = Array(rooms.reversed().prefix { reach.steps[$0] == most })
    return candidates[Int(random.below(UInt64(candidates.count)))]
  }

  /// What dead-end filling does to a maze.
  struct Filling {
    /// `[pixel]`, the pass that fills it, from 1; −1 for walls and for what is never filled.
    var pass: [Int32]
    /// How many passes there are until nothing changes.
    var passes = 0
    /// Whether a path from start to end is all that is left, as it is unless there are cycles.
    var leavesPath = false
  }

  /// Fills dead ends pixel by pixel: in every pass, all open pixels with at most one open neighbour, but start and end,
  /// become walls at once.
  var filling: Filling {
    var filling = Filling(pass: Array(repeating: -1, count: grid.isOpen.count))
    var exits = [Int8](repeating: 0, count: grid.isOpen.count)
    var level: [Int] = []
    for pixel in grid.isOpen.indices where grid.isOpen[pixel] {
      exits[pixel] = Int8(grid.exits(pixel))
      if exits[pixel] <= 1 && pixel != start && pixel != end {
        filling.pass[pixel] = 1
        level.append(pixel)
      }
    }
    let steps = grid.steps
    while !level.isEmpty {
      filling.passes += 1
      var next: [Int] = []
      for pixel in level {
        for i in 0..<4 {
          let neighbour = pixel + steps[i]
          guard grid.isOpen[neighbour], filling.pass[neighbour] < 0 else { continue }
          exits[neighbour] -= 1
          if exits[neighbour] <= 1 && neighbour != start && neighbour != end {
            filling.pass[neighbour] = Int32(filling.passes + 1)
            next.append(neighbour)
          }
        }
      }
      level = next
    }
    // What is left hangs together, and only start and end can be loose ends: without a cycle, a path.
    var (pixels, neighbours) = (0, 0)
    for pixel in grid.isOpen.indices where grid.isOpen[pixel] && filling.pass[pixel] < 0 {
      pixels += 1
      neighbours += Int(exits[pixel])
    }
    filling.leavesPath = neighbours == 2 * (pixels - 1)
    return filling
  }

  /// How many steps a rule that sees a pixel's neighbours needs: the passes of dead-end filling where that leaves the
  /// path alone; with cycles, twice the path's length, for a wave from the start and a trace back from the end.
  func difficulty(_ filling: Filling) -> Int {
    filling.leavesPath ? filling.passes : 2 * Int(grid.reach(from: [start]).steps[end])
  }
}
