import AsuraTasks
import AsuraTensor
import Foundation
import Testing

struct TaskConfigurationTests {
  static let names = TaskConfiguration.Name.allCases.map(\.rawValue).joined(separator: ", ")

  func decode(_ json: String) throws -> TaskConfiguration {
    try JSONDecoder().decode(TaskConfiguration.self, from: Data(json.utf8))
  }

  @Test func flatFormReadsEveryOption() throws {
    let text = """
      {"kind": "addition", "format": "plain", "targets": "nextToken", "lengths": "2...7",
       "mix": {"uniform": 1, "swap": 0.25}}
      """
    var mix = CarryMix()
    mix.uniform = 1
    mix.swap = 0.25
    let options = AdditionOptions(format: .plain, targets: .nextToken, lengths: 2...7, mix: mix)
    #expect(try decode(text) == .addition(options))
    #expect(options.bos == false)
    #expect(try decode(#"{"kind": "addition"}"#) == .addition(AdditionOptions()))
    #expect(
      try decode(#"{"kind": "copy", "alphabet": 4, "lengths": 5}"#)
        == .copy(CopyOptions(alphabet: 4, lengths: 5...5)))
    #expect(
      try decode(#"{"kind": "pairs", "count": 3, "seed": 18446744073709551615}"#)
        == .pairs(PairsOptions(count: 3, seed: .max)))
  }

  @Test(arguments: BatchTests.configurations)
  func survivesWritingAndReading(configuration: TaskConfiguration) throws {
    let data = try JSONEncoder().encode(configuration)
    #expect(try JSONDecoder().decode(TaskConfiguration.self, from: data) == configuration)
    #expect(String(decoding: data, as: UTF8.self).contains(#""kind":"#))
    #expect(try configuration.makeTask().name == configuration.name.rawValue)
  }

  @Test(arguments: [
    (
      #"{"kind": "additoin"}"#,
      "kind: found additoin, expected one of \(names); did you mean addition?"
    ),
    (
      #"{"format": "plain"}"#,
      "kind: found nothing, expected one of \(names); "
        + "name the task, as in kind: addition"
    ),
    (
      #"{"kind": 3}"#,
      "kind: found 3, expected one of \(names); name the task, as in kind: addition"
    ),
    (
      #"{"kind": "addition", "lenghts": 3}"#,
      "lenghts: found lenghts, expected one of kind, format, operands, digitOrder, "
        + "targets, bos, lengths, mix; "
        + "did you mean lengths?"
    ),
    (
      #"{"kind": "addition", "mix": {"unifrom": 1}}"#,
      "mix.unifrom: found unifrom, expected one of uniform, forced, longChains, repeatedPair, "
        + "ninesPair, swap; did you mean uniform?"
    ),
    (
      #"{"kind": "addition", "mix": {"swap": 1.5}}"#,
      "mix.swap: found 1.5, expected 0.0 to 1.0; it is a share of the rows"
    ),
    (
      #"{"kind": "addition", "mix": {"uniform": 0, "forced": 0, "longChains": 0}}"#,
      "mix.uniform, forced, longChains: found 0, 0, 0, expected one above 0; "
        + "set uniform to 1 for plain random digits"
    ),
    (
      #"{"kind": "addition", "mix": 4}"#,
      "mix: found 4, expected a mapping of options; write it as key: value lines"
    ),
    (
      #"{"kind": "addition", "format": "colums"}"#,
      "format: found colums, expected one of columns, plain, interleaved; did you mean columns?"
    ),
    (
      #"{"kind": "addition", "bos": "yes"}"#,
      "bos: found yes, expected true or false; write it so, or leave it out for true"
    ),
    (
      #"{"kind": "addition", "bos": true, "format": "plain"}"#,
      "bos: found true with format plain, expected false; "
        + "leave it out: the signs already mark where numbers begin"
    ),
    (
      #"{"kind": "addition", "targets": "nextToken"}"#,
      "targets: found nextToken with format columns, expected parallel; "
        + "columns hold no answer to go on from: set format to plain"
    ),
    (
      #"{"kind": "addition", "lengths": 0}"#,
      "lengths: found 0, expected 1 to 1000000; give at least one symbol an example"
    ),
    (
      #"{"kind": "addition", "lengths": "1...9223372036854775807"}"#,
      "lengths: found 9223372036854775807, expected 1 to 1000000; a longer example is hardly meant"
    ),
    (
      #"{"kind": "addition", "lengths": "9...3"}"#,
      "lengths: found 9...3, expected the shorter length first; write 3...9"
    ),
    (
      #"{"kind": "addition", "lengths": [1, 2]}"#,
      "lengths: found a list or a mapping, expected a length or a range of lengths; "
        + "write it as 7 or 1...10"
    ),
    (
      #"{"kind": "addition", "lengths": "ten"}"#,
      "lengths: found ten, expected a length or a range of lengths; write it as 7 or 1...10"
    ),
    (
      #"{"kind": "copy", "alphabet": 1}"#,
      "alphabet: found 1, expected 2 to 100000; give the number of different symbols"
    ),
    (
      #"{"kind": "copy", "alphabet": 2.5}"#,
      "alphabet: found 2.5, expected a whole number; write it so, or leave it out for 16"
    ),
    (
      #"{"kind": "pairs", "count": 9, "alphabet": 2, "lengths": 3}"#,
      "count: found 9, expected at most 8, the inputs of 3 symbols of 2; "
        + "ask for fewer pairs, longer sequences or more symbols"
    ),
    (
      #"{"kind": "pairs", "lengths": "1...1000000"}"#,
      "lengths: found 1...1000000, expected at most 67108864 symbols in one pair of every length; "
        + "the pairs are all kept in memory: ask for fewer or shorter lengths"
    ),
    (
      #"{"kind": "pairs", "count": 1000000000}"#,
      "count: found 1000000000, expected 1 to 3355443; the pairs are all kept in memory: "
        + "ask for fewer, or for fewer or shorter lengths"
    ),
    (
      #"{"kind": "lego", "lengths": "1...30"}"#,
      "lengths: found 1...30, expected at most 26 clauses, each with a variable of its own; "
        + "ask for shorter chains, or set alphabet to 30"
    ),
    (
      #"{"kind": "lego", "supervised": "third"}"#,
      "supervised: found third, expected one of half, all; choose one of these"
    ),
    (
      #"{"kind": "lookup", "tables": 1}"#,
      "tables: found 1, expected 2 to 1000; one table of each composition is held out of training"
    ),
    (
      #"{"kind": "lookup", "bits": 60}"#,
      "bits: found 60, expected 1 to 10; a table has 2^bits entries"
    ),
    (
      #"{"kind": "listops", "arguments": 2}"#,
      "arguments: found 2, expected 3 to 100; an operation has three arguments in the mean"
    ),
    (
      #"{"kind": "arithmetic", "lengths": "1...5000"}"#,
      "lengths: found 5000, expected 1 to 1000; it is the depth of a tree"
    ),
    (
      #"{"kind": "arithmetic", "modulus": 1}"#,
      "modulus: found 1, expected 2 to 10000; each number is a symbol of its own"
    ),
    (
      #"{"kind": "hops", "symbols": 20, "lengths": "1...4"}"#,
      "lengths: found 4, expected 1 to 3; "
        + "the sequence must hold the hops: ask for fewer, or for more symbols"
    ),
    (
      #"{"kind": "hops", "marks": false}"#,
      "marks: found false with lengths 1...16, expected true; "
        + "without marks nothing says how many hops are asked for: give one length"
    ),
  ])
  func mistakesAreExplained(json: String, message: String) {
    let error = #expect(throws: TaskError.self) { try decode(json) }
    #expect(error?.description == message)
  }

