import AsuraTasks
import AsuraTensor
import Testing

/// Pairs of examples that differ little.
struct TaskPairsTests {
  /// How many tokens of two batches differ, example by example.
  private func differences(_ pairs: ExamplePairs) -> [Int] {
    (0..<pairs.clean.examples).map { example in
      zip(pairs.clean.tokens(ofExample: example), pairs.corrupted.tokens(ofExample: example))
        .count { $0 != $1 }
    }
  }

  static let additions = [
    AdditionOptions(), AdditionOptions(format: .plain), AdditionOptions(operands: 3),
    AdditionOptions(format: .interleaved, operands: 8),
  ]

  @Test(arguments: additions) func aDigitStartsOrBreaksAChain(_ options: AdditionOptions) throws {
    let task = try AdditionTask(options)
    var random = Random(seed: 2)
    let pairs = try task.makePairs(length: 7, count: 400, kind: nil, random: &random)
    #expect(differences(pairs).allSatisfy { $0 == 1 })
    let chains = try #require(pairs.fact("chain")).values
    let (clean, corrupted) = (pairs.clean, pairs.corrupted)
    var longest: [Int32: Int] = [:]
    var cleanHasIt = 0
    for pair in 0..<400 {
      // Read off the answers' own facts: where carries differ they do so in a row, from the changed column's next on.
      let rows = clean.layout.answer.map { pair * clean.positions + $0 }
      let (a, b) = (clean.fact("carry")!.values, corrupted.fact("carry")!.values)
      let places = rows.indices.filter { a[rows[$0]] != b[rows[$0]] }
      #expect(places == Array(places[0]...places[places.count - 1]))
      #expect(places.map { chains[rows[$0]] } == (1...Int32(places.count)).map { $0 })
      #expect(rows.indices.allSatisfy { places.contains($0) || chains[rows[$0]] == 0 })
      longest[Int32(places.count), default: 0] += 1
      // One of the two carries one more all the way, and the other nowhere there.
      let more = Set(places.map { a[rows[$0]] - b[rows[$0]] })
      #expect(more == [1] || more == [-1])
      cleanHasIt += more == [1] ? 1 : 0
    }
    #expect(Set(longest.keys) == Set(1...7))
    #expect(abs(Double(cleanHasIt) / 400 - 0.5) < 0.1)
    // The sums are right: of what the task itself reads from the pairs' questions.
    let again = try task.makeBatch(
      reading: (0..<400).map { task.question(corrupted, example: $0) }, length: 7)
    #expect(again == corrupted)
  }

  @Test(arguments: additions) func aDigitDiffersAndNoCarry(_ options: AdditionOptions) throws {
    let task = try AdditionTask(options)
    var random = Random(seed: 4)
    let pairs = try task.makePairs(
      length: 5, count: 300, kind: AdditionTask.digitPairs, random: &random)
    #expect(differences(pairs).allSatisfy { $0 == 1 })
    #expect(pairs.clean.fact("carry") == pairs.corrupted.fact("carry"))
    let affected = try #require(pairs.fact("affected")).values
    #expect(affected.count { $0 == 1 } == 300)
    guard options.format == .columns else { return }
    // The digit and the answer it changes stand at one place.
    let changed = pairs.fact("changed")!.values.enumerated().map {
      pairs.clean.targets[$0] < 0 ? -1 : $1
    }
    #expect(affected == changed)
  }

  @Test func oneSymbolDiffers() throws {
    let task = try CopyTask(CopyOptions(alphabet: 3))
    var random = Random(seed: 1)
    let pairs = try task.makePairs(length: 4, count: 200, kind: nil, random: &random)
    #expect(differences(pairs).allSatisfy { $0 == 1 })
    #expect(pairs.fact("changed")?.values == pairs.fact("affected")?.values)
    #expect(Set(pairs.corrupted.tokens) == [0, 1, 2])
  }

  @Test func exampleIDoesNotDependOnHowManyThereAre() throws {
    let task = try AdditionTask()
    var (one, other) = (Random(seed: 7), Random(seed: 7))
    let few = try task.makePairs(length: 4, count: 3, kind: nil, random: &one)
    let many = try task.makePairs(length: 4, count: 9, kind: nil, random: &other)
    #expect(few.clean.tokens[...] == many.clean.tokens.prefix(few.clean.tokens.count))
  }

  @Test func aTaskWithoutPairsSaysSo() throws {
    let task = try PairsTask()
    #expect(task.pairKinds.isEmpty)
    var random = Random(seed: 0)
    do {
      _ = try task.makePairs(length: 10, count: 1, kind: nil, random: &random)
      Issue.record("pairs were made")
    } catch let error as TaskError { #expect("\(error)".contains("pairs of your own")) }
    #expect(throws: TaskError.self) { try AdditionTask().pairKind(named: "cary") }
    #expect(throws: TaskError.self) {
      try AdditionTask().makePairs(length: 0, count: 1, kind: nil, random: &random)
    }
  }
}
