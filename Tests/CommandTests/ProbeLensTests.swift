import Asura
import Foundation
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// What `--json` prints, as a reader would take it.
private struct LensJSON: Decodable {
  struct Mean: Decodable {
    let iteration: Int
    let accuracy: Double
    let divergence: Double
  }
  struct Answer: Decodable {
    let example: Int
    let top: [[Int]]
    let targetRank: [[Int]]?
    let wholeRightFrom: Int?
  }
  struct Attribution: Decodable {
    let components: [String]
    let direct: [[Double]]
    let differences: [Double]
    let residual: Double
  }
  let examples: [Int]
  let iterations: [Int]
  let isComplete: Bool
  let means: [Mean]
  let answers: [Answer]
  let attribution: Attribution?
  let reading: [String]
  let files: [String]
}

@Suite struct ProbeLensTests {
  private func options(_ change: (inout ProbeFixture.Options) -> Void = { _ in })
    -> ProbeFixture.Options
  {
    var options = ProbeFixture.Options()
    change(&options)
    return options
  }

  private func expectFailure(
    _ fixture: ProbeFixture, _ arguments: [String], status: Int32, _ text: String
  ) throws {
    let outcome = try fixture.probe(arguments)
    #expect(outcome.status == status, "\(arguments): \(outcome.error)")
    #expect(outcome.error.contains(text), "\(arguments): \(outcome.error)")
    #expect(outcome.output.isEmpty, "\(arguments)")
    #expect(!fixture.exists("run.probe.h5"), "\(arguments)")
  }

  @Test func tablesChartsAndCompanion() throws {
    let fixture = try ProbeFixture(options { $0.hasTargets = true })
    let outcome = try fixture.probe(["lens", "run.h5", "--attribute"])
    #expect(outcome.status == 0, "\(outcome.error)")
    for part in [
      "run.h5: 2 examples of 2, 3 positions, 4 classes, iterations 0…6", "right  whole",
      "Example 0", "adds to the logit difference", "latent before", "core.0 head 1",
      "answers are right", "The shares sum to the logit differences",
    ] {
      #expect(outcome.output.contains(part), "\(part) in \(outcome.output)")
    }
    for chart in ["target", "rank", "entropy", "divergence", "attribution", "unrolled", "sources"] {
      let file = fixture.folder.appending(path: "run.lens-\(chart).svg")
      #expect(XMLParser(data: try Data(contentsOf: file)).parse(), "\(chart)")
    }
    let companion = CompanionFile(ofTrace: fixture.trace)
    #expect(try companion.array("lens", "readout", "target_probability").shape == [7, 2, 3])
    #expect(try companion.array("lens", "attribution", "direct").shape == [6, 6, 2, 3])
    #expect(try companion.array("lens", "sources", "contribution").shape == [6, 1, 2, 3, 3])
    // Not twice, unless asked.
    let again = try fixture.probe(["lens", "run.h5"])
    #expect(again.status == 2 && again.error.contains("--force"))
    #expect(try fixture.probe(["lens", "run.h5", "--force", "--no-svg"]).status == 0)
  }

