import AsuraTasks
import AsuraTensor
import Testing

private let plain = AdditionOptions(format: .plain)
private let nextToken = AdditionOptions(format: .plain, targets: .nextToken)
private let withoutBOS = AdditionOptions(format: .columns, bos: false)

struct AdditionLabelTests {
  static let everyFormat = [AdditionOptions(), withoutBOS, plain, nextToken]

  @Test func solverAgreesWithKnownSums() {
    #expect(addDecimal("999999999", "1") == "1000000000")
    #expect(addDecimal("12345678901234567890", "98765432109876543210") == "111111111011111111100")
    #expect(addDecimal("0", "0") == "0")
  }

  @Test(arguments: everyFormat, [1, 2, 7, 40, 1000])
  func sumsAgreeWithAnIndependentSolver(options: AdditionOptions, length: Int) throws {
    let task = try AdditionTask(options)
    var random = Random(seed: 3)
    for kind in task.kinds {
      let batch = try task.makeBatch(length: length, examples: 16, kind: kind, random: &random)
      #expect(batch.layout == (try task.layout(length: length)))
      for example in 0..<batch.examples {
        let words = task.question(batch, example: example).split(separator: " ").map(String.init)
        try #require(words.count == 4 && words[1] == "+" && words[3] == "=")
        #expect(
          task.answer(batch.targets(ofExample: example), in: batch)
            == addDecimal(words[0], words[2]), "\(kind.name), example \(example)")
      }
    }
  }

  /// Facts against machine integers, from the definition of each.
  @Test(arguments: everyFormat, [1, 2, 5, 12])
  func factsAgreeWithIntegers(options: AdditionOptions, length: Int) throws {
    let task = try AdditionTask(options)
    var random = Random(seed: 8)
    let batch = try task.makeBatch(length: length, examples: 200, random: &random)
    let powers = (0...length).map { (0..<$0).reduce(1) { power, _ in power * 10 } }
    for example in 0..<batch.examples {
      let words = task.question(batch, example: example).split(separator: " ")
      let (a, b) = (Int(words[0])!, Int(words[2])!)
      let fact = { (name: String, column: Int) -> Int in
        let position = batch.layout.answer[column]
        return Int(batch.fact(name)!.values[example * batch.positions + position])
      }
      var generatedAt: Int?
      for (column, power) in powers.enumerated() {
        let (x, y) = (a / power % 10, b / power % 10)
        let carry = a % power + b % power >= power
        // What leaves the column without and with a carry coming in.
        let (without, with) = ((x + y) / 10, (x + y + 1) / 10)
        #expect(fact("digitA", column) == x)
        #expect(fact("digitB", column) == y)
        #expect(fact("carry", column) == (carry ? 1 : 0))
        #expect(fact("column", column) == without + with)
        #expect(fact("sum", column) == (a + b) / power % 10)
        #expect(fact("chain", column) == (carry ? column - generatedAt! : 0))
        if x + y > 9 { generatedAt = column }
      }
    }
    #expect(batch.fact("column")?.classes == ["kill", "propagate", "generate"])
    for fact in batch.facts {
      let defined = fact.values.count { $0 >= 0 }
      #expect(defined == batch.examples * (length + 1), "\(fact.name)")
    }
  }

  @Test func columnsHoldBothDigits() throws {
    let task = try AdditionTask()
    var random = Random(seed: 0)
    let batch = try task.makeBatch(
      length: 3, examples: 1, kind: AdditionTask.nines, random: &random)
    let nines: [Int32] = [10, 10, 9, 1, 9, 0, 9, 0, 0, 0]
    let swapped: [Int32] = [10, 10, 1, 9, 0, 9, 0, 9, 0, 0]
    #expect(batch.tokens == nines || batch.tokens == swapped)
    #expect(batch.targets == [-1, 0, 0, 0, 1])
    #expect(batch.positionIDs == [0, 1, 2, 3, 4])
    #expect(batch.layout.answer == [1, 2, 3, 4])
    #expect(task.vocabulary[10] == "bos")
    #expect(batch.channels == 2 && batch.length == 3 && batch.difficulty == 3)

    let bare = try AdditionTask(withoutBOS)
    #expect(bare.vocabulary.count == 10)
    #expect(try bare.layout(length: 3).positionIDs == [1, 2, 3, 4])
    #expect(try bare.layout(length: 3).answer == [0, 1, 2, 3])
  }

  @Test func plainAsksAtSlots() throws {
    let task = try AdditionTask(plain)
    var random = Random(seed: 0)
    let batch = try task.makeBatch(
      length: 2, examples: 1, kind: AdditionTask.nines, random: &random)
    let text = batch.tokens.map { task.vocabulary[Int($0)] }.joined()
    #expect(text == "99+10=___" || text == "10+99=___")
    #expect(batch.targets == [-1, -1, -1, -1, -1, -1, 0, 0, 1])
    #expect(batch.positionIDs == [1, 2, 0, 1, 2, 0, 1, 2, 3])
    #expect(batch.layout.answer == [6, 7, 8])
  }

  @Test func nextTokenAsksForTheSymbolThatFollows() throws {
    let task = try AdditionTask(nextToken)
    var random = Random(seed: 0)
    let batch = try task.makeBatch(
      length: 2, examples: 1, kind: AdditionTask.nines, random: &random)
    let text = batch.tokens.map { task.vocabulary[Int($0)] }.joined()
    #expect(text == "99+10=00" || text == "10+99=00")
    #expect(batch.targets == [-1, -1, -1, -1, -1, 0, 0, 1])
    #expect(batch.positionIDs == [1, 2, 0, 1, 2, 0, 1, 2])
    #expect(batch.layout.answer == [5, 6, 7])
    #expect(batch.layout.mode == .nextToken)
  }
}
