import AsuraTasks
import AsuraTensor
import Testing

struct LegoTests {
  /// Values and places in the chain, found by rounds of substitution in the text: in each round every clause whose right
  /// side was known before the round becomes known.
  private func solve(_ question: String) -> [(value: Int, index: Int)] {
    let clauses = question.split(separator: "; ").map { $0.split(separator: "=") }
    var known: [Substring: (value: Int, index: Int)] = ["1": (1, -1)]
    while known.count <= clauses.count {
      let before = known
      for clause in clauses where known[clause[0]] == nil {
        guard let source = before[clause[1].dropFirst()] else { continue }
        known[clause[0]] = (
          clause[1].hasPrefix("-") ? -source.value : source.value, source.index + 1
        )
      }
    }
    return clauses.map { known[$0[0]]! }
  }

  @Test(arguments: [LegoOptions.Tokens.symbols, .clause])
  func labelsAreThoseOfSubstitution(tokens: LegoOptions.Tokens) throws {
    let task = try LegoTask(LegoOptions(tokens: tokens, supervised: .all))
    for kind in task.kinds {
      for (seed, length) in [1, 2, 3, 6, 12, 26].enumerated() {
        var random = Random(seed: UInt64(seed))
        let batch = try task.makeBatch(length: length, examples: 20, kind: kind, random: &random)
        for example in 0..<20 {
          let solution = solve(task.question(batch, example: example))
          let targets = batch.targets(ofExample: example)
          #expect(
            task.answer(targets, in: batch)
              == solution.map { $0.value == 1 ? "+" : "-" }.joined(separator: " "))
          let first = example * batch.positions
          let index = batch.layout.answer.map { Int(batch.fact("index")!.values[first + $0]) }
          #expect(index == solution.map(\.index))
          switch kind {
          case LegoTask.ordered: #expect(index == Array(0..<length))
          case LegoTask.reversed: #expect(index == Array((0..<length).reversed()))
          default: #expect(index.sorted() == Array(0..<length))
          }
          // The clause a clause refers to is the one before it in the chain.
          for (place, position) in batch.layout.answer.enumerated() {
            let source = Int(batch.fact("source")!.values[first + position])
            #expect(source < 0 ? index[place] == 0 : index[source] == index[place] - 1)
          }
        }
      }
    }
  }

  @Test func clausesAreFiveTokensOrOnePosition() throws {
    let symbols = try LegoTask()
    let batch = try symbols.makeBatch(reading: ["b=-a; a=+1"], length: nil)
    #expect(
      batch.tokens(ofExample: 0).map { symbols.vocabulary[Int($0)] }
        == ["b", "=", "-", "a", ";", "a", "=", "+", "1", ";"])
    #expect(batch.layout.answer == [4, 9])
    #expect(batch.targets == [-1, -1, -1, -1, 1, -1, -1, -1, -1, 0])
    let clause = try LegoTask(LegoOptions(tokens: .clause))
    let short = try clause.makeBatch(reading: ["b=-a; a=+1"], length: nil)
    #expect(
      short.tokens.map { clause.vocabulary[Int($0)] } == ["b=", "-", "a", "a=", "+", "1"])
    #expect(short.positions == 2 && short.targets == [1, 0])
  }

  @Test func trainingAsksForTheFirstHalf() throws {
    let task = try LegoTask()
    let all = try LegoTask(LegoOptions(supervised: .all))
    for length in 1...7 {
      var (random, same) = (Random(seed: 8), Random(seed: 8))
      let batch = try task.makeBatch(length: length, examples: 30, random: &random)
      let full = try all.makeBatch(length: length, examples: 30, random: &same)
      #expect(batch.tokens == full.tokens)
      let index = try #require(batch.fact("index")).values
      for (place, target) in batch.targets.enumerated() {
        let isAsked = index[place] >= 0 && Int(index[place]) < (length + 1) / 2
        #expect(target == (isAsked ? full.targets[place] : -1))
      }
      let tested = try task.makeBatch(
        length: length, examples: 30, kind: LegoTask.shuffled, random: &random)
      #expect(tested.targets.count { $0 >= 0 } == 30 * length)
    }
  }

  @Test func signsVariablesAndOrdersAreUniform() throws {
    let task = try LegoTask()
    var random = Random(seed: 0)
    let batch = try task.makeBatch(
      length: 4, examples: 6000, kind: LegoTask.shuffled, random: &random)
    let orders = (0..<6000).map { example in
      batch.layout.answer.map { batch.fact("index")!.values[example * batch.positions + $0] }
    }
    let counts = Dictionary(grouping: orders) { $0 }.mapValues(\.count)
    #expect(counts.count == 24)
    #expect(counts.values.allSatisfy { (170...330).contains($0) })
    let negative = batch.targets.count { $0 == 1 }
    #expect(abs(Double(negative) / 24_000 - 0.5) < 0.02)
    let variables = Dictionary(grouping: (0..<6000 * 4).map { batch.tokens[5 * $0] }) { $0 }
    #expect(variables.count == 26)
    #expect(variables.values.allSatisfy { (750...1100).contains($0.count) })
  }

  @Test func aPairsDifferenceGoesAlongTheChain() throws {
    let task = try LegoTask()
    var random = Random(seed: 5)
    let pairs = try task.makePairs(length: 6, count: 200, kind: nil, random: &random)
    let steps = try #require(pairs.fact("steps")).values
    let affected = try #require(pairs.fact("affected")).values
    let index = try #require(pairs.clean.fact("index")).values
    var starts: Set<Int32> = []
    for place in steps.indices where index[place] >= 0 {
      #expect((steps[place] > 0) == (affected[place] == 1))
      if steps[place] == 1 { starts.insert(index[place]) }
    }
    #expect(starts == [0, 1, 2, 3, 4, 5])
    let roots = try task.makePairs(
      length: 6, count: 20, kind: LegoTask.rootPairs, random: &random)
    #expect(roots.fact("affected")?.values.count { $0 == 1 } == 120)
  }

  @Test(arguments: [
    "a=+b; b=+a", "a=1; b=1", "a=1; a=-a", "b=a; c=a; a=1", "a=1; b=c", "a=2", "a=--1", "a",
    "a=1; ; b=a",
    "A=1", "a=+", "=1",
  ])
  func whatIsNoChainIsRefused(text: String) throws {
    let task = try LegoTask()
    let error = #expect(throws: TaskError.self) {
      try task.makeBatch(reading: [text], length: nil)
    }
    #expect(error?.field == "text 0")
  }

  @Test func writingIsLenient() throws {
    let task = try LegoTask()
    let batch = try task.makeBatch(reading: [" b = - a;a=1; "], length: nil)
    #expect(task.question(batch, example: 0) == "b=-a; a=+1")
    #expect(
      task.render(batch, example: 0, prediction: [Int32](repeating: 0, count: 10)) == """
        lego symbols, 2 clauses
        tokens: b = - a ; a = + 1 ;
        clause  b=-a a=+1
         index     1    0
         value     -    +
         model     +    +
         wrong     ^
        """)
  }
}
