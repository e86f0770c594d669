import AsuraModel
import AsuraTraining
import Foundation
import Testing

@Suite struct CapturePlanTests {
  private func plan(_ text: String) throws -> CapturePlan {
    try withFolder { folder in
      let url = folder.appending(path: "plan.yaml")
      try Data(text.utf8).write(to: url)
      return try CapturePlan(contentsOf: url)
    }
  }

  @Test func requestsAreRead() throws {
    let requests = try plan(
      """
      - sites: latent, logits
        iterations: 0...50:5
      - sites: [core.*.attn.pattern]
        iterations: 7
        positions: [0, 7]
        batch: 0...3
        reduce: mean-heads
      - {sites: logits, reduce: "top:3"}
      """
    ).requests
    #expect(
      requests.map(\.sites) == [["latent", "logits"], ["core.*.attn.pattern"], ["logits"]])
    #expect(requests.map(\.iterations) == ["0...50:5", "7", nil])
    #expect(requests.map(\.positions) == [nil, "0,7", nil])
    #expect(requests.map(\.batch) == [nil, "0...3", nil])
    #expect(requests.map(\.reducer) == [.all, .meanOverHeads, .top(3)])
  }

  @Test(arguments: [
    ("", "A plan is a list"), ("sites: latent", "it is no list"), ("[]", "it is no list"),
    ("- latent", "[0]"), ("- sites: latent\n  iteration: 3", "did you mean iterations?"),
    ("- iterations: 3", "[0].sites"), ("- sites: latent\n  reduce: mean", "[0].reduce"),
    ("- sites: latent\n  reduce: top:0", "top:5 for the five likeliest"),
    ("- sites: latent\n  reduce: mean-head", "did you mean mean-heads?"),
    ("- sites: latent\n- sites: {a: b}", "[1].sites"), ("- sites: [", "not valid YAML"),
  ])
  func mistakesNameTheField(text: String, message: String) {
    #expect {
      try plan(text)
    } throws: { "\($0)".contains("plan.yaml") && "\($0)".contains(message) }
  }

  @Test func reducersAreSpelled() throws {
    let names: [(String, Reducer)] = [
      ("all", .all), ("mean-heads", .meanOverHeads), ("mean-positions", .meanOverPositions),
      ("norm", .norm), ("top:5", .top(5)),
    ]
    for (name, reducer) in names { #expect(try Reducer(parsing: name) == reducer) }
    for wrong in ["", "top", "top:", "top:-1", "top:x", "norm:2", "all:"] {
      #expect(throws: (any Error).self) { try Reducer(parsing: wrong) }
    }
  }
}
