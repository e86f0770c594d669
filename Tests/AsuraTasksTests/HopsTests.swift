import AsuraTasks
import AsuraTensor
import Testing

struct HopsTests {
  /// Where each hop lands, by the definition of Sanford et al. (2024, find¹): the largest j ≤ i with X(j−1) = X(i), found
  /// by looking at every j.
  private func landings(_ symbols: [Int32], hops: Int) -> [Int] {
    var places = [symbols.count - 1]
    for _ in 0..<hops {
      let i = places[places.count - 1]
      var found = -1
      for j in symbols.indices where j >= 1 && j <= i && symbols[j - 1] == symbols[i] { found = j }
      places.append(found)
    }
    return places
  }

  @Test(arguments: [
    HopsOptions(), HopsOptions(alphabet: 3, symbols: 100), HopsOptions(alphabet: 30, symbols: 2000),
    HopsOptions(marks: false, lengths: 16...16),
  ])
  func landingsAreThoseOfTheDefinition(options: HopsOptions) throws {
    let task = try HopsTask(options)
    for kind in task.kinds {
      for hops in options.marks ? [1, 2, 7, 16] : [16] {
        var random = Random(seed: UInt64(hops), for: kind.name)
        let batch = try task.makeBatch(length: hops, examples: 20, kind: kind, random: &random)
        #expect(batch.positions == options.symbols + (options.marks ? hops : 0))
        #expect(batch.layout.answer == [batch.positions - 1])
        for example in 0..<20 {
          let tokens = Array(batch.tokens(ofExample: example))
          let symbols = Array(tokens.prefix(options.symbols))
          #expect(zip(symbols, symbols.dropFirst()).allSatisfy { $0 != $1 })
          #expect(tokens.dropFirst(options.symbols).allSatisfy { Int($0) == options.alphabet })
          let expected = landings(symbols, hops: hops)
          let first = example * batch.positions
          #expect(batch.targets[first + batch.positions - 1] == symbols[expected[hops]])
          #expect(batch.targets(ofExample: example).count { $0 >= 0 } == 1)
          let hop = batch.fact("hop")!.values
          #expect(expected.map { hop[first + $0] } == (0...Int32(hops)).map { $0 })
          #expect(hop[first..<first + batch.positions].count { $0 >= 0 } == hops + 1)
          let shown = options.marks ? Array(1...hops) : [hops]
          for (mark, hop) in shown.enumerated() {
            let place = first + batch.positions - shown.count + mark
            #expect(batch.fact("landing")!.values[place] == Int32(expected[hop]))
            #expect(batch.fact("symbol")!.values[place] == symbols[expected[hop]])
          }
          let target = batch.fact("target")!.values
          for position in stride(from: 0, to: symbols.count, by: 17) {
            let one = landings(Array(symbols[...position]), hops: 1)[1]
            #expect(target[first + position] == Int32(one))
          }
        }
      }
    }
  }

  @Test func sequencesAreUniformAndSpreadHopsReachFar() throws {
    let task = try HopsTask()
    var random = Random(seed: 0)
    func reach(_ kind: ExampleKind, hops: Int) throws -> Double {
      let batch = try task.makeBatch(length: hops, examples: 400, kind: kind, random: &random)
      let landing = (0..<400).map {
        Int(batch.fact("landing")!.values[($0 + 1) * batch.positions - 1])
      }
      return landing.map { Double(255 - $0) }.reduce(0, +) / 400
    }
    // A hop goes back by alphabet − 1 places in the mean, when all go where they like.
    #expect(abs(try reach(.training, hops: 16) - 48) < 3)
    // Of 16 places drawn from 254 the lowest lies at 254/17 in the mean.
    #expect(abs(try reach(HopsTask.spread, hops: 16) - (255 - 255.0 / 17)) < 3)
    let batch = try task.makeBatch(length: 4, examples: 100, random: &random)
    for symbol in Int32(0)..<4 {
      let share = Double(batch.tokens.count { $0 == symbol }) / 25_600
      #expect(abs(share - 0.25) < 0.02)
    }
  }

  @Test func aBrokenHopSendsTheLaterOnesElsewhere() throws {
    let task = try HopsTask()
    var random = Random(seed: 4)
    let pairs = try task.makePairs(length: 5, count: 200, kind: nil, random: &random)
    let broken = try #require(pairs.fact("broken")).values
    var first: Set<Int> = []
    for pair in 0..<200 {
      let end = (pair + 1) * pairs.clean.positions
      let marks = Array(broken[end - 5..<end])
      #expect(broken[pair * pairs.clean.positions..<end - 5].allSatisfy { $0 == -1 })
      #expect(marks[4] == 1)
      first.insert(try #require(marks.firstIndex(of: 1)))
    }
    #expect(first == [0, 1, 2, 3, 4])
  }

  @Test func readingKnowsTheNumberOfHops() throws {
    let task = try HopsTask(HopsOptions(symbols: 10, lengths: 1...1))
    let batch = try task.makeBatch(reading: ["abcabdacda >"], length: nil)
    // The a before the last stands at 6 (from 0), and c follows it.
    #expect(task.answer(batch.targets(ofExample: 0), in: batch) == "c")
    #expect(task.question(batch, example: 0) == "abcabdacda >")
    for text in [
      "abcabdacda", "abcabdacd >", "abcabdacdx >", "abcabdacda > a", "bcdbcdbcda >",
      "abcabdacda >>",
    ] {
      #expect(throws: TaskError.self) { try task.makeBatch(reading: [text], length: nil) }
    }
    let silent = try HopsTask(HopsOptions(symbols: 64, marks: false, lengths: 3...3))
    var random = Random(seed: 1)
    let asked = try silent.makeBatch(length: 3, examples: 4, random: &random)
    let texts = (0..<4).map { silent.question(asked, example: $0) }
    #expect(texts.allSatisfy { $0.count == 64 })
    #expect(try silent.makeBatch(reading: texts, length: nil) == asked)
    #expect(throws: TaskError.self) {
      try silent.makeBatch(length: 4, examples: 1, random: &random)
    }
  }

  @Test func theShortestSequencesHavePairsToo() throws {
    // Among them a c b a b a with a c b c b a.
    let task = try HopsTask(HopsOptions(alphabet: 3, symbols: 6, lengths: 1...1))
    var random = Random(seed: 1)
    let pairs = try task.makePairs(length: 1, count: 20, kind: nil, random: &random)
    #expect(pairs.fact("affected")?.values.count { $0 == 1 } == 20)
  }
}
