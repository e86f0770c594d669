import AsuraTasks
import AsuraTensor
import Testing

/// What holds of every task whose answer takes as many steps as its length says.
struct ChainTaskTests {
  static let configurations: [TaskConfiguration] = [
    .lego(LegoOptions(supervised: .all)), .lego(LegoOptions(tokens: .clause, supervised: .all)),
    .lego(LegoOptions(order: .reversed, supervised: .all, alphabet: 40)),
    .lookup(LookupOptions()), .lookup(LookupOptions(order: .backward, tables: 40, bits: 2)),
    .listops(ListOpsOptions()), .listops(ListOpsOptions(arguments: 3, operations: 5)),
    .arithmetic(ArithmeticOptions()),
    .arithmetic(ArithmeticOptions(modulus: 100, operations: 1)),
    .hops(HopsOptions(symbols: 64, lengths: 1...8)),
    .hops(HopsOptions(alphabet: 30, symbols: 500, lengths: 1...8)),
  ]

  @Test(arguments: configurations)
  func readingIsTheInverseOfAsking(configuration: TaskConfiguration) throws {
    let task = try configuration.makeTask()
    for kind in task.kinds {
      for length in [2, 3, 5, 8] {
        var random = Random(seed: UInt64(length), for: kind.name)
        let batch = try task.makeBatch(length: length, examples: 12, kind: kind, random: &random)
        #expect(batch.layout == (try task.layout(length: length)))
        #expect(batch.length == length && batch.difficulty == length)
        let texts = (0..<12).map { task.question(batch, example: $0) }
        #expect(try task.makeBatch(reading: texts, length: nil) == batch)
        #expect(try task.makeBatch(reading: texts, length: length) == batch)
        let error = #expect(throws: TaskError.self) {
          try task.makeBatch(reading: texts, length: length + 1)
        }
        #expect(error?.field == "text 0")
      }
    }
  }

  @Test(arguments: configurations)
  func pairsDifferInOneTokenAndInTheirAnswer(configuration: TaskConfiguration) throws {
    let task = try configuration.makeTask()
    #expect(task.pairKinds.count >= 1)
    for kind in task.pairKinds {
      for length in [1, 2, 6] {
        var random = Random(seed: 3, for: kind.name)
        let pairs = try task.makePairs(length: length, count: 40, kind: kind, random: &random)
        let changed = try #require(pairs.fact("changed")).values
        let affected = try #require(pairs.fact("affected")).values
        for pair in 0..<40 {
          let range = pair * pairs.clean.positions..<(pair + 1) * pairs.clean.positions
          #expect(changed[range].reduce(0, +) == 1)
          #expect(affected[range].contains(1))
        }
        // Both are what the task itself reads from their questions.
        for batch in [pairs.clean, pairs.corrupted] {
          let texts = (0..<40).map { task.question(batch, example: $0) }
          #expect(try task.makeBatch(reading: texts, length: length) == batch)
        }
        var same = Random(seed: 3, for: kind.name)
        let few = try task.makePairs(length: length, count: 3, kind: kind, random: &same)
        for pair in 0..<3 {
          #expect(few.clean.tokens(ofExample: pair) == pairs.clean.tokens(ofExample: pair))
          #expect(few.corrupted.tokens(ofExample: pair) == pairs.corrupted.tokens(ofExample: pair))
        }
      }
    }
  }

  @Test(arguments: configurations)
  func renderingShowsTheQuestionTheAnswerAndWhatIsWrong(configuration: TaskConfiguration) throws {
    let task = try configuration.makeTask()
    var random = Random(seed: 2)
    let batch = try task.makeBatch(length: 4, examples: 2, kind: task.kinds[1], random: &random)
    let targets = Array(batch.targets(ofExample: 1))
    let wrong = targets.map { $0 < 0 ? 0 : ($0 + 1) % Int32(task.outputs.count) }
    let text = task.render(batch, example: 1, prediction: wrong)
    #expect(text.hasPrefix(task.name))
    #expect(text.contains("^") || text.contains("(wrong)"))
    let right = task.render(batch, example: 1, prediction: targets.map { max(0, $0) })
    #expect(!right.contains("^") && !right.contains("(wrong)"))
    let lines = text.split(separator: "\n").map(String.init)
    #expect(lines.dropFirst(2).allSatisfy { $0.count <= 80 })
  }

  @Test(arguments: configurations)
  func impossibleLengthsNameTheField(configuration: TaskConfiguration) throws {
    let task = try configuration.makeTask()
    var random = Random(seed: 0)
    for length in [0, -1, Int.min, .max] {
      let error = #expect(throws: TaskError.self) {
        try task.makeBatch(length: length, examples: 1, random: &random)
      }
      #expect(error?.field == "length")
      #expect(throws: TaskError.self) {
        try task.makePairs(length: length, count: 1, kind: nil, random: &random)
      }
    }
    let error = #expect(throws: TaskError.self) {
      try task.makeBatch(length: 2, examples: 1 << 40, random: &random)
    }
    #expect(error?.field == "examples")
    #expect(throws: TaskError.self) { try task.makeBatch(reading: [], length: nil) }
    #expect(throws: TaskError.self) { try task.makeBatch(reading: [""], length: nil) }
  }
}
