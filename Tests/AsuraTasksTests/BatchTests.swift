import AsuraTasks
import AsuraTensor
import Testing

struct BatchTests {
  static let configurations: [TaskConfiguration] = [
    .addition(AdditionOptions()),
    .addition(AdditionOptions(format: .plain)),
    .addition(AdditionOptions(format: .plain, targets: .nextToken)),
    .addition(AdditionOptions(format: .interleaved, operands: 3, digitOrder: .most)),
    .addition(AdditionOptions(format: .interleaved, digitOrder: .most, targets: .nextToken)),
    .copy(CopyOptions()), .copy(CopyOptions(alphabet: 40, targets: .nextToken)),
    .pairs(PairsOptions()), .pairs(PairsOptions(count: 9, targets: .nextToken)),
    .mazes(MazeOptions()), .parity(ParityOptions()), .parity(ParityOptions(bos: false)),
    .lego(LegoOptions(supervised: .all)), .lego(LegoOptions(tokens: .clause, supervised: .all)),
    .lookup(LookupOptions()), .lookup(LookupOptions(order: .backward, tables: 30, bits: 1)),
    .listops(ListOpsOptions()), .arithmetic(ArithmeticOptions(modulus: 101, operations: 1)),
    .hops(HopsOptions()),
    .hops(HopsOptions(alphabet: 30, symbols: 600, marks: false, lengths: 10...10)),
  ]

  @Test(arguments: configurations)
  func sameGeneratorSameBatch(configuration: TaskConfiguration) throws {
    let task = try configuration.makeTask()
    let length = task.lengths.upperBound
    for kind in task.kinds {
      var random = Random(seed: 5, for: "batches").split(12)
      let batch = try task.makeBatch(length: length, examples: 8, kind: kind, random: &random)
      let next = try task.makeBatch(length: length, examples: 8, kind: kind, random: &random)
      // Another task object, other batches in between, fewer examples.
      let again = try configuration.makeTask()
      var other = Random(seed: 99)
      _ = try again.makeBatch(length: length, examples: 3, kind: kind, random: &other)
      var same = Random(seed: 5, for: "batches").split(12)
      #expect(try again.makeBatch(length: length, examples: 8, kind: kind, random: &same) == batch)
      var fewer = Random(seed: 5, for: "batches").split(12)
      let three = try again.makeBatch(length: length, examples: 3, kind: kind, random: &fewer)
      for example in 0..<3 {
        #expect(three.tokens(ofExample: example) == batch.tokens(ofExample: example))
        #expect(three.targets(ofExample: example) == batch.targets(ofExample: example))
      }
      let isOneExample = [AdditionTask.nines, PairsTask.inOrder, ParityTask.ones].contains(kind)
      #expect(isOneExample || batch != next, "\(task.name) \(kind.name)")
    }
  }

  /// Fixed for good: runs are named by their seed.
  @Test func seedsKeepTheirExamples() throws {
    let task = try AdditionTask()
    var random = Random(seed: 0)
    let batch = try task.makeBatch(length: 8, examples: 4, random: &random)
    #expect(
      (0..<4).map { task.question(batch, example: $0) } == [
        "76513902 + 98844807 =", "40612460 + 41267891 =", "62754320 + 37745779 =",
        "2481463 + 16135452 =",
      ])
  }

  @Test(arguments: configurations)
  func tokensAndTargetsAreInTheVocabulary(configuration: TaskConfiguration) throws {
    let task = try configuration.makeTask()
    let length = task.lengths.upperBound
    var random = Random(seed: 1)
    let batch = try task.makeBatch(length: length, examples: 50, random: &random)
    #expect(batch.channels == task.channels)
    #expect(batch.tokens.count == 50 * batch.positions * batch.channels)
    #expect(batch.tokens.allSatisfy { task.vocabulary.indices.contains(Int($0)) })
    let isWritten = batch.layout.mode == .nextToken || !task.outputSymbols.isEmpty
    #expect(!isWritten || task.outputSymbols.map { task.vocabulary[Int($0)] } == task.outputs)
    #expect(Set(task.vocabulary).count == task.vocabulary.count)
    for example in 0..<50 {
      for (position, target) in batch.targets(ofExample: example).enumerated() {
        #expect((target >= 0) == batch.layout.answer.contains(position))
        #expect(target < task.outputs.count)
      }
    }
    for fact in batch.facts {
      let most = Int(fact.values.max() ?? -1)
      #expect(fact.classes.isEmpty || most < fact.classes.count, "\(fact.name)")
      #expect(!fact.description.isEmpty)
    }
  }

  @Test(arguments: configurations)
  func feedingTheRightAnswerRestoresTheInput(configuration: TaskConfiguration) throws {
    let task = try configuration.makeTask()
    let length = task.lengths.upperBound
    var random = Random(seed: 4)
    let batch = try task.makeBatch(length: length, examples: 6, random: &random)
    var fed = batch.hidingAnswer()
    guard batch.layout.mode == .nextToken else {
      #expect(fed == batch)
      return
    }
    #expect(fed.tokens != batch.tokens)
    let answer = batch.layout.answer
    for (step, position) in answer.enumerated() {
      let classes = (0..<6).map { batch.targets[$0 * batch.positions + position] }
      // The target at a place is the symbol that stands at the next.
      if step + 1 < answer.count {
        let following = (0..<6).map { batch.tokens[$0 * batch.positions + answer[step + 1]] }
        #expect(classes.map { task.outputSymbols[Int($0)] } == following)
        #expect(answer[step + 1] == position + 1)
      }
      fed.feed(classes, afterStep: step, symbols: task.outputSymbols)
    }
    #expect(fed == batch)
  }

  @Test func exactNeedsEveryScoredSymbol() {
    let layout = Layout(columns: 3, positionIDs: [0, 1, 2], answer: [1, 2])
    let batch = Batch(
      examples: 3, layout: layout, tokens: [Int32](repeating: 0, count: 9),
      targets: [-1, 4, 5, -1, 6, 7, -1, 8, 9], length: 2, difficulty: 2)
    let prediction: [Int32] = [3, 4, 5, 0, 6, 0, 0, 0, 0]
    #expect(batch.exact(prediction) == [true, false, false])
  }

  @Test func lengthsAreDrawnFromTheRange() throws {
    let task = try AdditionTask(AdditionOptions(lengths: 3...5))
    var random = Random(seed: 2)
    let lengths = (0..<3000).map { _ in task.drawLength(random: &random) }
    for length in 3...5 {
      let share = Double(lengths.count { $0 == length }) / 3000
      #expect(abs(share - 1.0 / 3) < 0.05)
    }
    #expect(Set(lengths) == [3, 4, 5])
  }
}
