import AsuraTasks
import AsuraTensor
import Testing

private let plain = AdditionOptions(format: .plain)
private let nextToken = AdditionOptions(format: .plain, targets: .nextToken)
private let interleaved = AdditionOptions(format: .interleaved)
private let withoutBOS = AdditionOptions(format: .columns, bos: false)

struct AdditionLabelTests {
  static let everyFormat = [
    AdditionOptions(), withoutBOS, plain, nextToken, interleaved,
    AdditionOptions(digitOrder: .most), AdditionOptions(format: .plain, digitOrder: .most),
    AdditionOptions(format: .interleaved, digitOrder: .most, targets: .nextToken),
    AdditionOptions(operands: 3), AdditionOptions(format: .plain, operands: 8, digitOrder: .most),
    AdditionOptions(format: .interleaved, operands: 5),
  ]

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
        let question = task.question(batch, example: example)
        try #require(question.hasSuffix(" ="))
        let numbers = question.dropLast(2).split(separator: " + ").map(String.init)
        try #require(numbers.count == options.operands)
        #expect(
          task.answer(batch.targets(ofExample: example), in: batch)
            == numbers.reduce("0", addDecimal), "\(kind.name), example \(example)")
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
      let question = task.question(batch, example: example)
      let numbers = question.dropLast(2).split(separator: " + ").map { Int($0)! }
      let places =
        options.digitOrder == .least ? batch.layout.answer : batch.layout.answer.reversed()
      let fact = { (name: String, column: Int) -> Int in
        Int(batch.fact(name)!.values[example * batch.positions + places[column]])
      }
      var chain = 0
      for (column, power) in powers.enumerated() {
        let digits = numbers.map { $0 / power % 10 }
        let carry = numbers.reduce(0) { $0 + $1 % power } / power
        if column > 0 {
          // What the column before gives by itself; where that is not what comes, a carry has passed through it.
          let before = numbers.reduce(0) { $0 + $1 / (power / 10) % 10 } / 10
          chain = carry == 0 ? 0 : carry == before ? 1 : chain + 1
        }
        // What leaves the column without a carry and with the largest.
        let sum = digits.reduce(0, +)
        let (without, with) = (sum / 10, (sum + options.operands - 1) / 10)
        for (letter, digit) in zip("ABCDEFGH", digits) {
          #expect(fact("digit\(letter)", column) == digit)
        }
        #expect(fact("carry", column) == carry)
        #expect(fact("column", column) == (with == 0 ? 0 : without == with ? 2 : 1))
        #expect(fact("sum", column) == numbers.reduce(0, +) / power % 10)
        #expect(fact("chain", column) == chain)
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

  @Test func digitsAlternateAndMayBeginWithTheMostSignificant() throws {
    func text(_ options: AdditionOptions) throws -> (String, Batch) {
      let task = try AdditionTask(options)
      let batch = try task.makeBatch(reading: ["12 + 34 ="], length: nil)
      return (batch.tokens.map { task.vocabulary[Int($0)] }.joined(), batch)
    }
    let (least, first) = try text(interleaved)
    #expect(least == "2413=___")
    #expect(first.positionIDs == [1, 1, 2, 2, 0, 1, 2, 3])
    #expect(first.targets == [-1, -1, -1, -1, -1, 6, 4, 0])
    let (most, second) = try text(
      AdditionOptions(format: .interleaved, digitOrder: .most, targets: .nextToken))
    #expect(most == "1324=04")
    #expect(second.positionIDs == [2, 2, 1, 1, 0, 3, 2])
    #expect(second.targets == [-1, -1, -1, -1, 0, 4, 6])
    let (plainMost, third) = try text(AdditionOptions(format: .plain, digitOrder: .most))
    #expect(plainMost == "12+34=___" && Array(third.targets.suffix(3)) == [0, 4, 6])
    let (columns, fourth) = try text(AdditionOptions(digitOrder: .most))
    #expect(columns == "bosbos001324")
    #expect(fourth.targets == [-1, 0, 4, 6] && fourth.positionIDs == [0, 3, 2, 1])
  }

  @Test func severalNumbersStandInChannelsOrRows() throws {
    let task = try AdditionTask(AdditionOptions(operands: 3))
    let batch = try task.makeBatch(reading: ["12 + 9 + 999 ="], length: nil)
    #expect(task.channels == 3 && batch.channels == 3)
    #expect(batch.tokens == [10, 10, 10, 2, 9, 9, 1, 0, 9, 0, 0, 9, 0, 0, 0])
    #expect(batch.targets == [-1, 0, 2, 0, 1])
    #expect(batch.fact("carry")!.values == [-1, 0, 2, 1, 1])
    #expect(batch.fact("carry")!.classes == ["no carry", "carry 1", "carry 2"])
    let plain = try AdditionTask(AdditionOptions(format: .plain, operands: 3))
    let rows = try plain.makeBatch(reading: ["1 + 2 + 3"], length: nil)
    #expect(rows.tokens.map { plain.vocabulary[Int($0)] }.joined() == "1+2+3=__")
    #expect(rows.positionIDs == [1, 0, 1, 0, 1, 0, 1, 2])
    #expect(
      task.render(batch, example: 0) == """
        addition columns, 3 digits, longest carry 2 columns
        tokens: bos/bos/bos 2/9/9 1/0/9 0/0/9 0/0/0
         carry  112
        column   PGG
             a   012
           + b   009
           + c   999
         = sum  1020
        """)
    for count in [1, 9, 0, -1, .max] {
      #expect {
        try AdditionTask(AdditionOptions(operands: count))
      } throws: { "\($0)".contains("operands: found \(count), expected 2 to 8") }
    }
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