  @Test func json() throws {
    let fixture = try ProbeFixture(options { $0.hasTargets = true })
    let outcome = try fixture.probe([
      "lens", "run.h5", "--json", "--no-svg", "--attribute", "--iter", "2...6", "--logits", "3,1",
    ])
    #expect(outcome.status == 0, "\(outcome.error)")
    let report = try JSONDecoder().decode(LensJSON.self, from: Data(outcome.output.utf8))
    #expect(
      report.iterations == [2, 3, 4, 5, 6] && report.examples == [0, 1] && report.isComplete)
    // The targets are the last answers, but for example 1's first: five of six.
    #expect(abs((report.means.last?.accuracy ?? 0) - 5.0 / 6) < 1e-9)
    #expect(report.means.last?.divergence == 0)
    #expect(report.answers[0].targetRank?.last == [0, 0, 0])
    #expect(report.answers[0].wholeRightFrom != nil && report.answers[1].wholeRightFrom == nil)
    let attribution = try #require(report.attribution)
    #expect(attribution.components.first == "input" && attribution.direct.count == 5)
    for (shares, difference) in zip(attribution.direct, attribution.differences) {
      #expect(abs(shares.reduce(0, +) - difference) < 1e-9)
    }
  }

  @Test func withoutTargets() throws {
    let fixture = try ProbeFixture()
    let outcome = try fixture.probe(["lens", "run.h5"])
    #expect(outcome.status == 0 && outcome.output.contains("no targets"), "\(outcome.output)")
    #expect(!outcome.output.contains("whole") && !fixture.exists("run.lens-rank.svg"))
    #expect(fixture.exists("run.lens-target.svg"))
  }

  @Test func badInput() throws {
    let fixture = try ProbeFixture()
    try expectFailure(fixture, ["lens", "run.h5", "--iter", "9"], status: 3, "--iter 9")
    try expectFailure(fixture, ["lens", "run.h5", "--example", "5"], status: 3, "0...1")
    try expectFailure(fixture, ["lens", "run.h5", "--logits", "0,1"], status: 2, "--attribute")
    try expectFailure(
      fixture, ["lens", "run.h5", "--attribute", "--logits", "0,0"], status: 2, "two different")
    try expectFailure(
      fixture, ["lens", "run.h5", "--attribute", "--logits", "0,8"], status: 2, "0 to 3")
    try expectFailure(
      fixture, ["lens", "run.h5", "--attribute", "--iter", "0"], status: 3, "latent before")
    try expectFailure(fixture, ["lens", "run.h5", "--tuned"], status: 3, "3 examples")
    let bare = try ProbeFixture(options { $0.hasWeights = false })
    try expectFailure(bare, ["lens", "run.h5"], status: 5, "--model")
    #expect(
      try bare.probe(["lens", "run.h5", "--model", "model.safetensors", "--no-svg"]).status == 0)
  }

  /// A latent that is not finite ends the work with 4, and so does an edited run under --strict.
  @Test func numericChecks() throws {
    let broken = try ProbeFixture(options { $0.notANumber = 3 })
    let outcome = try broken.probe(["lens", "run.h5", "--no-svg"])
    #expect(outcome.status == 4 && outcome.error.contains("iteration 3"), "\(outcome.error)")
    let edited = try ProbeFixture(options { $0.edited = 3 })
    let warned = try edited.probe(["lens", "run.h5", "--no-svg", "--attribute"])
    #expect(warned.status == 0 && warned.error.contains("the run was edited"), "\(warned.error)")
    let strict = try edited.probe([
      "lens", "run.h5", "--no-svg", "--attribute", "--strict", "--force",
    ])
    #expect(strict.status == 4)
  }

  @Test func unfinishedTrace() throws {
    let fixture = try ProbeFixture(options { $0.isFinished = false })
    let outcome = try fixture.probe(["lens", "run.h5", "--no-svg"])
    #expect(outcome.status == 0 && outcome.output.contains("it ends early"))
  }
}

@Suite struct ProbeAttentionAndGeometryTests {
  /// A trace of patterns and latents of a model that copies, beside it another seed's.
  private func withTraces(
    _ body: (_ fixture: ProbeFixture) throws -> Void
  ) throws {
    let fixture = try ProbeFixture()
    let task = try CopyTask()
    var random = Random(seed: 2)
    let batch = try task.makeBatch(length: 3, examples: 5, random: &random)
    for (name, seed, record) in [
      ("a", 1, ["latent", "core.*.attn.pattern", "core.*.mlp.post"]), ("b", 2, ["latent"]),
    ] {
      let configuration = try ModelConfiguration(
        vocabulary: task.vocabulary.count, channels: task.channels, classes: task.outputs.count,
        width: 8, core: 2, iterations: 5, attention: AttentionConfiguration(heads: 2),
        mlp: MLPConfiguration(width: 8))
      var capture = try TraceCapture(
        RecurrentTransformer<Float>(configuration, seed: UInt64(seed)), on: batch, of: task,
        iterations: 5)
      capture.record = [.sites(record)]
      try capture.write(to: fixture.folder.appending(path: "\(name).h5"))
    }
    try body(fixture)
  }

