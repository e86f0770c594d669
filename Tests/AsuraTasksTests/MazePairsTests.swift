import AsuraTasks
import AsuraTensor
import Testing

struct MazePairsTests {
  @Test(arguments: [MazeTask.detourPairs, MazeTask.shortcutPairs], [3, 9])
  func aWallChangesThePath(kind: ExampleKind, length: Int) throws {
    let task = try MazeTask()
    var random = Random(seed: 9)
    let pairs = try task.makePairs(length: length, count: 60, kind: kind, random: &random)
    var cleanIsLonger = 0
    for pair in 0..<60 {
      let drawings = [pairs.clean, pairs.corrupted].map {
        MazeDrawing(task.question($0, example: pair))
      }
      let changed = (0..<pairs.clean.positions).filter {
        drawings[0].isOpen($0) != drawings[1].isOpen($0)
      }
      #expect(changed.count == (kind == MazeTask.detourPairs ? 2 : 1))
      #expect(drawings[0].pixel(of: "S") == drawings[1].pixel(of: "S"))
      #expect(drawings[0].pixel(of: "E") == drawings[1].pixel(of: "E"))
      let paths = try drawings.map { drawing in
        try #require(drawing.shortestPaths.count == 1)
        return drawing.shortestPaths[0]
      }
      #expect(paths[0] != paths[1])
      for (batch, path) in zip([pairs.clean, pairs.corrupted], paths) {
        let targets = batch.targets(ofExample: pair)
        #expect(targets.enumerated().filter { $1 == 1 }.map(\.offset) == path.sorted())
      }
      cleanIsLonger += paths[0].count > paths[1].count ? 1 : 0
      if kind == MazeTask.detourPairs {
        #expect(drawings.allSatisfy { $0.open.count == drawings[0].open.count })
      } else {
        // The one with a wall less has the shorter path.
        let isCleanOpen = drawings[0].open.count > drawings[1].open.count
        #expect(isCleanOpen == (paths[0].count < paths[1].count))
      }
    }
    #expect((10...50).contains(cleanIsLonger))
  }
}
