import AsuraTasks
import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

struct FileTaskTests {
  /// The task of a file that holds these lines.
  private func task(
    _ lines: [String], _ change: (inout FileOptions) -> Void = { _ in }
  ) throws -> FileTask {
    let url = FileManager.default.temporaryDirectory
      .appendingPathComponent("asura-\(UUID().uuidString).jsonl")
    try Data(lines.map { $0 + "\n" }.joined().utf8).write(to: url)
    // Nothing is read after the task has been made.
    defer { try? FileManager.default.removeItem(at: url) }
    var options = FileOptions(path: url.path)
    (options.validation, options.test) = (0, 0)
    change(&options)
    return try FileTask(options)
  }

  /// Sums of two-digit numbers, each with the place of its plus as a fact.
  private static let sums = (10..<60).flatMap { a in
    (10..<50).map { b in
      """
      {"input": "\(a)+\(b)", "target": "\(String(1000 + a + b).suffix(3))", \
      "facts": {"plus": [0, 0, 1, 0, 0]}}
      """
    }
  }

  @Test func examplesAreThoseOfTheFile() throws {
    let task = try task(Self.sums)
    #expect(task.vocabulary == ["+"] + (0...9).map(String.init) + ["<answer>", "<slot>"])
    #expect(task.outputs == (0...9).map(String.init) && task.lengths == 5...5)
    var random = Random(seed: 1)
    let batch = try task.makeBatch(length: 5, examples: 50, random: &random)
    #expect(batch.positions == 9 && batch.layout.answer == [6, 7, 8])
    #expect(batch.positionIDs == [1, 2, 3, 4, 5, 0, 1, 2, 3])
    for example in 0..<50 {
      let numbers = task.question(batch, example: example).split(separator: "+").map { Int($0)! }
      let answer = task.answer(batch.targets(ofExample: example), in: batch)
      #expect(Int(answer) == numbers[0] + numbers[1] && answer.count == 3)
      #expect(batch.tokens(ofExample: example).suffix(4) == [11, 12, 12, 12])
      #expect(batch.targets(ofExample: example).prefix(6) == [-1, -1, -1, -1, -1, -1])
      #expect(
        Array(batch.fact("plus")!.values[example * 9..<example * 9 + 9])
          == [0, 0, 1, 0, 0, -1, -1, -1, -1])
    }
    #expect(Set((0..<50).map { task.question(batch, example: $0) }).count > 40)
    let again = try task.makeBatch(
      reading: (0..<50).map { task.question(batch, example: $0) }, length: nil)
    #expect(again == batch)
  }

  @Test func anInputIsOfOnePartAlways() throws {
    func parts(_ lines: [String]) throws -> [Set<String>] {
      let task = try task(lines) { ($0.validation, $0.test) = (0.2, 0.3) }
      return try task.kinds.map { kind in
        var random = Random(seed: 2)
        let batch = try task.makeBatch(length: 5, examples: 20_000, kind: kind, random: &random)
        return Set((0..<20_000).map { task.question(batch, example: $0) })
      }
    }
    let all = try parts(Self.sums)
    #expect(all.reduce(0) { $0 + $1.count } == 2000 && Set(all.joined()).count == 2000)
    // Six standard errors of the shares of 2000.
    for (part, share) in zip(all, [0.5, 0.2, 0.3]) {
      #expect(
        abs(Double(part.count) / 2000 - share) < 6 * (share * (1 - share) / 2000).squareRoot())
    }
    // Neither the order of the lines nor what else there is matters.
    let some = try parts(Array(Self.sums.reversed().prefix(1000)))
    for (few, many) in zip(some, all) { #expect(few.isSubset(of: many)) }
  }

  @Test func spacesBetweenWordsMakeNoOtherInput() throws {
    // Of twenty inputs, each written two ways, none is in two parts.
    let task = try task(
      (0..<20).flatMap { n in
        [" ", "  "].map { #"{"input": "\#(n)\#($0)x", "target": "y"}"# }
      }
    ) { ($0.symbols, $0.test) = (.words, 0.5) }
    var random = Random(seed: 0)
    let parts = try [ExampleKind.training, FileTask.test].map { kind in
      let batch = try task.makeBatch(length: 2, examples: 500, kind: kind, random: &random)
      return Set((0..<500).map { task.question(batch, example: $0) })
    }
    #expect(parts[0].isDisjoint(with: parts[1]) && parts[0].count + parts[1].count == 20)
  }

  @Test func lengthsAreGrouped() throws {
    let task = try task([
      #"{"input": "a b", "target": "x"}"#, "", #"{"input": "b a c", "target": "y x"}"#,
      #"{"input": "c  c", "target": "y"}"#, #"{"input": "a c", "target": "x"}"#,
    ]) { $0.symbols = .words }
    #expect(task.lengths == 2...3 && task.vocabulary.prefix(3) == ["a", "b", "c"])
    var random = Random(seed: 0)
    let lengths = (0..<2000).map { _ in task.drawLength(random: &random) }
    // By the number of examples: 3 to 1.
    #expect(abs(lengths.count { $0 == 2 } - 1500) < 97)
    let batch = try task.makeBatch(length: 3, examples: 2, random: &random)
    #expect(task.question(batch, example: 1) == "b a c")
    #expect(task.answer(batch.targets(ofExample: 1), in: batch) == "y x")
    #expect {
      try task.makeBatch(length: 4, examples: 1, random: &random)
    } throws: { "\($0)".contains("length: found 4, expected one of the lengths of inputs in") }
    #expect {
      try task.makeBatch(length: 3, examples: 1, kind: FileTask.test, random: &random)
    } throws: { "\($0)".contains("kind: found test with length 3") }
  }

  @Test func answersStandInPlaceOrFollow() throws {
    let lines = [#"{"input": "abc", "target": "bca"}"#]
    let inPlace = try task(lines) { $0.answer = .inPlace }
    var random = Random(seed: 0)
    var batch = try inPlace.makeBatch(length: 3, examples: 1, random: &random)
    #expect(batch.tokens == [0, 1, 2] && batch.targets == [1, 2, 0])
    #expect(inPlace.vocabulary == ["a", "b", "c"] && batch.positionIDs == [1, 2, 3])

    let follow = try task([#"{"input": "abc", "target": "xb"}"#]) { $0.targets = .nextToken }
    batch = try follow.makeBatch(length: 3, examples: 1, random: &random)
    #expect(follow.vocabulary == ["a", "b", "c", "x", "<answer>"] && follow.outputs == ["b", "x"])
    #expect(follow.outputSymbols == [1, 3])
    #expect(batch.tokens == [0, 1, 2, 4, 3] && batch.targets == [-1, -1, -1, 1, 0])
    #expect(batch.positionIDs == [1, 2, 3, 0, 1] && batch.layout.mode == .nextToken)
    #expect(
      follow.render(batch, example: 0, prediction: [0, 0, 0, 1, 1]).hasSuffix(
        """
        , 3 symbols
        tokens: a b c <answer> x
         input  abc
        target  xb
         model  xx
         wrong   ^
        """))
  }

  @Test func givenSymbolsKeepTheirNumbers() throws {
    let task = try task([#"{"input": "ba", "target": "1"}"#]) {
      $0.vocabulary = ["c", "b", "a"]
      $0.outputs = ["1", "0"]
    }
    var random = Random(seed: 0)
    let batch = try task.makeBatch(length: 2, examples: 1, random: &random)
    #expect(batch.tokens == [1, 2, 3, 4] && batch.targets == [-1, -1, -1, 0])
  }

  @Test(arguments: [
    ([], "without a line, expected one example a line"),
    (["", "  "], "without a line"),
    ([#"{"input": "a"}"#], "line 1: found target: nothing, expected text"),
    ([#"{"input": "a", "target": "b"}"#, "", "{"], "line 3: found no JSON object"),
    ([#"{"input": "a", "target": "b"}"#, "[]"], "line 2: found the whole: "),
    ([#"{"input": 3, "target": "b"}"#], "line 1: found input: 3, expected text"),
    ([#"{"input": "a", "targets": "b"}"#], "line 1: found targets: targets"),
    ([#"{"input": "", "target": "b"}"#], "line 1: found an empty input"),
    ([#"{"input": "a", "target": ""}"#], "line 1: found an empty target"),
    (
      [#"{"input": "ab", "target": "x"}"#, #"{"input": "cd", "target": "xy"}"#],
      "line 2: found a target of 2 symbols, expected 1, as in line 1, whose input is as long"
    ),
    (
      [#"{"input": "a", "target": "x", "facts": {"f": [1]}}"#, #"{"input": "b", "target": "x"}"#],
      "line 2: found facts none, expected f, as in line 1"
    ),
    (
      [#"{"input": "a", "target": "x", "facts": {"f": [1, 2]}}"#],
      "line 1: found 2 values of the fact f, expected 1"
    ),
    ([#"{"input": "a", "target": "x", "facts": {"f": [0.5]}}"#], "line 1: found facts"),
  ])
  func mistakesNameTheLine(lines: [String], message: String) {
    #expect {
      try task(lines)
    } throws: { "\($0)".contains("asura-") && "\($0)".contains(message) }
  }

  @Test func labelsOutsideTheVocabularyNameTheLine() {
    let lines = [#"{"input": "ab", "target": "0"}"#, #"{"input": "ac", "target": "2"}"#]
    for (change, message) in [
      ({ $0.vocabulary = ["a", "b"] }, "line 2: found \"c\" in the input, expected one of the 2"),
      ({ $0.outputs = ["0", "1"] }, "line 2: found \"2\" in the target, expected one of the 2"),
      ({ $0.answer = .inPlace }, "line 1: found a target of 1 symbols, expected 2"),
    ] as [((inout FileOptions) -> Void, String)] {
      #expect {
        try task(lines, change)
      } throws: { "\($0)".contains(message) }
    }
    #expect {
      try task([#"{"input": "a <slot>", "target": "b"}"#]) { $0.symbols = .words }
    } throws: { "\($0)".contains("the symbol <slot>") }
  }

  @Test func optionsThatCannotBeAreExplained() throws {
    for (options, message) in [
      (FileOptions(path: ""), "path: found nothing"),
      (FileOptions(path: "/nowhere/at-all"), "path: found /nowhere/at-all, expected a file"),
      (FileOptions(path: "/"), "path: found /, expected a file"),
      (FileOptions(path: "x", validation: 0.5, test: 0.5), "validation, test: found 0.5 and 0.5"),
      (FileOptions(path: "x", test: -1), "test: found -1"),
      (FileOptions(path: "x", answer: .inPlace, targets: .nextToken), "answer: found inPlace"),
      (FileOptions(path: "x", vocabulary: ["a", "a"]), "vocabulary: found a symbol twice"),
      (FileOptions(path: "x", outputs: ["ab"]), "outputs: found \"ab\", expected symbols of one"),
      (FileOptions(path: "x", symbols: .words, outputs: ["a b"]), "symbols of one word"),
      (FileOptions(path: "x", outputs: []), "outputs: found 0"),
    ] {
      #expect {
        try FileTask(options)
      } throws: { "\($0)".contains(message) }
    }
    // Without an end: no more is taken in than a line may have.
    #expect {
      try FileTask(FileOptions(path: "/dev/zero"))
    } throws: { "\($0)".contains("/dev/zero, line 1: found a longer line") }
    #expect {
      try JSONDecoder().decode(TaskConfiguration.self, from: Data(#"{"kind": "file"}"#.utf8))
    } throws: { "\($0)".contains("path: found nothing, expected text") }
    let options = FileOptions(path: "x.jsonl", symbols: .words, vocabulary: ["a"])
    let data = try JSONEncoder().encode(TaskConfiguration.file(options))
    #expect(try JSONDecoder().decode(TaskConfiguration.self, from: data) == .file(options))
  }
}
