import AsuraProbe
import AsuraTensor
import Foundation
import Testing

@Suite struct ProbeLabelTests {
  private func trace() throws -> SyntheticTrace {
    try SyntheticTrace(
      examples: 4, positions: 3, width: 2,
      facts: [
        "carry": ([-1, 0, 1, -1, 1, 0, -1, 0, 0, -1, 1, 1], ["no carry", "carry"]),
        "chain": (Array(0..<12), []), "same": ([-1, 1, 1, -1, 1, 1, -1, 1, 1, -1, 1, 1], []),
      ]
    ) { _ in .zeros([4, 3, 2]) }
  }

  private func read(_ text: String, _ name: String = "labels.csv", column: String? = nil)
    throws -> ProbeLabels
  {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "asura-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let url = folder.appending(path: name)
    try Data(text.utf8).write(to: url)
    return try ProbeLabels(contentsOf: url, column: column, examples: 3, positions: 2)
  }

  private func expectError(_ words: String, _ body: () throws -> Void) throws {
    let error = try #require(throws: ProbeError.self, performing: body)
    #expect(error.description.contains(words), "\(error)")
  }

  /// NaN as −1, so that lists compare.
  private func plain(_ labels: ProbeLabels) -> [Double] { labels.values.map { $0.isNaN ? -1 : $0 } }

  @Test func factsAreClassesOrNumbers() throws {
    let trace = try trace()
    let carry = try ProbeLabels(fact: "carry", of: trace.reader)
    #expect(carry.classes == ["no carry", "carry"] && carry[0, 2] == 1 && carry[0, 0].isNaN)
    #expect(try ProbeLabels(fact: "chain", of: trace.reader).classes == nil)
    #expect(try ProbeLabels(fact: "chain", of: trace.reader, as: .classes).classes?.count == 12)
    #expect(try ProbeLabels(fact: "carry", of: trace.reader, as: .numbers).classes == nil)
    try expectError("carry, chain, same") {
      _ = try ProbeLabels(fact: "kary", of: trace.reader)
    }
  }

  @Test func relationsByOffsetAndByPositionID() throws {
    let labels = ProbeLabels(
      name: "x", examples: 1, positions: 6, values: [.nan, .nan, .nan, 7, 8, 9], classes: nil)
    #expect(plain(labels.shifted(by: 1)) == [-1, -1, 7, 8, 9, -1])
    #expect(plain(labels.shifted(by: -1)) == [-1, -1, -1, -1, 7, 8])
    // Digits of ids 1 2, a sign, and the answer's digits 1 2 3: the next place of each digit.
    let next = labels.shifted(toID: 1, ids: [1, 2, 0, 1, 2, 3])
    #expect(plain(next) == [8, 9, -1, 8, 9, -1])
  }

  @Test func files() throws {
    let plainList = try read("label\nyes\nno\n\"a, b\"\n")
    #expect(plainList.classes == ["a, b", "no", "yes"])
    #expect(plain(plainList) == [2, 2, 1, 1, 0, 0])
    let placed = try read("example,position,word\n2,1,b\n0,0,a\n0,1,\n")
    #expect(placed.name == "word" && plain(placed) == [0, -1, -1, -1, -1, 1])
    let numbers = try read("{\"n\": [0.5, null]}\n{\"n\": 2}\n{\"n\": [3, 4]}\n", "x.jsonl")
    #expect(numbers.classes == nil && plain(numbers) == [0.5, -1, 2, 2, 3, 4])
    let lines =
      "{\"example\": 1, \"a\": \"x\", \"b\": 1}\n{\"example\": 0, \"a\": \"y\", \"b\": 2}\n"
    #expect(plain(try read(lines, "x.jsonl", column: "a")) == [1, 1, 0, 0, -1, -1])
  }

  @Test(arguments: [
    ("label\na\nb\n", "2 labels, the trace has 3"), ("label\na\nb\na\nb\n", "no example 3"),
    ("example,label\n0,a\n0,b\n", "twice"), ("example,label\n7,a\n", "no example 7"),
    ("example,position,label\n0,2,a\n", "no position 2"), ("a,b\n1,2\n3,4\n5,6\n", "--fact: a, b"),
    ("label\nnan\n1\n2\n", "is nan"), ("label\n\n", "0 labels"), ("", "is empty"),
    ("example,label\n1\n", "1 values under 2 names"), ("example,label\nx,a\n", "'x'"),
    ("{\"label\": {}}\n", "a label is"), ("{\"label\"\n", "no JSON object"),
  ])
  func badFiles(text: String, words: String) throws {
    try expectError(words) { _ = try read(text) }
  }

