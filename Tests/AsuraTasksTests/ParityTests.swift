import AsuraTasks
import AsuraTensor
import Testing

struct ParityTests {
  @Test(arguments: [true, false], [1, 2, 9, 100])
  func labelsAndFactsAgreeWithTheirDefinition(bos: Bool, length: Int) throws {
    let task = try ParityTask(ParityOptions(bos: bos))
    var random = Random(seed: 2)
    for kind in task.kinds where kind != ParityTask.heldOut || length >= 8 {
      let batch = try task.makeBatch(length: length, examples: 20, kind: kind, random: &random)
      #expect(batch.positions == length + (bos ? 1 : 0) && batch.difficulty == length)
      for example in 0..<20 {
        let bits = task.question(batch, example: example)
        let answer = Array(task.answer(batch.targets(ofExample: example), in: batch))
        #expect(bits.count == length && answer.count == length)
        let fact = { (name: String, place: Int) in
          batch.fact(name)!.values[example * batch.positions + batch.layout.answer[place]]
        }
        for place in 0..<length {
          let ones = bits.prefix(place + 1).count { $0 == "1" }
          #expect(answer[place] == (ones.isMultiple(of: 2) ? "0" : "1"))
          #expect(fact("parity", place) == Int32(ones & 1))
          #expect(fact("ones", place) == Int32(ones))
          // Zeros at the end of what was read so far.
          let zeros = bits.prefix(place + 1).reversed().prefix { $0 == "0" }.count
          #expect(fact("sinceOne", place) == (ones == 0 ? -1 : Int32(zeros)))
        }
      }
    }
  }

  @Test func bitsHaveABeginning() throws {
    let task = try ParityTask()
    let batch = try task.makeBatch(reading: ["0110", "1 0 0 0"], length: nil)
    #expect(batch.tokens == [2, 0, 1, 1, 0, 2, 1, 0, 0, 0])
    #expect(batch.targets == [-1, 0, 1, 0, 0, -1, 1, 1, 1, 1])
    #expect(batch.positionIDs == [0, 1, 2, 3, 4])
    #expect(task.vocabulary == ["0", "1", "bos"])
    #expect(
      task.render(batch, example: 0, prediction: [0, 0, 1, 1, 0]) == """
        parity, 4 bits
        tokens: bos 0 1 1 0
          bits  0110
        parity  0100
         model  0110
         wrong    ^
        """)
  }

  @Test func kindsAreWhatTheySay() throws {
    let task = try ParityTask()
    var random = Random(seed: 4)
    func strings(_ kind: ExampleKind, _ length: Int, _ count: Int) throws -> [String] {
      let batch = try task.makeBatch(length: length, examples: count, kind: kind, random: &random)
      return (0..<count).map { task.question(batch, example: $0) }
    }
    #expect(Set(try strings(ParityTask.ones, 5, 3)) == ["11111"])
    #expect(Set(try strings(ParityTask.alternating, 5, 60)) == ["01010", "10101"])
    let sparse = try strings(ParityTask.sparse, 50, 300).map { $0.count { $0 == "1" } }
    #expect(Set(sparse) == [1, 2, 3])
    let uniform = try strings(ParityTask.uniform, 100, 200).joined().count { $0 == "1" }
    #expect(abs(uniform - 10_000) < 354)  // five standard errors
  }

  /// Training and the kind `held-out` part all strings of a length between them.
  @Test(arguments: [0.05, 0.1, 0.5], [8, 9, 10])
  func heldOutStringsAreNeverTrainedOn(share: Double, length: Int) throws {
    let task = try ParityTask(ParityOptions(heldOut: share))
    var random = Random(seed: 6)
    func strings(_ kind: ExampleKind, _ count: Int) throws -> Set<String> {
      let batch = try task.makeBatch(length: length, examples: count, kind: kind, random: &random)
      return Set((0..<count).map { task.question(batch, example: $0) })
    }
    let count = 1 << length
    let trained = try strings(.training, 16 * count)
    let heldOut = try strings(ParityTask.heldOut, 8 * count)
    #expect(trained.isDisjoint(with: heldOut))
    #expect(trained.count + heldOut.count >= count - 2)
    // Within six standard errors of the share.
    let error = (share * (1 - share) / Double(count)).squareRoot()
    #expect(abs(Double(heldOut.count) / Double(count) - share) < 6 * error)
    #expect(!heldOut.isEmpty)
  }

  @Test func shortStringsAreAllTrainedOn() throws {
    let task = try ParityTask(ParityOptions(heldOut: 0.5))
    var random = Random(seed: 6)
    let batch = try task.makeBatch(length: 3, examples: 300, random: &random)
    #expect(Set((0..<300).map { task.question(batch, example: $0) }).count == 8)
    #expect {
      try task.makeBatch(length: 3, examples: 1, kind: ParityTask.heldOut, random: &random)
    } throws: { "\($0)".contains("length: found 3 with kind held-out, expected at least 8") }
    #expect {
      try ParityTask(ParityOptions(heldOut: 0)).makeBatch(
        length: 9, examples: 1, kind: ParityTask.heldOut, random: &random)
    } throws: { "\($0)".contains("set heldOut to a share") }
    #expect(throws: TaskError.self) { try ParityTask(ParityOptions(heldOut: 0.01)) }
    #expect(throws: TaskError.self) { try ParityTask(ParityOptions(varied: -0.1)) }
  }

  @Test func densitiesVary() throws {
    let task = try ParityTask(ParityOptions(varied: 1))
    var random = Random(seed: 8)
    let batch = try task.makeBatch(length: 400, examples: 300, random: &random)
    let ones = (0..<300).map { task.question(batch, example: $0).count { $0 == "1" } }
    // Uniform in [0, 1): a fifth of the rows below 0.2, and so on.
    for fifth in 0..<5 {
      let count = ones.count { (80 * fifth..<80 * fifth + 80).contains($0) }
      #expect(abs(count - 60) < 35)
    }
  }

  @Test func pairsDifferInOneBitOrTwo() throws {
    let task = try ParityTask()
    var random = Random(seed: 1)
    for kind in task.pairKinds {
      let pairs = try task.makePairs(length: 12, count: 200, kind: kind, random: &random)
      let (changed, affected) = (pairs.fact("changed")!.values, pairs.fact("affected")!.values)
      var firsts: Set<Int> = []
      for pair in 0..<200 {
        let places = (1...12).filter { changed[pair * 13 + $0] == 1 }
        #expect(places.count == (kind == ParityTask.bitPairs ? 1 : 2))
        firsts.insert(places[0])
        let end = places.count == 1 ? 13 : places[1]
        #expect((1...12).filter { affected[pair * 13 + $0] == 1 } == Array(places[0]..<end))
      }
      #expect(firsts.count >= 11)
      let again = try task.makeBatch(
        reading: (0..<200).map { task.question(pairs.corrupted, example: $0) }, length: nil)
      #expect(again == pairs.corrupted)
    }
    #expect {
      try task.makePairs(length: 1, count: 1, kind: ParityTask.stretchPairs, random: &random)
    } throws: { "\($0)".contains("length: found 1, expected 2") }
  }

  @Test func whatCannotBeReadIsShown() throws {
    let task = try ParityTask()
    for (texts, message) in [
      (["01", "012"], "text 1: found \"012\", expected 2 bits"), ([""], "text 0"),
      (["01", "1"], "text 1"), ([], "examples"),
    ] {
      #expect {
        try task.makeBatch(reading: texts, length: nil)
      } throws: { "\($0)".contains(message) }
    }
  }
}