  @Test func attention() throws {
    try withTraces { fixture in
      let outcome = try fixture.probe(["attention", "a.h5", "--keys", "position:0,token:1"])
      #expect(outcome.status == 0, "\(outcome.error)")
      for part in [
        "a.h5: 5 examples of 5", "→ position:0", "→ token:1", "At t=5 the heads are",
        "even attention would give",
      ] {
        #expect(outcome.output.contains(part), "\(part) in \(outcome.output)")
      }
      for chart in ["profile", "entropy", "change", "keys"] {
        let file = fixture.folder.appending(path: "a.attention-\(chart).svg")
        #expect(XMLParser(data: try Data(contentsOf: file)).parse(), "\(chart)")
      }
      let companion = CompanionFile(ofTrace: fixture.folder.appending(path: "a.h5"))
      #expect(try companion.array("attention", "heads", "entropy").shape == [5, 2, 2])
      #expect(try companion.array("attention", "keys", "attention").shape == [5, 2, 2, 2])
      let text = try fixture.probe(["attention", "a.h5", "--json", "--no-svg", "--force"]).output
      let json = try #require(
        try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
      #expect((json["heads"] as? [Any])?.count == 4 && json["isComplete"] as? Bool == true)
    }
  }

  @Test func attentionOnBadInput() throws {
    try withTraces { fixture in
      for (arguments, status, text) in [
        (["run.h5"], 5, "core.*.attn.pattern"), (["b.h5"], 5, "no attention patterns"),
        (["a.h5", "--iter", "0"], 2, "patterns exist"), (["a.h5", "--iter", "77"], 3, "77"),
        (["a.h5", "--example", "9"], 3, "0...4"), (["a.h5", "--keys", "zebra"], 3, "position:N"),
        (["a.h5", "--keys", "position:99"], 3, "no such position"), (["nowhere.h5"], 5, "nowhere"),
      ] as [([String], Int32, String)] {
        let outcome = try fixture.probe(["attention"] + arguments)
        #expect(outcome.status == status, "\(arguments): \(outcome.status) \(outcome.error)")
        #expect(outcome.error.contains(text), "\(arguments): \(outcome.error)")
        #expect(!fixture.exists("a.probe.h5") && !fixture.exists("run.probe.h5"))
      }
    }
  }

  @Test func geometry() throws {
    try withTraces { fixture in
      let outcome = try fixture.probe([
        "geometry", "a.h5", "--sites", "latent,core.*.mlp.post", "--iter", "1...5",
      ])
      #expect(outcome.status == 0, "\(outcome.error)")
      for part in ["latent, width 8", "core.1.mlp.post, width 8", "participation ratio"] {
        #expect(outcome.output.contains(part), "\(part) in \(outcome.output)")
      }
      for chart in ["cka", "procrustes", "dimension", "variance"] {
        let file = fixture.folder.appending(path: "a.geometry-\(chart).svg")
        #expect(XMLParser(data: try Data(contentsOf: file)).parse(), "\(chart)")
      }
      let companion = CompanionFile(ofTrace: fixture.folder.appending(path: "a.h5"))
      #expect(try companion.array("geometry", "similarity", "cka").shape == [15, 15])
      let both = try fixture.probe(["geometry", "a.h5", "--with", "b.h5", "--force", "--no-svg"])
      #expect(both.status == 0 && both.output.contains("Between the runs"), "\(both.error)")
      #expect(both.output.contains("latent of a.h5 and b.h5"))
      let json = try fixture.probe(["geometry", "b.h5", "--json", "--no-procrustes"]).output
      #expect(json.contains("\"procrustes\":[[\"NaN\""))
    }
  }

  @Test func geometryOnBadInput() throws {
    try withTraces { fixture in
      for (arguments, status, text) in [
        (["a.h5", "--sites", "core.*.attn.z"], 5, "core.0.mlp.post"),
        (["a.h5", "--with", "run.h5"], 2, "Capture both on the same input"),
        (["a.h5", "--iter", "50"], 3, "50"), (["a.h5", "--example", "9"], 3, "0...4"),
        (["a.h5", "--with", "nowhere.h5"], 5, "nowhere"),
      ] as [([String], Int32, String)] {
        let outcome = try fixture.probe(["geometry"] + arguments)
        #expect(outcome.status == status, "\(arguments): \(outcome.status) \(outcome.error)")
        #expect(outcome.error.contains(text), "\(arguments): \(outcome.error)")
        #expect(!fixture.exists("a.probe.h5"))
      }
    }
  }
}
