/// The walls of a square maze, pixel by pixel: rooms at odd rows and columns, what lies between two rooms is a wall or a
/// passage, and a ring of walls runs around it all. A pixel is `row × side + column`.
struct MazeGrid: Equatable {
  /// Pixels of a row, those of the ring included.
  let side: Int
  /// `[pixel]`, false for a wall.
  private(set) var isOpen: [Bool]

  /// A maze of nothing but walls, `length` pixels wide inside its ring.
  init(length: Int) {
    side = length + 2
    isOpen = Array(repeating: false, count: side * side)
  }

  /// A maze of any shape within a ring of walls.
  init(side: Int, isOpen: [Bool]) {
    precondition(isOpen.count == side * side, "\(isOpen.count) pixels for \(side)×\(side)")
    self.side = side
    self.isOpen = isOpen
  }

  mutating func open(_ pixel: Int) { isOpen[pixel] = true }
  mutating func close(_ pixel: Int) { isOpen[pixel] = false }

  /// From a pixel to those above, left, right and below.
  var steps: SIMD4<Int> { [-side, -1, 1, side] }

  /// Rooms of a row.
  var roomsAcross: Int { (side - 1) / 2 }

  /// The pixel of room `index`, counted row by row.
  func room(_ index: Int) -> Int {
    (2 * (index / roomsAcross) + 1) * side + 2 * (index % roomsAcross) + 1
  }

  func isRoom(_ pixel: Int) -> Bool { (pixel / side) % 2 == 1 && (pixel % side) % 2 == 1 }

  /// The pixels between two rooms, open or not.
  var passages: [Int] {
    (1..<side - 1).flatMap { row in
      stride(from: row % 2 + 1, to: side - 1, by: 2).map { row * side + $0 }
    }
  }

  /// The two rooms a passage lies between.
  func rooms(beside passage: Int) -> (Int, Int) {
    let step = (passage / side) % 2 == 1 ? 1 : side
    return (passage - step, passage + step)
  }

  /// How many of a pixel's four neighbours are open.
  func exits(_ pixel: Int) -> Int {
    let steps = steps
    return (0..<4).count { isOpen[pixel + steps[$0]] }
  }
}

// MARK: - Ways through

extension MazeGrid {
  /// How far every pixel is, and the pixels from near to far.
  struct Reach {
    /// `[pixel]`, in steps; −1 for what can't be reached.
    var steps: [Int32]
    /// What can be reached, in the order of its distance.
    var order: [Int]
  }

  /// Breadth-first distances from the nearest of some pixels.
  func reach(from pixels: [Int]) -> Reach {
    var reach = Reach(steps: Array(repeating: -1, count: isOpen.count), order: pixels)
    for pixel in pixels { reach.steps[pixel] = 0 }
    let steps = steps
    var next = 0
    while next < reach.order.count {
      let pixel = reach.order[next]
      next += 1
      for i in 0..<4 {
        let neighbour = pixel + steps[i]
        guard isOpen[neighbour], reach.steps[neighbour] < 0 else { continue }
        reach.steps[neighbour] = reach.steps[pixel] + 1
        reach.order.append(neighbour)
      }
    }
    return reach
  }

  /// Rooms that exactly one shortest path leads to, from near to far, without the one the paths begin at.
  func roomsWithOnePath(_ reach: Reach) -> [Int] {
    // Shortest paths to each pixel, 2 for more.
    var paths = [UInt8](repeating: 0, count: isOpen.count)
    let steps = steps
    paths[reach.order[0]] = 1
    for pixel in reach.order.dropFirst() {
      for i in 0..<4 {
        let neighbour = pixel + steps[i]
        guard reach.steps[neighbour] == reach.steps[pixel] - 1 else { continue }
        paths[pixel] = min(2, paths[pixel] + paths[neighbour])
      }
    }
    return reach.order.dropFirst().filter { paths[$0] == 1 && isRoom($0) }
  }
}