  @Test func whatCannotBeProbed() throws {
    let trace = try trace()
    try expectError("constant") { _ = try trace.probe("same") { $0.folds = 3 } }
    try expectError("4 examples cannot be divided into 5 folds") { _ = try trace.probe("chain") }
    try expectError("number") {
      _ = try trace.probe("chain") {
        $0.folds = 3
        $0.estimator = .logistic
      }
    }
    let few = ProbeLabels(
      name: "mine", examples: 2, positions: 3, values: [0, 1, 0, 1, 0, 1], classes: ["a", "b"])
    try expectError("2 examples of 3 positions") {
      _ = try LinearProbe().run(on: trace.site, labels: few, iterations: [1])
    }
    let many = ProbeLabels(
      name: "mine", examples: 100, positions: 3, values: (0..<300).map(Double.init),
      classes: (0..<300).map(String.init))
    try expectError("300 classes, at most 256") {
      _ = try LinearProbe().run(on: trace.site, labels: many, iterations: [1])
    }
    try expectError("latent") { _ = try ProbedSite(trace.reader, site: "core.0.mlp.post") }
    try expectError("position 9") {
      var probe = LinearProbe()
      probe.folds = 3
      _ = try probe.run(
        on: trace.site, labels: ProbeLabels(fact: "chain", of: trace.reader), iterations: [1],
        positions: [9])
    }
    var probe = LinearProbe()
    probe.folds = 3
    let bad = try SyntheticTrace(
      examples: 9, positions: 1, width: 2, facts: ["bit": ((0..<9).map { $0 % 2 }, [])]
    ) { _ in Tensor([9, 1, 2], (0..<18).map { $0 == 7 ? Double.nan : Double($0) }) }
    try expectError("example 3 at iteration 1, position 0 is nan") {
      _ = try probe.run(
        on: bad.site, labels: ProbeLabels(fact: "bit", of: bad.reader), iterations: [1])
    }
  }

  /// What was done before an iteration that fails is kept.
  @Test func failureKeepsWhatCameBefore() throws {
    var random = Random(seed: 6)
    let latents = Tensor<Double>.normal([20, 1, 2], using: &random)
    let trace = try SyntheticTrace(
      examples: 20, positions: 1, width: 2, iterations: [0, 1, 2, 3],
      facts: ["bit": ((0..<20).map { $0 % 2 }, [])]
    ) { t in t == 2 ? latents.scaled(by: .infinity) : latents }
    let found = try trace.probe("bit")
    #expect(found.iterations == [0, 1] && found.cells.count == 2 && !found.isComplete)
    let failure = try #require(found.failure as? ProbeError)
    #expect(failure.message.contains("at iteration 2, position 0"), "\(failure)")
  }

  /// Where few examples have a label, the first portions of an online code may have none.
  @Test func sparseLabelsAreCoded() throws {
    var random = Random(seed: 4)
    let (examples, positions) = (200, 20)
    let values = (0..<examples * positions).map { _ in
      random.uniform() < 0.1 ? Int(2 * random.uniform()) : -1
    }
    let latents = Tensor<Double>.normal([examples, positions, 3], using: &random)
    let trace = try SyntheticTrace(
      examples: examples, positions: positions, width: 3, facts: ["bit": (values, ["a", "b"])]
    ) { _ in latents }
    let found = try trace.probe("bit") {
      $0.folds = 3
      $0.hasDescriptionLength = true
    }
    let cells = found.cells[0].compactMap { $0 }
    #expect(cells.count > 10)
    for cell in cells {
      let code = try #require(cell.code)
      // Noise takes a bit a label; the first 16 do so in any case.
      #expect(code.rows == cell.rows && code.uniformBits == Double(cell.rows))
      #expect(code.bits >= min(16, code.uniformBits) && code.bits < 2 * code.uniformBits)
    }
  }

  @Test func rareAndAbsentClasses() throws {
    var random = Random(seed: 2)
    let count = 60
    // Position 0 has a class of two examples, position 1 lacks it, position 2 has one class only.
    let values = (0..<count).flatMap { e in [e < 2 ? 2 : e % 2, e % 2, 0] }
    let latents = Tensor<Double>.normal([count, 3, 4], using: &random)
    let trace = try SyntheticTrace(
      examples: count, positions: 3, width: 4, facts: ["kind": (values, ["a", "b", "c"])]
    ) { _ in latents }
    for estimator in LinearEstimator.allCases {
      let found = try trace.probe("kind") {
        $0.estimator = estimator
        $0.replicates = 50
      }
      #expect(found.cells[0][0]!.classCounts == [29, 29, 2])
      #expect(found.cells[0][1]!.classCounts == [30, 30, 0] && found.cells[0][2] == nil)
      #expect(
        found.notes.contains { $0.hasPrefix("warning: class 'c'") && $0.contains("position 0") })
      #expect(found.notes.contains { $0.contains("constant at position 2") })
      #expect(found.weights.bias[[0, 1, 2]] == -.infinity)
      #expect(found.cells[0][0]!.score.accuracy.isFinite)
    }
    // One probe of all is not said to be of a position.
    let pooled = try trace.probe("kind") { $0.isPooled = true }
    #expect(
      pooled.notes.contains { $0.hasPrefix("warning: class 'c'") && $0.contains("are pooled") })
  }
}
