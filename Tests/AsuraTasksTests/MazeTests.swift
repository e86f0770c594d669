import AsuraTasks
import AsuraTensor
import Testing

struct MazeTests {
  static let kinds: [ExampleKind] = [
    .training, MazeTask.depthFirst, MazeTask.kruskal, MazeTask.cycles,
  ]

  /// Examples of a kind, as batches of their own, so that each has its own difficulty.
  private func mazes(
    _ kind: ExampleKind, length: Int, count: Int, options: MazeOptions = MazeOptions()
  ) throws -> [(batch: Batch, drawing: MazeDrawing)] {
    let task = try MazeTask(options)
    var random = Random(seed: 11)
    return try (0..<count).map { _ in
      let batch = try task.makeBatch(length: length, examples: 1, kind: kind, random: &random)
      return (batch, MazeDrawing(task.question(batch, example: 0)))
    }
  }

  @Test(arguments: kinds, [3, 5, 9, 17])
  func labelsAndFactsAgreeWithAnIndependentSolver(kind: ExampleKind, length: Int) throws {
    for (batch, maze) in try mazes(kind, length: length, count: length == 17 ? 5 : 25) {
      let paths = maze.shortestPaths
      try #require(paths.count == 1)
      let path = Set(paths[0])
      #expect(batch.targets.indices.filter { batch.targets[$0] == 1 } == path.sorted())
      #expect(batch.targets.count { $0 == 0 } == batch.positions - path.count)

      func expect(_ name: String, _ value: (Int) -> Int?) {
        let values = batch.fact(name)!.values
        let expected = (0..<batch.positions).map { maze.isOpen($0) ? value($0) ?? -1 : -1 }
        #expect(values.map(Int.init) == expected, "\(name)")
      }
      let (start, end) = (maze.pixel(of: "S"), maze.pixel(of: "E"))
      let (fromStart, toEnd) = (maze.distances(from: start), maze.distances(from: end))
      let filled = maze.filled
      expect("path") { path.contains($0) ? 1 : 0 }
      expect("fromStart") { fromStart[$0] }
      expect("toEnd") { toEnd[$0] }
      expect("filled") { filled[$0] }
      expect("exits") { maze.neighbours($0).count }
      expect("place") { ($0 / maze.side) % 2 == 1 && ($0 % maze.side) % 2 == 1 ? 0 : 1 }

      let left = Set(maze.open.filter { filled[$0] == nil })
      if kind == MazeTask.cycles {
        #expect(left != path && left.isSuperset(of: path))
        #expect(batch.difficulty == 2 * (path.count - 1))
      } else {
        #expect(left == path)
        #expect(batch.difficulty == filled.values.max() ?? 0)
      }
    }
  }

