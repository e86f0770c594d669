import AsuraTasks
import AsuraTensor
import Testing

struct CopyTests {
  @Test func copySaysTheInputBack() throws {
    let task = try CopyTask(CopyOptions(alphabet: 5))
    var random = Random(seed: 0)
    let batch = try task.makeBatch(length: 1000, examples: 20, random: &random)
    #expect(batch.targets == batch.tokens)
    #expect(batch.fact("symbol")?.values == batch.tokens)
    for symbol in Int32(0)..<5 {
      let share = Double(batch.tokens.count { $0 == symbol }) / 20_000
      #expect(abs(share - 0.2) < 0.015)
    }
    #expect(task.vocabulary == ["a", "b", "c", "d", "e"])
  }

  @Test func copyByNextToken() throws {
    let task = try CopyTask(CopyOptions(alphabet: 5, targets: .nextToken))
    var random = Random(seed: 0)
    let batch = try task.makeBatch(length: 3, examples: 1, random: &random)
    let x = Array(batch.tokens.prefix(3))
    #expect(batch.tokens == x + [5] + x.dropLast())
    #expect(batch.targets == [-1, -1, -1] + x)
    #expect(batch.positionIDs == [1, 2, 3, 0, 1, 2])
    #expect(task.vocabulary.last == "=")
    #expect(batch.fact("symbol")?.values == [-1, -1, -1] + x)
  }

  @Test func pairsAreAFixedSetWithDifferentInputs() throws {
    let options = PairsOptions(count: 200, alphabet: 6, lengths: 3...4, seed: 1)
    let task = try PairsTask(options)
    var random = Random(seed: 0)
    let all = try task.makeBatch(
      length: 4, examples: 200, kind: PairsTask.inOrder, random: &random)
    let inputs = (0..<200).map { task.question(all, example: $0) }
    #expect(Set(inputs).count == 200)
    #expect(all.targets != all.tokens)
    let outputs = (0..<200).map { task.answer(all.targets(ofExample: $0), in: all) }
    let known = Dictionary(uniqueKeysWithValues: zip(inputs, outputs))

    var seen: Set<Int32> = []
    for seed in 0..<10 {
      var random = Random(seed: UInt64(seed))
      let batch = try task.makeBatch(length: 4, examples: 200, random: &random)
      for example in 0..<200 {
        let output = task.answer(batch.targets(ofExample: example), in: batch)
        let input = task.question(batch, example: example)
        #expect(known[input] == output)
        let pair = batch.fact("pair")!.values[example * 4]
        #expect(inputs[Int(pair)] == input)
        seen.insert(pair)
      }
    }
    #expect(seen.count > 195)

    var otherSeed = options
    otherSeed.seed = 2
    let other = try PairsTask(otherSeed).makeBatch(
      length: 4, examples: 200, kind: PairsTask.inOrder, random: &random)
    #expect(other.tokens != all.tokens)
  }

  @Test func pairsCanBeEveryInput() throws {
    let task = try PairsTask(PairsOptions(count: 8, alphabet: 2, lengths: 3...3))
    var random = Random(seed: 0)
    let batch = try task.makeBatch(
      length: 3, examples: 8, kind: PairsTask.inOrder, random: &random)
    #expect(Set((0..<8).map { task.question(batch, example: $0) }).count == 8)
    #expect(throws: TaskError.self) { try task.makeBatch(length: 4, examples: 1, random: &random) }
  }
}
