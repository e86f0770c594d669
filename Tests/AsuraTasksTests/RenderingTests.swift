import AsuraTasks
import AsuraTensor
import Testing

struct RenderingTests {
  /// 2758 + 1743 = 4501, worked by hand.
  func batch(_ format: AdditionOptions.Format) throws -> (AdditionTask, Batch) {
    let task = try AdditionTask(AdditionOptions(format: format))
    let layout = try task.layout(length: 4)
    let unasked = [Int32](repeating: -1, count: layout.answer[0])
    let tokens: [Int32] =
      format == .columns
      ? [10, 10, 8, 3, 5, 4, 7, 7, 2, 1, 0, 0]
      : [8, 5, 7, 2, 10, 3, 4, 7, 1, 11, 12, 12, 12, 12, 12]
    let facts = [
      Fact(name: "carry", description: "", values: unasked + [0, 1, 1, 1, 0]),
      Fact(name: "column", description: "", values: unasked + [2, 1, 2, 0, 0]),
      Fact(name: "chain", description: "", values: unasked + [0, 1, 2, 1, 0]),
    ]
    return (
      task,
      Batch(
        examples: 1, channels: task.channels, layout: layout, tokens: tokens,
        targets: unasked + [1, 0, 5, 4, 0], facts: facts, length: 4, difficulty: 4)
    )
  }

  @Test func additionReadsAsWritten() throws {
    let (task, batch) = try batch(.columns)
    #expect(task.question(batch, example: 0) == "2758 + 1743 =")
    #expect(task.answer(batch.targets, in: batch) == "4501")
    #expect(
      task.render(batch, example: 0) == """
        addition columns, 4 digits, longest carry 2 columns
        tokens: bos/bos 8/3 5/4 7/7 2/1 0/0
         carry   111
        column   ·GPG
             a   2758
           + b   1743
         = sum   4501
        """)
  }

  @Test func wrongDigitsAreMarked() throws {
    let (task, batch) = try batch(.plain)
    var prediction = batch.targets
    prediction[12] = 4
    prediction[14] = 1
    #expect(task.answer(prediction, in: batch) == "14401")
    #expect(
      task.render(batch, example: 0, prediction: prediction) == """
        addition plain, 4 digits, longest carry 2 columns
        tokens: 8 5 7 2 + 3 4 7 1 = _ _ _ _ _
         carry   111
        column   ·GPG
             a   2758
           + b   1743
         = sum   4501
         model  14401
         wrong  ^ ^
        """)
  }

  @Test func longNumbersBreakIntoBlocks() throws {
    let task = try AdditionTask()
    var random = Random(seed: 0)
    let batch = try task.makeBatch(length: 1000, examples: 1, random: &random)
    let lines = task.render(batch, example: 0).split(separator: "\n").map(String.init)
    #expect(lines.dropFirst(2).allSatisfy { $0.count <= 80 })
    let sum = lines.filter { $0.hasPrefix(" = sum") }.map { $0.dropFirst(8) }.joined()
    #expect(sum.count == 1001)
    #expect(sum.hasSuffix(task.answer(batch.targets, in: batch)))
  }

  @Test func copyMarksWrongSymbols() throws {
    let task = try CopyTask(CopyOptions(alphabet: 4, targets: .nextToken))
    let batch = Batch(
      examples: 1, layout: try task.layout(length: 3), tokens: [3, 1, 0, 4, 3, 1],
      targets: [-1, -1, -1, 3, 1, 0], length: 3, difficulty: 1)
    #expect(task.question(batch, example: 0) == "d b a")
    #expect(
      task.render(batch, example: 0, prediction: [0, 0, 0, 3, 2, 0]) == """
        copy, 3 symbols of 4
        tokens: d b a = d b
         input  dba
        output  dba
         model  dca
         wrong   ^
        """)
  }

  @Test func wideSymbolsKeepToTheTerminal() throws {
    let task = try CopyTask(CopyOptions(alphabet: 1000))
    var random = Random(seed: 0)
    let batch = try task.makeBatch(length: 100, examples: 1, random: &random)
    let lines = task.render(batch, example: 0).split(separator: "\n").dropFirst(2)
    #expect(lines.allSatisfy { $0.count <= 80 })
    let input = lines.filter { $0.hasPrefix(" input") }
      .flatMap { $0.split(separator: " ").dropFirst() }
    #expect(input.joined(separator: " ") == task.question(batch, example: 0))
  }

  @Test func numberedSymbolsLineUp() throws {
    let task = try CopyTask(CopyOptions(alphabet: 100))
    let batch = Batch(
      examples: 1, layout: try task.layout(length: 3), tokens: [3, 41, 0], targets: [3, 41, 0],
      length: 3, difficulty: 1)
    #expect(
      task.render(batch, example: 0) == """
        copy, 3 symbols of 100
        tokens: s3 s41 s0
         input   s3 s41  s0
        output   s3 s41  s0
        """)
  }
}
