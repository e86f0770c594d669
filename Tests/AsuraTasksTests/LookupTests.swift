import AsuraTasks
import AsuraTensor
import Testing

struct LookupTests {
  /// The tables, read off the answers to single functions.
  private func tables(_ options: LookupOptions) throws -> [Substring: [Substring: Substring]] {
    let task = try LookupTask(options)
    var random = Random(seed: 77)
    let batch = try task.makeBatch(
      length: 1, examples: 4000, kind: LookupTask.uniform, random: &random)
    var tables: [Substring: [Substring: Substring]] = [:]
    for example in 0..<4000 {
      let words = task.question(batch, example: example).split(separator: " ")
      let (argument, function) =
        options.order == .forward ? (words[0], words[1]) : (words[1], words[0])
      let result = Substring(task.answer(batch.targets(ofExample: example), in: batch))
      let before = tables[function, default: [:]].updateValue(result, forKey: argument)
      #expect(before == nil || before == result)
    }
    return tables
  }

  @Test(arguments: [LookupOptions.Order.forward, .backward])
  func answersAreCompositionsOfThePublishedKind(order: LookupOptions.Order) throws {
    let options = LookupOptions(order: order, seed: 4)
    let task = try LookupTask(options)
    let tables = try tables(options)
    #expect(tables.count == 11)
    // Each a permutation of all eight strings.
    #expect(tables.values.allSatisfy { $0.count == 8 && Set($0.values).count == 8 })
    for kind in task.kinds {
      for length in [2, 5, 10, 50] {
        var random = Random(seed: UInt64(length))
        let batch = try task.makeBatch(length: length, examples: 30, kind: kind, random: &random)
        #expect(batch.positions == length + 1 && batch.layout.answer == [length])
        for example in 0..<30 {
          let words = task.question(batch, example: example).split(separator: " ")
          let applied = order == .forward ? words : words.reversed()
          var results = [applied[0]]
          for function in applied.dropFirst() {
            results.append(tables[function]![results[results.count - 1]]!)
          }
          #expect(task.answer(batch.targets(ofExample: example), in: batch) == results[length])
          let facts = batch.fact("result")!.values[
            example * (length + 1)..<(example + 1) * (length + 1)]
          let named = facts.map { Substring(task.outputs[Int($0)]) }
          #expect((order == .forward ? named : named.reversed()) == results)
        }
      }
    }
  }

  @Test func tablesBelongToTheSeed() throws {
    let first = try tables(LookupOptions(seed: 1))
    #expect(try tables(LookupOptions(order: .backward, seed: 1)) == first)
    #expect(try tables(LookupOptions(lengths: 3...9, seed: 1)) == first)
    #expect(try tables(LookupOptions(seed: 2)) != first)
  }

  @Test(arguments: [UInt64(0), 1, 2])
  func heldOutCompositionsAreNeverTrained(seed: UInt64) throws {
    let task = try LookupTask(LookupOptions(seed: seed))
    func compositions(_ kind: ExampleKind, length: Int, seed: UInt64) throws -> Set<String> {
      var random = Random(seed: seed)
      let batch = try task.makeBatch(length: length, examples: 5000, kind: kind, random: &random)
      return Set(
        (0..<5000).map {
          String(task.question(batch, example: $0).dropFirst(4))
        })
    }
    let trained = try compositions(.training, length: 2, seed: 5)
    let held = try compositions(LookupTask.heldOut, length: 2, seed: 6)
    #expect(trained.count == 110 && held.count == 11)
    #expect(trained.isDisjoint(with: held))
    #expect(try compositions(LookupTask.uniform, length: 2, seed: 7) == trained.union(held))
    for length in [3, 5] {
      let trained = try compositions(.training, length: length, seed: 8)
      #expect(
        trained.isDisjoint(with: try compositions(LookupTask.heldOut, length: length, seed: 9)))
    }
    // Every single function is trained, and none can be held out.
    #expect(try compositions(.training, length: 1, seed: 1).count == 11)
    let error = #expect(throws: TaskError.self) {
      try compositions(LookupTask.heldOut, length: 1, seed: 1)
    }
    #expect(error?.field == "length")
  }

  @Test func twoTablesThatAgreeGiveNoPairs() throws {
    // Of one bit there are two permutations: some seed has one of them twice.
    let seed = try (UInt64(0)..<50).first { seed in
      Set(try tables(LookupOptions(tables: 2, bits: 1, seed: seed)).values).count == 1
    }
    let task = try LookupTask(LookupOptions(tables: 2, bits: 1, seed: try #require(seed)))
    var random = Random(seed: 0)
    let error = #expect(throws: TaskError.self) {
      try task.makePairs(length: 3, count: 1, kind: LookupTask.functionPairs, random: &random)
    }
    #expect(error?.field == "tables")
    #expect(try task.makePairs(length: 3, count: 5, kind: nil, random: &random).clean.examples == 5)
  }

  @Test(arguments: ["101", "a b", "101 a l", "101 101 a", "a 101", "1010 a", "101, a"])
  func whatCannotBeReadIsShown(text: String) throws {
    let task = try LookupTask()
    let error = #expect(throws: TaskError.self) {
      try task.makeBatch(reading: ["000 a", text], length: nil)
    }
    #expect(error?.field == "text 1")
  }
}