  @Test(arguments: kinds, [3, 9, 21])
  func roomsHangTogether(kind: ExampleKind, length: Int) throws {
    for (batch, maze) in try mazes(kind, length: length, count: 20) {
      #expect(maze.side == length + 2 && maze.rows.allSatisfy { $0.count == maze.side })
      let across = (length + 1) / 2
      for pixel in 0..<batch.positions {
        let (row, column) = (pixel / maze.side, pixel % maze.side)
        if row % 2 == 1 && column % 2 == 1 { #expect(maze.isOpen(pixel)) }
        if row % 2 == 0 && column % 2 == 0 { #expect(!maze.isOpen(pixel)) }
        if [0, maze.side - 1].contains(row) || [0, maze.side - 1].contains(column) {
          #expect(!maze.isOpen(pixel))
        }
      }
      #expect(maze.distances(from: maze.pixel(of: "S")).count == maze.open.count)
      // A tree of rooms has one passage fewer than rooms.
      let passages = maze.open.count - across * across
      #expect(
        kind == MazeTask.cycles ? passages >= across * across : passages == across * across - 1)
      for end in [maze.pixel(of: "S"), maze.pixel(of: "E")] {
        #expect((end / maze.side) % 2 == 1 && (end % maze.side) % 2 == 1)
      }
      #expect(batch.layout.rows == maze.side && batch.layout.columns == maze.side)
    }
  }

  /// Of 2 × 2 rooms there are four mazes, and all are as likely for either way of drawing them, by symmetry.
  @Test(arguments: [MazeTask.depthFirst, MazeTask.kruskal])
  func allSmallestMazesAreAsLikely(kind: ExampleKind) throws {
    let task = try MazeTask()
    var random = Random(seed: 3)
    let batch = try task.makeBatch(length: 3, examples: 8000, kind: kind, random: &random)
    var counts: [String: Int] = [:]
    var starts: [Int: Int] = [:]
    for example in 0..<8000 {
      let maze = task.question(batch, example: example)
      starts[MazeDrawing(maze).pixel(of: "S"), default: 0] += 1
      counts[String(maze.map { "SE".contains($0) ? "." : $0 }), default: 0] += 1
    }
    #expect(counts.count == 4 && starts.count == 4)
    // Five standard errors: 5·√(8000·¼·¾).
    for count in counts.values { #expect(abs(count - 2000) < 194) }
    for count in starts.values { #expect(abs(count - 2000) < 194) }
  }

  /// Dead ends among rooms of large mazes: about a tenth of the recursive backtracker's and three tenths of Kruskal's
  /// (Buck, "Mazes for Programmers", 2015).
  @Test(arguments: [(MazeTask.depthFirst, 0.10), (MazeTask.kruskal, 0.30)])
  func deadEndsAreAsManyAsKnown(kind: ExampleKind, share: Double) throws {
    let task = try MazeTask()
    var random = Random(seed: 5)
    let batch = try task.makeBatch(length: 199, examples: 2, kind: kind, random: &random)
    let deadEnds = batch.fact("exits")!.values.count { $0 == 1 }
    #expect(abs(Double(deadEnds) / 20_000 - share) < 0.02)
  }

  /// What an earlier generator of the same mix gave: a mean difficulty of 13 and a largest of 44 at 9×9.
  @Test func difficultyIsAsKnown() throws {
    let options = MazeOptions(similar: false)
    let difficulties = try mazes(.training, length: 9, count: 4000, options: options)
      .map(\.batch.difficulty)
    let mean = Double(difficulties.reduce(0, +)) / 4000
    #expect(abs(mean - 13) < 1.5, "\(mean)")
    #expect((36...60).contains(difficulties.max()!), "\(difficulties.max()!)")
  }

  @Test func trainingBatchesHoldMazesOfSimilarDifficulty() throws {
    let task = try MazeTask()
    var random = Random(seed: 1)
    var within = 0
    var difficulties: [Int] = []
    for _ in 0..<60 {
      let batch = try task.makeBatch(length: 9, examples: 16, random: &random)
      let passes = (0..<16).map { example in
        MazeDrawing(task.question(batch, example: example)).filled.values.max() ?? 0
      }
      #expect(batch.difficulty == passes.max())
      within += passes.max()! - passes.min()! <= max(2, passes.max()! / 4) ? 1 : 0
      difficulties.append(batch.difficulty)
    }
    #expect(within >= 55)
    // All of them are trained on.
    #expect(difficulties.min()! <= 6 && difficulties.max()! >= 24)
  }

  @Test func farthestRoomsAreFarthest() throws {
    var mix = MazeMix()
    mix.farthest = 1
    for (_, maze) in try mazes(
      .training, length: 9, count: 12, options: MazeOptions(mix: mix, similar: false))
    {
      let rooms = maze.open.filter { ($0 / maze.side) % 2 == 1 && ($0 % maze.side) % 2 == 1 }
      let longest = rooms.map { maze.distances(from: $0).values.max()! }.max()!
      #expect(maze.shortestPaths[0].count - 1 == longest)
    }
  }

  @Test func weightsChooseTheMazes() throws {
    var mix = MazeMix()
    (mix.depthFirst, mix.kruskal, mix.cycles) = (0, 0, 2)
    for (_, maze) in try mazes(
      .training, length: 9, count: 10, options: MazeOptions(mix: mix))
    { #expect(maze.open.count >= 50) }
  }

  @Test func oddLengthsAreDrawn() throws {
    let task = try MazeTask(MazeOptions(lengths: 5...9))
    var random = Random(seed: 0)
    let lengths = (0..<300).map { _ in task.drawLength(random: &random) }
    #expect(Set(lengths) == [5, 7, 9])
  }

  @Test func largeMazesTakeMemoryAndTimeInProportion() throws {
    let task = try MazeTask(MazeOptions(similar: false))
    var random = Random(seed: 0)
    for kind in Self.kinds {
      let batch = try task.makeBatch(length: 801, examples: 1, kind: kind, random: &random)
      #expect(batch.positions == 803 * 803)
      let steps = batch.targets.count { $0 == 1 } - 1
      let fromStart = batch.fact("fromStart")!.values
      let end = batch.tokens.firstIndex(of: 3)!
      #expect(Int(fromStart[end]) == steps)
    }
  }
}