  @Test func longTextFromOutsideIsCutShort() {
    let long = String(repeating: "x", count: 100_000)
    for json in [
      #"{"kind": "\#(long)"}"#, #"{"kind": "copy", "lengths": "\#(long)"}"#,
      #"{"kind": "copy", "\#(long)": 1}"#,
      #"{"kind": "addition", "format": "\#(long)"}"#,
    ] {
      let error = #expect(throws: TaskError.self) { try decode(json) }
      #expect(error.map { $0.description.count < 300 } == true)
    }
  }

  @Test func theFieldHasItsWholePath() {
    struct Recipe: Decodable { let task: TaskConfiguration }
    let json = #"{"task": {"kind": "addition", "mix": {"swap": -1}}}"#
    let error = #expect(throws: TaskError.self) {
      try JSONDecoder().decode(Recipe.self, from: Data(json.utf8))
    }
    #expect(error?.field == "task.mix.swap")
    let typo = #"{"task": {"kind": "copy", "alphabt": 3}}"#
    let unknown = #expect(throws: TaskError.self) {
      try JSONDecoder().decode(Recipe.self, from: Data(typo.utf8))
    }
    #expect(unknown?.field == "task.alphabt")
  }

  @Test func optionsMadeInCodeAreChecked() {
    var options = AdditionOptions()
    options.mix.uniform = .nan
    let error = #expect(throws: TaskError.self) { try AdditionTask(options) }
    #expect(error?.field == "mix.uniform")
    #expect(throws: TaskError.self) { try AdditionTask(AdditionOptions(lengths: 0...3)) }
    #expect(throws: TaskError.self) { try CopyTask(CopyOptions(alphabet: -1)) }
    #expect(throws: TaskError.self) { try PairsTask(PairsOptions(count: 0)) }
  }

  @Test func absurdBatchesAreRefused() throws {
    let task = try AdditionTask()
    var random = Random(seed: 0)
    for (length, examples, field) in [
      (0, 1, "length"), (-3, 1, "length"), (.max, 1, "length"), (5, 0, "examples"),
      (5, -1, "examples"), (5, .max, "examples"), (1_000_000, 1000, "examples"),
    ] {
      let error = #expect(throws: TaskError.self) {
        try task.makeBatch(length: length, examples: examples, random: &random)
      }
      #expect(error?.field == field)
    }
    let kind = ExampleKind(name: "nine", description: "")
    let error = #expect(throws: TaskError.self) {
      try task.makeBatch(length: 1, examples: 1, kind: kind, random: &random)
    }
    #expect(error?.remedy == "did you mean nines?")
    #expect(throws: TaskError.self) { try task.kind(named: "difficult") }
    #expect(try task.kind(named: "propagate") == AdditionTask.propagate)
  }
}
