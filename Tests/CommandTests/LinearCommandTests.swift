import Asura
import Foundation
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// What `--json` prints, as a reader would take it.
private struct Report: Decodable {
  struct Score: Decodable {
    let accuracy: Double?
    let balancedAccuracy: Double?
    let r2: Double?
  }
  struct Cell: Decodable {
    let iteration: Int
    let position: Int?
    let score: Score
    let interval: [Double]?
    let nullMean: Double?
    let selectivity: Double?
    let compression: Double?
  }
  struct Answers: Decodable {
    let changed: Double
  }
  struct Effect: Decodable {
    let change: String
    let at: [Int]
    let edited: Answers
    let random: [Answers]
  }
  let fact: String
  let classes: [String]?
  let iterations: [Int]
  let positions: [Int]
  let isComplete: Bool
  let cells: [Cell]
  let transfer: [[Double]]?
  let effects: [Effect]
  let reading: [String]
  let files: [String]
}

private func report(_ outcome: Outcome) throws -> Report {
  #expect(outcome.status == 0, "\(outcome.error)")
  return try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8))
}

@Suite struct LinearCommandTests {
  @Test func tableReadingAndFiles() throws {
    let fixture = try LinearFixture()
    let outcome = try fixture.linear([
      "--fact", "odd", "--transfer", "--erase", "leace", "--at", "4",
    ])
    #expect(outcome.status == 0, "\(outcome.error)")
    let lines = outcome.output.split(separator: "\n").map(String.init)
    #expect(lines[0] == "run.h5: odd (classes even, odd) in latent, by ridge")
    #expect(lines[1].split(separator: " ").prefix(3) == ["t", "accuracy", "95%"])
    for part in ["balanced accuracy, in percent", "erase-leace", "random ×10", "Selectivity"] {
      #expect(outcome.output.contains(part), "\(outcome.output)")
    }
    for name in ["map", "scores", "transfer", "effects"] {
      let file = "run.linear_odd-\(name).svg"
      let svg = try Data(contentsOf: fixture.folder.appending(path: file))
      #expect(XMLParser(data: svg).parse() && outcome.output.contains(file))
    }
    #expect(fixture.exists("run.probe.h5") && fixture.exists("run.linear_odd.npz"))
  }

  @Test func jsonAgreesWithTheLibraryAndTheCompanion() throws {
    let fixture = try LinearFixture()
    let report = try report(
      fixture.linear(["--fact", "odd", "--iter", "1...4", "--seed", "7", "--json", "--transfer"]))
    #expect(report.iterations == [1, 2, 3, 4] && report.positions == [0, 1, 2])
    #expect(report.isComplete && report.classes == ["even", "odd"] && report.cells.count == 12)

    let reader = try TraceReader(fixture.trace)
    var probe = LinearProbe()
    probe.seed = 7
    probe.hasTransfer = true
    let input = try reader.input()
    let found = try #require(
      try probe.run(
        on: ProbedSite(reader), labels: ProbeLabels(fact: "odd", of: reader),
        tokens: input.tokens.map { ($0.elements, 1) }, iterations: [1, 2, 3, 4]))
    let cells = found.cells.flatMap { $0.compactMap { $0 } }
    for (a, b) in zip(report.cells, cells) {
      #expect(a.score.balancedAccuracy == b.score.balancedAccuracy)
      #expect(a.interval == b.interval.map { [$0.lowerBound, $0.upperBound] })
      #expect(a.nullMean == b.null?.mean && a.selectivity == b.selectivity)
    }
    #expect(report.transfer == found.transfer?.mean)

