import Asura
import Foundation
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// What `--json` prints, as a reader would take it.
private struct Report: Decodable {
  struct Verdict: Decodable {
    let example: Int
    let verdict: String
    let since: Int?
    let relativeStep: Double
    let rate: Double?
    let spectralRadius: Double?
  }
  struct Point: Decodable {
    let q: Double
    let starts: Int
    let spectralRadius: Double?
    let unstableModes: Int?
    let isFar: Bool
  }
  struct Search: Decodable {
    let start: String
    let end: String
    let point: Int?
    let q: Double
    let maps: Int
    let jvps: Int
    let vjps: Int
  }
  struct Example: Decodable {
    let example: Int
    let mismatch: Double?
    let rests: Bool?
    let points: [Point]
    let searches: [Search]
    let alignment: Double?
    let basin: [[Double]]
  }
  struct Overthinking: Decodable {
    let trained: Int
    let iterations: [Int]
    let exactMatch: [Double]
    let perSymbol: [Double]
  }
  let solver: String
  let isComplete: Bool
  let verdicts: [Verdict]
  let examples: [Example]
  let overthinking: Overthinking?
  let reading: [String]
}

private func report(_ text: String) throws -> Report {
  try JSONDecoder().decode(Report.self, from: Data(text.utf8))
}

/// Options that leave out all but what the trace itself says.
private let verdictsOnly = ["--starts", "0", "--directions", "0", "--beyond", "1"]

@Suite struct ProbeFixedPointTests {
  @Test func tableAndReading() throws {
    var options = ProbeFixture.Options()
    options.iterations = 40
    options.hasTargets = true
    let fixture = try ProbeFixture(options)
    let outcome = try fixture.probe(["fixed-points", "run.h5", "--starts", "8"])
    #expect(outcome.status == 0, "\(outcome.error)")
    let lines = outcome.output.split(separator: "\n").map(String.init)
    #expect(lines[0] == "run.h5: 2 examples, 3 positions × width 8")
    #expect(lines[1].split(separator: " ").prefix(3) == ["example", "verdict", "since"])
    #expect(outcome.output.contains("fixed points from 8 starts (newton-krylov)"))
    #expect(outcome.output.contains("Of 2 examples at t=40"))
    #expect(outcome.output.contains("10× training's 40"))
    #expect(!outcome.error.contains("warning"))
    for chart in ["settling", "points", "basin", "overthinking"] {
      let data = try Data(
        contentsOf: fixture.folder.appending(path: "run.fixed_points-\(chart).svg"))
      #expect(XMLParser(data: data).parse(), "\(chart)")
    }
  }

