import AsuraModel
import AsuraTasks
import AsuraTrace
import AsuraTraining
import Foundation
import Testing

@Suite struct JSONLinesTests {
  /// Reads a text as a pipe would give it.
  private func read(
    _ text: String, of task: (any LearningTask)? = nil, length: Int? = nil,
    limits: JSONLinesInput.Limits = .init()
  ) throws -> CaptureInput {
    try withFolder { folder in
      let url = folder.appending(path: "examples.jsonl")
      try Data(text.utf8).write(to: url)
      return try JSONLinesInput.read(
        try FileHandle(forReadingFrom: url), source: "examples.jsonl", of: task, vocabulary: 12,
        length: length, limits: limits)
    }
  }

  @Test func tokensWithAllThatMayComeWithThem() throws {
    let read = try read(
      """
      {"tokens": [3, 1, 4], "targets": [-1, 0, 2], "text": "pi", "facts": {"odd": [1, 1, 0]}}

      {"facts": {"odd": [0, 0, -1]}, "tokens": [2, 8, 11], "targets": [1, 1, 1], "text": "e"}\r
      """)
    #expect(read.input == (try ModelInput(tokens: [3, 1, 4, 2, 8, 11], batch: 2, positions: 3)))
    let expected = TraceInput(
      task: "", tokens: IntegerArray([2, 3, 1], [3, 1, 4, 2, 8, 11]),
      targets: IntegerArray([2, 3], [-1, 0, 2, 1, 1, 1]),
      mask: IntegerArray([2, 3], [0, 1, 1, 1, 1, 1]),
      positionIDs: IntegerArray([2, 3], [0, 1, 2, 0, 1, 2]), text: ["pi", "e"],
      facts: ["odd": TraceFact(IntegerArray([2, 3], [1, 1, 0, 0, 0, -1]))])
    #expect(read.description == expected)
  }

  @Test func severalTokensAtAPosition() throws {
    let read = try read(
      #"{"tokens": [[3, 1], [4, 1]], "position_ids": [5, 6]}"# + "\n"
        + #"{"tokens": [[0, 0], [7, 9]], "position_ids": [5, 6]}"#)
    #expect(
      read.input
        == (try ModelInput(
          tokens: [3, 1, 4, 1, 0, 0, 7, 9], batch: 2, positions: 2, channels: 2,
          positionIDs: [5, 6])))
    #expect(read.description.targets == nil && read.description.mask == nil)
  }

  @Test func textIsReadByTheTask() throws {
    let task = try AdditionTask()
    let read = try read(#"{"text": "999 + 1 ="}"# + "\n" + #"{"text": "1 + 22"}"#, of: task)
    let batch = try task.makeBatch(reading: ["999 + 1", "1 + 22"], length: nil)
    #expect(read.input == (try ModelInput(batch)))
    #expect(read.description == (try CaptureInput(batch, of: task)).description)
    #expect(read.description.text == ["999 + 1 =", "1 + 22 ="])
    #expect(try self.read(#"{"text": "1 + 2"}"#, of: task, length: 6).input.positions == 8)
  }

  @Test(arguments: [
    ("", "holds no examples"), ("\n \n", "holds no examples"), ("[1]", "line 1: "),
    ("{\"tokens\": [1]}\n{\"tokens\": [1, 2]}", "line 2: 2 positions of tokens, expected 1"),
    ("{\"tokens\": [1, 12]}", "line 1: token 12 is outside the vocabulary 0..<12"),
    ("{\"tokens\": [-1]}", "line 1: token -1"), ("{\"tokens\": []}", "line 1: tokens is empty"),
    ("{\"tokens\": [[]]}", "line 1: tokens is empty"),
    ("{\"tokens\": [[1, 2], [3]]}", "tokens[1]: found 1 tokens, expected 2"),
    ("{\"tokens\": [[1, 2]]}\n{\"tokens\": [3]}", "line 2: 1 tokens at a position, expected 2"),
    ("{\"tokens\": [1, 2.5]}", "line 1: tokens"), ("{\"tokens\": \"1\"}", "line 1: tokens"),
    ("{\"tokens\": [99999999999]}", "line 1: tokens"), ("{\"tokens\": [1]", "not a JSON object"),
    ("{\"token\": [1]}", "line 1: token: "), ("{}", "line 1: has neither tokens nor text"),
    ("{\"tokens\": [1], \"targets\": [1, 2]}", "line 1: 2 targets, expected 1"),
    ("{\"tokens\": [1], \"targets\": [1]}\n{\"tokens\": [1]}", "line 2: lacks targets"),
    ("{\"tokens\": [1]}\n{\"tokens\": [1], \"text\": \"a\"}", "line 2: has text"),
    (
      "{\"tokens\": [1], \"position_ids\": [1]}\n{\"tokens\": [1], \"position_ids\": [2]}",
      "line 2: other position_ids than line 1"
    ),
    ("{\"tokens\": [1], \"facts\": {\"a\": []}}", "line 1: 0 values of the fact a, expected 1"),
    (
      "{\"tokens\": [1], \"facts\": {\"a\": [1]}}\n{\"tokens\": [1], \"facts\": {\"b\": [1]}}",
      "line 2: other facts than line 1"
    ),
    ("{\"text\": \"1 + 2\"}", "no task that could read it"),
    ("{\"text\": \"1\", \"targets\": [1]}", "line 1: has text without tokens"),
  ])
  func mistakesNameTheLine(text: String, message: String) {
    #expect {
      try read(text)
    } throws: { "\($0)".contains("examples.jsonl") && "\($0)".contains(message) }
  }

  @Test func textATaskCannotReadNamesTheLine() throws {
    let task = try AdditionTask()
    #expect {
      try read("{\"text\": \"1 + 2\"}\n\n{\"text\": \"one + two\"}", of: task)
    } throws: {
      "\($0)".contains("line 3: found \"one + two\", expected two whole numbers")
    }
    let copy = try CopyTask(CopyOptions(alphabet: 4))
    #expect {
      try read("{\"text\": \"a b\"}\n{\"text\": \"a\"}", of: copy)
    } throws: { "\($0)".contains("expected 2 symbols") }
  }

  @Test func limitsAreKept() {
    var limits = JSONLinesInput.Limits()
    (limits.bytesPerLine, limits.lines, limits.tokens) = (100, 3, 8)
    let one = "{\"tokens\": [1, 2]}\n"
    #expect(throws: Never.self) { try read(one + one + one, limits: limits) }
    for (text, message) in [
      (one + one + one + one, "line 4: more than 3 examples"),
      (one + String(repeating: " ", count: 101) + one, "line 2: longer than 100 bytes"),
      (one + String(repeating: "x", count: 500_000), "line 2: longer than 100 bytes"),
      (
        "{\"tokens\": [1, 2, 3, 4, 5]}\n{\"tokens\": [1, 2, 3, 4, 5]}", "line 2: more than 8 tokens"
      ),
    ] {
      #expect {
        try read(text, limits: limits)
      } throws: { "\($0)".contains(message) }
    }
  }
}
