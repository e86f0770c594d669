import AsuraCommandLine
import AsuraConfiguration
import Foundation
import Testing

@Suite struct ResultPathTests {
  private let result: ResultValue

  init() throws {
    let text = """
      {"a": {"b": [1, 2, 3.5], "empty": []}, "verdict": true, "name": "x",
       "rows": [{"t": 1, "head": 0, "effect": 0.25, "since": 4}, {"t": 2, "head": 1, "effect": "NaN"},
                {"t": 2, "head": 0, "effect": 0.75, "kind": "self"}, {"t": 3, "head": 1, "effect": 0.75}],
       "grid": [[1, 2], [3, 4]]}
      """
    result = try JSONDecoder().decode(ResultValue.self, from: Data(text.utf8))
  }

  private func values(_ path: String) throws -> [ResultValue] {
    try ResultPath(path, field: "value").values(in: result)
  }

  @Test(arguments: [
    ("a.b[0]", [1]), ("a.b[-1]", [3.5]), ("a.b[*]", [1, 2, 3.5]), ("a.b[1...]", [2, 3.5]),
    ("a.b[9...]", []), ("a.empty[*]", []), ("grid[*][1]", [2, 4]), ("grid[1][0]", [3]),
    ("rows[t=2].head", [1, 0]), ("rows[t=2][head=0].effect", [0.75]), ("rows[t=7].effect", []),
    ("rows[kind=self].t", [2]), ("rows[*][head=1].t", [2, 3]),
    // NaN is neither; of equals the first.
    ("rows[effect=max].t", [2]), ("rows[effect=min].t", [1]), ("rows[t=2][effect=max].head", [0]),
  ])
  func findsNumbers(path: String, expected: [Double]) throws {
    #expect(try values(path) == expected.map(ResultValue.number))
  }

  @Test func aKeyThatSomeLackIsNothing() throws {
    #expect(
      try values("rows[*].since") == [.number(4), .nothing, .nothing, .nothing])
    #expect(try values("rows[since=null].t") == [.number(2), .number(2), .number(3)])
    #expect(try values("verdict") == [.flag(true)])
  }

  @Test(arguments: [
    ("rows[*].efect", "did you mean effect?"), ("none", "there is a, grid, name, rows, verdict"),
    ("a.b[3]", "which has 3"), ("a.b[-4]", "which has 3"), ("name[0]", "the list"),
    ("name.x", "'x'"), ("rows[had=1].t", "did you mean head?"),
  ])
  func saysWhatIsNotThere(path: String, part: String) throws {
    let error = #expect(throws: CommandError.self) { try values(path) }
    #expect(error?.status == .nothingMatched)
    #expect(error?.description.contains(part) == true, "\(String(describing: error))")
    #expect(error?.message.contains(path) == true)
  }

  @Test(arguments: [
    "", ".a", "a.", "a..b", "a[", "a[]", "a[x]", "a[=1]", "a]b", "a[0]b", "a[-1...]",
  ])
  func refusesWhatIsNoPath(text: String) {
    let error = #expect(throws: ConfigurationError.self) {
      try ResultPath(text, field: "analyses[0].report[1].value")
    }
    #expect(error?.field == "analyses[0].report[1].value")
  }

  @Test(arguments: [
    (ResultSummary.mean, 2.0), (.median, 1.5), (.min, 0), (.max, 5), (.count, 5),
  ])
  func summarises(summary: ResultSummary, expected: Double) throws {
    // What is nothing does not count; NaN has no place among numbers.
    let values: [ResultValue] = [
      .number(5), .number(0), .nothing, .text("NaN"), .number(1), .number(2),
    ]
    #expect(try summary.of(values) == .number(expected))
    #expect(try summary.of([]) == (summary == .count ? .number(0) : .nothing))
  }

  @Test func talliesAndLists() throws {
    let verdicts = ["rest", "cycle", "rest"].map(ResultValue.text)
    #expect(try ResultSummary.tally.of(verdicts).shown == "cycle 1, rest 2")
    #expect(try ResultSummary.each.of(verdicts).shown == "rest, cycle, rest")
    #expect(try ResultSummary.each.of([.text("rest")]) == .text("rest"))
    #expect(throws: CommandError.self) { try ResultSummary.mean.of(verdicts) }
    let many = ResultValue.list((0..<30).map { .number(Double($0)) })
    #expect(many.shown.hasSuffix("23, … (30 in all)"))
  }

  @Test(arguments: [
    (0.123456, "0.1235"), (3, "3"), (-0.5, "-0.5"), (1_234_567, "1234567"), (1.5e-7, "1.5e-07"),
  ])
  func showsFourDigits(number: Double, expected: String) {
    #expect(ResultValue.number(number).shown == expected)
  }

  @Test func writesWhatItRead() throws {
    let text = try JSONOutput.text(result, indented: false)
    #expect(try JSONDecoder().decode(ResultValue.self, from: Data(text.utf8)) == result)
  }
}