  @Test func jsonAgreesWithTheLibraryAndTheCompanion() throws {
    var options = ProbeFixture.Options()
    options.iterations = 30
    options.hasTargets = true
    let fixture = try ProbeFixture(options)
    let outcome = try fixture.probe(
      ["fixed-points", "run.h5", "--example", "all", "--starts", "6", "--json", "--no-svg"])
    #expect(outcome.status == 0, "\(outcome.error)")
    let report = try report(outcome.output)
    #expect(report.isComplete && report.solver == "newton-krylov")
    #expect(report.verdicts.map(\.example) == [0, 1] && report.examples.map(\.example) == [0, 1])

    var probe = FixedPointProbe()
    probe.starts = 6
    let run = try TracedRun(TraceReader(fixture.trace))
    let findings = try probe.run(on: run, iterations: Array(0...30), examples: [0, 1])
    for (found, expected) in zip(report.verdicts, findings.verdicts) {
      #expect(found.verdict == expected?.settling.label && found.since == expected?.since)
      #expect(found.rate == expected?.rate?.value)
    }
    for (found, expected) in zip(report.examples, findings.examples) {
      let set = try #require(expected.points)
      #expect(found.points.map(\.q) == set.points.map(\.q) && found.searches.count == 6)
      #expect(found.searches.map(\.point) == set.reached)
      #expect(found.mismatch! < 1e-5 && found.basin.count == 16 && found.rests == true)
      // Linear theory against measurement, once the iteration goes on in 64 bits.
      let rate = try #require(expected.restRate)
      #expect(abs(rate.value - expected.radius) < 0.02)
      for point in found.points { #expect(point.q <= 1e-12) }
      // A point is one of F in the library's own words.
      for point in set.points {
        let map = try run.stepMap(example: expected.example, at: 30)
        let z = point.state.reshaped(map.shape)
        #expect(try map(z).squaredDistance(to: z) <= 2.01e-12)
      }
    }
    // Targets were the run's own answers but one, so at the end of training one example is right.
    let long = try #require(report.overthinking)
    #expect(long.trained == 30 && long.iterations == Array(1...300))
    #expect(long.exactMatch[29] == 0.5 && abs(long.perSymbol[29] - 5.0 / 6) < 1e-12)

    let companion = CompanionFile(ofTrace: fixture.trace)
    #expect(try companion.names() == ["fixed_points"])
    guard
      case .float64(let steps) = try companion.array("fixed_points", "settling", "relative_step"),
      case .float64(let q) = try companion.array("fixed_points", "searches", "q"),
      case .float64(let states) = try companion.array("fixed_points", "points", "state"),
      case .float64(let exact) = try companion.array("fixed_points", "overthinking", "exact_match")
    else {
      Issue.record("the companion file's arrays have other types")
      return
    }
    #expect(steps.shape == [31, 2] && steps[[30, 1]] == report.verdicts[1].relativeStep)
    #expect(q.shape == [2, 6] && q.elements == report.examples.flatMap { $0.searches.map(\.q) })
    #expect(states.shape == [report.examples.reduce(0) { $0 + $1.points.count }, 3, 8])
    #expect(exact.elements == long.exactMatch)
    #expect(try companion.attribute("status", of: "fixed_points") == .text("complete"))
  }

  @Test(arguments: ["plain", "anderson", "newton-krylov", "minimize"])
  func everySolver(_ solver: String) throws {
    let fixture = try ProbeFixture()
    let outcome = try fixture.probe(
      [
        "fixed-points", "run.h5", "--solver", solver, "--starts", "4", "--directions", "0",
        "--beyond", "1", "--json", "--no-svg",
      ])
    #expect(outcome.status == 0, "\(outcome.error)")
    let report = try report(outcome.output)
    let searches = try #require(report.examples.first?.searches)
    #expect(report.solver == solver && searches.count == 4 && report.overthinking == nil)
    #expect(searches.allSatisfy { $0.maps > 0 && ($0.end == "q") == ($0.q <= 1e-12) })
    #expect(searches.allSatisfy { ($0.jvps > 0) == (solver == "newton-krylov") })
    #expect(searches.allSatisfy { ($0.vjps > 0) == (solver == "minimize") })
  }

  @Test func strictMindsSearchesThatFail() throws {
    let fixture = try ProbeFixture()
    // No residual in 64 bits is that small.
    let hopeless = [
      "fixed-points", "run.h5", "--tolerance", "1e-300", "--starts", "2", "--directions", "0",
      "--beyond", "1", "--solver", "minimize", "--no-svg",
    ]
    let outcome = try fixture.probe(hopeless + ["--json"])
    #expect(outcome.status == 0, "\(outcome.error)")
    let searches = try #require(try report(outcome.output).examples.first?.searches)
    let converged = searches.allSatisfy { $0.point != nil }
    let strict = try fixture.probe(hopeless + ["--strict", "--force"])
    #expect(strict.status == (converged ? 0 : 4))
    #expect(converged || strict.error.contains("--strict"))
  }

  @Test func verdictsNeedNoModelRuns() throws {
    let fixture = try ProbeFixture()
    let outcome = try fixture.probe(["fixed-points", "run.h5", "--json"] + verdictsOnly)
    #expect(outcome.status == 0, "\(outcome.error)")
    let report = try report(outcome.output)
    #expect(report.verdicts.count == 2 && report.examples[0].searches.isEmpty)
    #expect(!fixture.exists("run.fixed_points-basin.svg"))
    #expect(fixture.exists("run.fixed_points-settling.svg"))
  }

  @Test func unsharedCoresHaveOnlyVerdicts() throws {
    var options = ProbeFixture.Options()
    options.isShared = false
    let fixture = try ProbeFixture(options)
    let outcome = try fixture.probe(["fixed-points", "run.h5", "--json"])
    #expect(outcome.status == 0, "\(outcome.error)")
    let report = try report(outcome.output)
    #expect(report.isComplete && report.examples.isEmpty && report.verdicts.count == 2)
    #expect(report.reading.contains { $0.contains("not shared") })
  }

  @Test func readsTheModelFromElsewhere() throws {
    var options = ProbeFixture.Options()
    options.hasWeights = false
    let fixture = try ProbeFixture(options)
    let without = try fixture.probe(["fixed-points", "run.h5"])
    #expect(without.status == 5 && without.error.contains("--model"))
    let with = try fixture.probe(
      ["fixed-points", "run.h5", "--model", "model.safetensors"] + verdictsOnly)
    #expect(with.status == 0, "\(with.error)")
    let configuration = try RecurrentTransformer<Float>(contentsOf: fixture.model).configuration
    try RecurrentTransformer<Float>(configuration, seed: 5)
      .save(to: fixture.folder.appending(path: "other.safetensors"))
    let other = try fixture.probe(
      ["fixed-points", "run.h5", "--model", "other.safetensors", "-o", "x.h5"])
    #expect(other.status == 2 && other.error.contains("hash") && !fixture.exists("x.h5"))
  }

  @Test func refusesWhatIsNotThere() throws {
    let fixture = try ProbeFixture()
    func status(_ arguments: String...) throws -> Int32 {
      try fixture.probe(["fixed-points", "run.h5"] + arguments).status
    }
    #expect(try status("--iter", "7...9") == 3)
    #expect(try status("--iter", "5...9") == 2)
    #expect(try status("--example", "2") == 3)
    #expect(try status("--solver", "magic") == 2)
    #expect(try status("--starts", "-1") == 2)
    #expect(try status("--tolerance", "0") == 2)
    #expect(try status("--beyond", "0") == 2)
    // Steps need latents in a row.
    let sparse = try fixture.probe(["fixed-points", "run.h5", "--iter", "0,2,4"])
    #expect(sparse.status == 5 && sparse.error.contains("in a row"))
    #expect(!fixture.exists("run.probe.h5"))
  }

  @Test func namesWhatIsNotFinite() throws {
    var options = ProbeFixture.Options()
    options.notANumber = 4
    let fixture = try ProbeFixture(options)
    let outcome = try fixture.probe(["fixed-points", "run.h5"])
    #expect(outcome.status == 4 && outcome.error.contains("iteration 4"))
    #expect(outcome.error.contains("position 0, width 3"))
    // The verdicts on what came before are kept.
    let companion = CompanionFile(ofTrace: fixture.trace)
    guard case .integers(let done) = try companion.array("fixed_points", "settling", "iteration")
    else {
      Issue.record("no iterations in the companion file")
      return
    }
    #expect(done.elements == [0, 1, 2, 3])
    #expect(try companion.attribute("status", of: "fixed_points") == .text("incomplete"))
  }

  @Test func saysWhenTheTraceIsNotOfThisMap() throws {
    var options = ProbeFixture.Options()
    options.edited = 6
    let fixture = try ProbeFixture(options)
    let few = ["--starts", "0", "--directions", "0", "--beyond", "1", "--no-svg", "--force"]
    let outcome = try fixture.probe(["fixed-points", "run.h5"] + few)
    #expect(
      outcome.status == 0 && outcome.error.contains("warning: this map takes the last latent"))
    #expect(try fixture.probe(["fixed-points", "run.h5", "--strict"] + few).status == 4)
  }

  @Test func interruptKeepsWhatIsDone() throws {
    var options = ProbeFixture.Options()
    options.positions = 60
    options.iterations = 60
    let fixture = try ProbeFixture(options)
    let outcome = try fixture.probe(
      ["fixed-points", "run.h5", "--example", "all", "--starts", "400", "--json", "--threads", "1"]
    ) { process, errors in
      while process.isRunning, try Data(contentsOf: errors).isEmpty { usleep(2000) }
      usleep(200_000)
      kill(process.processIdentifier, SIGINT)
    }
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(outcome.error.contains("interrupted"))
    #expect(try !report(outcome.output).isComplete)
    #expect(
      try CompanionFile(ofTrace: fixture.trace).attribute("status", of: "fixed_points")
        == .text("incomplete"))
  }
}
