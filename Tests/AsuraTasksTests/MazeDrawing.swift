/// A maze read off its text, solved by the plainest means: every rule is applied to all pixels at once, again and again,
/// until nothing changes.
struct MazeDrawing {
  let rows: [[Character]]

  init(_ question: String) {
    rows = question.split(separator: "/").map(Array.init)
  }

  var side: Int { rows.count }
  func isOpen(_ pixel: Int) -> Bool { rows[pixel / side][pixel % side] != "#" }
  func pixel(of sign: Character) -> Int { rows.joined().enumerated().first { $1 == sign }!.offset }
  var open: [Int] { (0..<side * side).filter(isOpen) }

  func neighbours(_ pixel: Int) -> [Int] {
    [pixel - 1, pixel + 1, pixel - side, pixel + side].filter(isOpen)
  }

  /// Steps from a pixel to all others, by relaxing every pixel until nothing changes.
  func distances(from pixel: Int) -> [Int: Int] {
    var distances = [pixel: 0]
    while true {
      var next = distances
      for other in open {
        let best = neighbours(other).compactMap { distances[$0] }.min().map { $0 + 1 }
        if let best, best < next[other] ?? .max { next[other] = best }
      }
      if next == distances { return distances }
      distances = next
    }
  }

  /// All shortest paths from `S` to `E`, at most two.
  var shortestPaths: [[Int]] {
    let (start, end) = (pixel(of: "S"), pixel(of: "E"))
    let toEnd = distances(from: end)
    var found: [[Int]] = []
    var partial = [[start]]
    while let path = partial.popLast(), found.count < 2 {
      let last = path[path.count - 1]
      if last == end {
        found.append(path)
      } else {
        for next in neighbours(last) where toEnd[next]! == toEnd[last]! - 1 {
          partial.append(path + [next])
        }
      }
    }
    return found
  }

  /// The pass in which dead-end filling closes each pixel it closes.
  var filled: [Int: Int] {
    let ends = [pixel(of: "S"), pixel(of: "E")]
    var filled: [Int: Int] = [:]
    var pass = 0
    while true {
      pass += 1
      let closing = open.filter { pixel in
        filled[pixel] == nil && !ends.contains(pixel)
          && neighbours(pixel).count { filled[$0] == nil } <= 1
      }
      if closing.isEmpty { return filled }
      for pixel in closing { filled[pixel] = pass }
    }
  }
}
