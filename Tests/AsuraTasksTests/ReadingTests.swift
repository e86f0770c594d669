import AsuraTasks
import AsuraTensor
import AsuraTestSupport
import Testing

@Suite struct ReadingTests {
  /// Whether a task reads back what it asks.
  private func expectInverse(
    _ task: any LearningTask, length: Int, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    var random = Random(seed: 6)
    let batch = try task.makeBatch(length: length, examples: 20, random: &random)
    let texts = (0..<20).map { task.question(batch, example: $0) }
    let read = try task.makeBatch(reading: texts, length: length)
    #expect(read == batch, sourceLocation: sourceLocation)
  }

  @Test func readingIsTheInverseOfAsking() throws {
    for format in [AdditionOptions.Format.columns, .plain] {
      for targets in format == .plain ? [TargetMode.parallel, .nextToken] : [.parallel] {
        for bos in format == .columns ? [true, false] : [false] {
          var options = AdditionOptions()
          (options.format, options.targets, options.bos) = (format, targets, bos)
          try expectInverse(try AdditionTask(options), length: 7)
        }
      }
    }
    for targets in [TargetMode.parallel, .nextToken] {
      for alphabet in [5, 100] {
        try expectInverse(
          try CopyTask(CopyOptions(alphabet: alphabet, targets: targets)), length: 6)
        try expectInverse(
          try PairsTask(PairsOptions(count: 40, alphabet: alphabet, targets: targets)), length: 10)
      }
    }
    for options in AdditionLabelTests.everyFormat {
      try expectInverse(try AdditionTask(options), length: 7)
    }
    try expectInverse(try MazeTask(), length: 13)
    for bos in [true, false] {
      try expectInverse(try ParityTask(ParityOptions(bos: bos)), length: 9)
    }
  }

  @Test func numbersGetZerosInFront() throws {
    let task = try AdditionTask()
    let batch = try task.makeBatch(reading: ["12 + 345 =", "9999+1", " 0 + 0 "], length: nil)
    #expect(batch.length == 4 && batch.examples == 3)
    #expect(
      (0..<3).map { task.question(batch, example: $0) } == [
        "12 + 345 =", "9999 + 1 =", "0 + 0 =",
      ])
    #expect(
      (0..<3).map { task.answer(batch.targets(ofExample: $0), in: batch) } == ["357", "10000", "0"])
    #expect(try task.makeBatch(reading: ["1 + 2"], length: 9).length == 9)
  }

  @Test func lettersMayRunTogether() throws {
    let task = try CopyTask(CopyOptions(alphabet: 4))
    let batch = try task.makeBatch(reading: ["dba", "a  b c"], length: nil)
    #expect(batch.tokens == [3, 1, 0, 0, 1, 2])
  }

  @Test func whatCannotBeReadIsShown() throws {
    let addition = try AdditionTask()
    let copy = try CopyTask(CopyOptions(alphabet: 4))
    let pairs = try PairsTask(PairsOptions(count: 3, alphabet: 4, lengths: 8...8))
    let cases: [(any LearningTask, [String], Int?, String)] = [
      (addition, ["1 + 2", "1 - 2"], nil, "text 1: found \"1 - 2\", expected two whole numbers"),
      (addition, ["1 + "], nil, "text 0"), (addition, ["1 + 2 + 3"], nil, "text 0"),
      (addition, [""], nil, "text 0"), (addition, ["１ + 2"], nil, "text 0"),
      (
        addition, ["1 + 2", "123 + 4"], 2,
        "text 1: found \"123 + 4\", expected numbers of at most 2"
      ),
      (copy, ["a b", "a e"], nil, "text 1: found \"e\", expected symbols from a to d"),
      (copy, ["a b", "a"], nil, "text 1: found \"a\", expected 2 symbols"),
      (copy, ["a b"], 3, "text 0: found \"a b\", expected 3 symbols"),
      (copy, [" "], nil, "text 0"),
      (pairs, ["aaaaaaaa"], nil, "expected the input of one of the 3 pairs of 8 symbols"),
      (pairs, ["a b"], nil, "length"), (copy, [], nil, "examples"),
    ]
    for (task, texts, length, message) in cases {
      #expect {
        try task.makeBatch(reading: texts, length: length)
      } throws: { "\($0)".contains(message) }
    }
  }
}
