extension MazeTask {
  /// What a pixel is written as, by its token.
  static let signs: [Character] = ["#", ".", "S", "E"]

  /// The rows of a maze, parted by slashes: `#` walls, `.` floor, `S` start, `E` end.
  public func question(_ batch: Batch, example: Int) -> String {
    let tokens = Array(batch.tokens(ofExample: example))
    return rows(of: batch.layout) { Self.signs[Int(tokens[$0])] }
  }

  /// The rows of an answer, parted by slashes: `*` on the path, `.` off it.
  public func answer(_ classes: some Collection<Int32>, in batch: Batch) -> String {
    let classes = Array(classes)
    return rows(of: batch.layout) { classes[$0] == 1 ? "*" : "." }
  }

  private func rows(of layout: Layout, _ sign: (Int) -> Character) -> String {
    (0..<layout.rows).map { row in
      String((0..<layout.columns).map { sign(row * layout.columns + $0) })
    }
    .joined(separator: "/")
  }

  /// Pixels a side up to which each is drawn two characters wide, about a square.
  private static let mostSquares = 61

  /// The maze with its path in dots; of a prediction, `×` where it takes a pixel for one of the path that is none, and
  /// `○` where it misses one.
  public func render(_ batch: Batch, example: Int, prediction: [Int32]?) -> String {
    let side = batch.layout.columns
    let tokens = Array(batch.tokens(ofExample: example))
    let targets = Array(batch.targets(ofExample: example))
    func sign(_ pixel: Int) -> Character {
      if let prediction, prediction[pixel] != targets[pixel] {
        return targets[pixel] == 1 ? "○" : "×"
      }
      switch tokens[pixel] {
      case SolvedMaze.Pixel.wall.rawValue: return "█"
      case SolvedMaze.Pixel.floor.rawValue: return targets[pixel] == 1 ? "·" : " "
      default: return Self.signs[Int(tokens[pixel])]
      }
    }
    let isWide = side <= Self.mostSquares
    var lines = (0..<side).map { row in
      (0..<side).map { column in
        let sign = sign(row * side + column)
        return isWide ? "\(sign)\(sign == "S" || sign == "E" ? " " : sign)" : "\(sign)"
      }
      .joined()
    }
    let steps = targets.count { $0 == 1 } - 1
    lines.insert("\(name), \(batch.length)×\(batch.length), \(steps) steps from S to E", at: 0)
    if let prediction {
      let extra = targets.indices.count { targets[$0] == 0 && prediction[$0] == 1 }
      let missed = targets.indices.count { targets[$0] == 1 && prediction[$0] == 0 }
      lines.append(
        extra + missed == 0
          ? "all right" : "\(extra) × wrongly on the path, \(missed) ○ missed of it")
    }
    return lines.joined(separator: "\n")
  }
}
