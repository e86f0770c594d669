import AsuraTasks
import AsuraTensor
import Testing

struct MazeTextTests {
  private let maze = "#######/#S....#/#.###.#/#.#...#/#.#.###/#.#..E#/#######"

  @Test func mazesAreReadAndDrawn() throws {
    let task = try MazeTask()
    let batch = try task.makeBatch(reading: [maze], length: nil)
    #expect(batch.length == 5 && batch.layout.rows == 7)
    #expect(task.question(batch, example: 0) == maze)
    #expect(
      task.answer(batch.targets, in: batch)
        == "......./.*****./.....*./...***./...*.../...***./.......")
    #expect(batch.difficulty == 4)
    #expect(
      task.render(batch, example: 0) == """
        mazes, 5×5, 12 steps from S to E
        ██████████████
        ██S ········██
        ██  ██████··██
        ██  ██······██
        ██  ██··██████
        ██  ██····E ██
        ██████████████
        """)
  }

  @Test func wrongPixelsAreMarked() throws {
    let task = try MazeTask()
    let batch = try task.makeBatch(reading: [maze], length: nil)
    var prediction = batch.targets
    prediction[9] = 0
    prediction[15] = 1
    prediction[0] = 1
    #expect(
      task.render(batch, example: 0, prediction: prediction) == """
        mazes, 5×5, 12 steps from S to E
        ××████████████
        ██S ○○······██
        ██××██████··██
        ██  ██······██
        ██  ██··██████
        ██  ██····E ██
        ██████████████
        2 × wrongly on the path, 1 ○ missed of it
        """)
    #expect(
      task.render(batch, example: 0, prediction: batch.targets).hasSuffix("\nall right"))
  }

  @Test func aMazeWithSeveralWaysHasTheDifficultyOfItsPath() throws {
    let task = try MazeTask()
    let batch = try task.makeBatch(
      reading: ["#######/#S...E#/#.###.#/#.....#/#######/#######/#######"], length: nil)
    #expect(batch.difficulty == 8)
    #expect(batch.fact("filled")!.values.allSatisfy { $0 == -1 })
  }

  @Test func whatCannotBeReadIsShown() throws {
    let task = try MazeTask()
    let cases = [
      ("#####/#S.E#/#####", "5 rows of 5 pixels"),
      ("#####/#S.E#/###/#####/#####", "5 rows of 5 pixels"),
      ("#####/#S.x#/#####/#####/#####", "the signs # . S E"),
      ("#####/#S..#/#####/#####/#####", "one S and one E"),
      ("#####/#SSE#/#####/#####/#####", "one S and one E"),
      ("#####/.S.E#/#####/#####/#####", "walls all around"),
      ("#####/#S#E#/#####/#####/#####", "a way from S to E"),
      ("#####/#S.E#/#####/#...#/#####", "floor that can be reached"),
      ("#####/#S..#/#.#.#/#..E#/#####", "exactly one shortest path"),
      ("######/#S..E#/######/######/######/######", "an odd number"), ("", "length"),
    ]
    for (text, message) in cases {
      #expect {
        try task.makeBatch(reading: [text], length: nil)
      } throws: { "\($0)".contains(message) }
    }
    #expect {
      try task.makeBatch(reading: [maze], length: 9)
    } throws: { "\($0)".contains("text 0") && "\($0)".contains("11 rows") }
  }

  @Test func impossibleSizesAreExplained() throws {
    let task = try MazeTask()
    var random = Random(seed: 0)
    for (length, message) in [
      (10, "length: found 10, expected an odd number; rooms and walls alternate: ask for 9 or 11"),
      (1, "length: found 1, expected 3 to 4001"), (0, "3 to 4001"), (-9, "3 to 4001"),
      (4003, "3 to 4001"), (.max, "3 to 4001"),
    ] {
      #expect {
        try task.makeBatch(length: length, examples: 1, random: &random)
      } throws: { "\($0)".contains(message) }
    }
    #expect(throws: TaskError.self) {
      try task.makeBatch(length: 4001, examples: 100, random: &random)
    }
    for options in [
      MazeOptions(lengths: 3...8), MazeOptions(lengths: 4...9), MazeOptions(lengths: 1...3),
    ] { #expect(throws: TaskError.self) { try MazeTask(options) } }
    var mix = MazeMix()
    mix.farthest = 2
    #expect {
      try MazeTask(MazeOptions(mix: mix))
    } throws: { "\($0)".contains("mix.farthest") }
  }
}