    let companion = CompanionFile(ofTrace: fixture.trace)
    guard case .float64(let accuracy) = try companion.array("linear_odd", "score", "accuracy"),
      case .float64(let weights) = try companion.array("linear_odd", "weights", "weights"),
      case .float64(let transfer) = try companion.array("linear_odd", "transfer", "mean")
    else {
      Issue.record("the companion file's arrays have other types")
      return
    }
    #expect(accuracy.elements == cells.map(\.score.accuracy))
    #expect(weights == found.weights.weights && transfer.shape == [4, 4])
    let saved = try ProbeWeights(contentsOf: fixture.folder.appending(path: "run.linear_odd.npz"))
    #expect(saved == found.weights)
  }

  /// Scores are `w · x + b` in the latent's own coordinates, for NumPy as well.
  @Test(.enabled(if: python != nil, "set ASURA_PYTHON to a Python with h5py"))
  func numpyReadsTheWeights() throws {
    let fixture = try LinearFixture()
    let outcome = try fixture.linear(["--fact", "odd", "--iter", "2...3", "--quiet"])
    #expect(outcome.status == 0, "\(outcome.error)")
    try fixture.write(
      """
      import h5py, numpy
      probe = numpy.load("run.linear_odd.npz")
      assert probe["class"].tolist() == ["even", "odd"] and probe["fact"].tolist() == ["odd"]
      assert probe["iteration"].tolist() == [2, 3] and probe["position"].tolist() == [0, 1, 2]
      trace = h5py.File("run.h5")
      x, y = trace["run/latent/latent"][3].astype(float), trace["run/input/facts/odd"][:]
      scores = numpy.einsum("bpw,pcw->bpc", x, probe["weights"][1]) + probe["bias"][1]
      print((scores.argmax(axis=2) == y).mean())
      assert numpy.allclose(probe["mean"][1], x.mean(axis=0))
      """, "check.py")
    let check = try run(try #require(python), ["check.py"], in: fixture.folder)
    #expect(check.status == 0, "\(check.error)")
    // Of the rows the probes were fitted to, more than half in any case.
    #expect((Double(check.output.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0) > 0.6)
  }

  @Test func labelsOfAFileAndPooling() throws {
    let fixture = try LinearFixture()
    try fixture.write(
      "example,mood\n" + (0..<60).map { "\($0),\($0 % 3 == 0 ? "up" : "down")\n" }.joined(),
      "mine.csv")
    let report = try report(
      fixture.linear(
        ["--labels", "mine.csv", "--pool", "--json", "--estimator", "logistic", "--iter", "1,4"]))
    #expect(report.fact == "mood" && report.classes == ["down", "up"])
    #expect(report.positions == [-1] && report.cells.allSatisfy { $0.position == nil })
    // What has nothing to do with the run cannot be read.
    #expect(report.cells.allSatisfy { $0.score.balancedAccuracy! < 0.7 })
  }

  @Test func numbersAndRelations() throws {
    let fixture = try LinearFixture()
    let numbers = try report(
      fixture.linear(["--fact", "token", "--as", "numbers", "--json", "--iter", "1", "--no-svg"]))
    #expect(numbers.classes == nil && numbers.cells.allSatisfy { $0.score.r2 != nil })
    for arguments in [["--fact-at", "next"], ["--offset", "1"]] {
      let next = try report(
        fixture.linear(
          ["--fact", "odd", "--json", "--iter", "1", "--force", "--no-svg"] + arguments))
      #expect(next.cells.map(\.position) == [0, 1])
    }
  }

  @Test func pushing() throws {
    let fixture = try LinearFixture()
    let report = try report(
      fixture.linear(
        [
          "--fact", "odd", "--push", "-4", "--toward", "even", "--at", "3...4", "--directions", "3",
          "--json", "--no-code",
        ]))
    #expect(report.effects.map(\.change) == ["push"] && report.effects[0].at == [3, 4])
    #expect(report.effects[0].random.count == 3)
    #expect(report.cells.allSatisfy { $0.compression == nil })
  }

  @Test(arguments: [
    (["--fact", "kary"], 3, "odd, one, token"), ([], 2, "odd, one, token"),
    (["--fact", "one"], 2, "constant"), (["--fact", "odd", "--folds", "61"], 2, "60 examples"),
    (["--fact", "odd", "--folds", "2"], 2, "3 or more"),
    (["--fact", "odd", "--replicates", "5"], 2, "20 or more"),
    (["--fact", "odd", "--site", "embed"], 3, "latent"),
    (["--fact", "odd", "--iter", "9"], 3, "0...4"),
    (["--fact", "odd", "--positions", "7"], 3, "0...2"),
    (["--fact", "odd", "--penalties", "0"], 2, "no penalty"),
    (["--fact", "odd", "--at", "2"], 2, "--erase or --push"),
    (["--fact", "odd", "--push", "1", "--toward", "red"], 3, "even, odd"),
    (["--fact", "odd", "--erase", "leace", "--at", "0"], 3, "before iteration 0"),
    (["--fact", "token", "--as", "numbers", "--estimator", "logistic"], 2, "number"),
    (["--fact", "odd", "--example", "60"], 3, "examples 0...59"),
    (["--fact", "odd", "--example", "0,5,9"], 2, "3 examples cannot be divided"),
    (["--fact", "odd", "--example", "0...39", "--push", "1"], 2, "leave --example out"),
    (["--labels", "short.csv"], 2, "2 labels, the trace has 60"),
    (["--labels", "short.csv", "--fact", "moods"], 3, "mood"),
    (["--labels", "nan.csv"], 2, "nan"), (["--labels", "none.csv"], 3, "none.csv"),
    (["--fact", "odd", "--offset", "3"], 2, "not known at any"),
    (["--fact", "odd", "--offset", "1", "--fact-at", "next"], 2, "contradict"),
  ])
  func badInput(arguments: [String], status: Int32, words: String) throws {
    let fixture = try LinearFixture()
    try fixture.write("mood\nup\ndown\n", "short.csv")
    try fixture.write("mood\n" + (0..<60).map { $0 == 5 ? "nan\n" : "\($0)\n" }.joined(), "nan.csv")
    let outcome = try fixture.linear(arguments)
    #expect(outcome.status == status, "\(outcome)")
    #expect(outcome.error.contains(words) && outcome.output.isEmpty, "\(outcome)")
    #expect(!fixture.exists("run.probe.h5") && !fixture.exists("run.linear_odd.npz"))
  }

  @Test func earlierResultsAreKeptUnlessForced() throws {
    let fixture = try LinearFixture()
    let first = ["--fact", "odd", "--iter", "1", "--no-svg"]
    #expect(try fixture.linear(first).status == 0)
    let again = try fixture.linear(first)
    #expect(again.status == 2 && again.error.contains("--force"), "\(again)")
    #expect(try fixture.linear(first + ["--force"]).status == 0)
    // Another fact is another analysis.
    #expect(try fixture.linear(["--fact", "token", "--iter", "1", "--no-svg"]).status == 0)
  }

  /// Ctrl-C leaves what was done by then.
  @Test func interruption() throws {
    let fixture = try LinearFixture()
    let outcome = try fixture.linear(
      ["--fact", "token", "--estimator", "logistic", "--shuffles", "3000", "--iter", "1"]
    ) { process in
      Thread.sleep(forTimeInterval: 0.7)
      process.interrupt()
    }
    #expect(outcome.status != 0 && outcome.error.contains("interrupted"), "\(outcome)")
    #expect(!fixture.exists("run.probe.h5"))
  }
}
