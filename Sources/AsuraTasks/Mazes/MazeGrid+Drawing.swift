import AsuraTensor

/// How the walls of a maze are drawn.
enum MazeShape {
  /// A random depth-first walk (recursive backtracker): long winding corridors, few dead ends.
  case depthFirst
  /// Walls opened in random order wherever they part two trees (Kruskal): many short dead ends.
  case kruskal
  /// One of these, with some walls taken out: several ways lead from room to room.
  case cycles
}

extension MazeGrid {
  /// The chance of each wall between two rooms to be taken out of a maze with cycles.
  private static let openings = 0.1

  /// Draws a maze in time and memory linear in its pixels. It is perfect, a tree of rooms, but with `cycles`.
  static func drawn(_ shape: MazeShape, length: Int, random: inout Random) -> MazeGrid {
    switch shape {
    case .depthFirst: return depthFirst(length: length, random: &random)
    case .kruskal: return kruskal(length: length, random: &random)
    case .cycles:
      let isDepthFirst = random.uniform() < 0.5
      var maze = drawn(isDepthFirst ? .depthFirst : .kruskal, length: length, random: &random)
      let walls = maze.passages.filter { !maze.isOpen[$0] }
      // One at least, or there is no cycle.
      maze.open(walls[Int(random.below(UInt64(walls.count)))])
      for wall in walls where random.uniform() < openings { maze.open(wall) }
      return maze
    }
  }

  private static func depthFirst(length: Int, random: inout Random) -> MazeGrid {
    var maze = MazeGrid(length: length)
    let (steps, last) = (maze.steps, maze.side - 2)
    let rooms = maze.roomsAcross * maze.roomsAcross
    var way = [maze.room(Int(random.below(UInt64(rooms))))]
    way.reserveCapacity(rooms)
    maze.open(way[0])
    while let room = way.last {
      let (row, column) = (room / maze.side, room % maze.side)
      let isInside: SIMD4<Int> = [row - 1, column - 1, last - column, last - row]
      var (choices, count) = (SIMD4<Int>(), 0)
      for i in 0..<4 where isInside[i] > 0 && !maze.isOpen[room + 2 * steps[i]] {
        choices[count] = steps[i]
        count += 1
      }
      guard count > 0 else {
        way.removeLast()
        continue
      }
      let step = choices[count > 1 ? Int(random.below(UInt64(count))) : 0]
      maze.open(room + step)
      maze.open(room + 2 * step)
      way.append(room + 2 * step)
    }
    return maze
  }

  private static func kruskal(length: Int, random: inout Random) -> MazeGrid {
    var maze = MazeGrid(length: length)
    for index in 0..<maze.roomsAcross * maze.roomsAcross { maze.open(maze.room(index)) }
    // Union-find, with paths halved: every room points towards the root of its tree.
    var parent = Array(0..<maze.isOpen.count)
    func root(_ room: Int) -> Int {
      var room = room
      while parent[room] != room {
        parent[room] = parent[parent[room]]
        room = parent[room]
      }
      return room
    }
    var walls = maze.passages
    for last in walls.indices.reversed() {
      walls.swapAt(last, Int(random.below(UInt64(last + 1))))
      let (a, b) = maze.rooms(beside: walls[last])
      let (rootA, rootB) = (root(a), root(b))
      guard rootA != rootB else { continue }
      parent[rootA] = rootB
      maze.open(walls[last])
    }
    return maze
  }
}
