import Asura
import Foundation
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// What `--json` prints, as a reader would take it.
private struct Report: Decodable {
  struct Refined: Decodable {
    let differences: [Double]
    let order: Double
    let deviation: Double
  }
  struct Verdict: Decodable {
    let kind: String
  }
  struct Modes: Decodable {
    let eigenvalues: [[Double]]
    let rank: Int
  }
  struct Path: Decodable {
    let example: Int
    let length: Double
    let straightness: Double
    let steps: [Double]
    let cosines: [Double]
    let refinement: Refined?
    let modes: Modes?
    let jacobianEigenvalues: [[Double]]?
    let verdict: Verdict
  }
  struct Depth: Decodable {
    let iterations: Int
    let largestStep: Double
  }
  struct Fit: Decodable {
    let slope: Double
  }
  let examples: [Int]
  let examplesInTrace: Int
  let iterations: [Int]
  let isComplete: Bool
  let paths: [Path]
  let refinementFactors: [Int]?
  let depths: [Depth]?
  let largestStepFit: Fit?
  let mismatch: Double?
  let reading: [String]
  let files: [String]
}

private func report(_ outcome: ProbeFixture.Outcome) throws -> Report {
  #expect(outcome.status == 0, "\(outcome.error)")
  return try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8))
}

@Suite struct ProbeFlowTests {
  private func options(_ change: (inout ProbeFixture.Options) -> Void = { _ in })
    -> ProbeFixture.Options
  {
    var options = ProbeFixture.Options()
    options.iterations = 12
    change(&options)
    return options
  }

  @Test func tableAndReading() throws {
    let fixture = try ProbeFixture(options())
    let outcome = try fixture.probe(["flow", "run.h5"])
    #expect(outcome.status == 0, "\(outcome.error)")
    let lines = outcome.output.split(separator: "\n").map(String.init)
    #expect(lines[0] == "run.h5: 2 examples of 2, 3 positions × width 8, iterations 0…12")
    #expect(lines[1].split(separator: " ").prefix(3) == ["example", "length", "straight"])
    for part in [
      "steps an iteration", "dynamic mode", "Verdict for all 2 examples", "limit flow",
      "principal components",
    ] {
      #expect(outcome.output.contains(part), "\(outcome.output)")
    }
    #expect(outcome.output.contains("run.probe.h5") && !outcome.error.contains("warning"))
    // A replace model's steps do not depend on how many there are.
    #expect(!outcome.output.contains("ΔT") && !fixture.exists("run.flow-depths.svg"))
  }

  @Test func jsonAgreesWithTheLibraryAndTheCompanion() throws {
    let fixture = try ProbeFixture(options())
    let report = try report(
      fixture.probe(["flow", "run.h5", "--json", "--iter", "0...9", "--refine", "1,2,4"]))
    #expect(report.iterations == Array(0...9) && report.examples == [0, 1] && report.isComplete)
    #expect(report.refinementFactors == [1, 2, 4] && report.mismatch! < 1e-5)

    let trace = try TraceReader(fixture.trace)
    let (latents, run) = (try RecordedLatents(trace), try TracedRun(trace))
    for path in report.paths {
      var recorder = PathRecorder()
      for t in 0...9 { recorder.append(try latents.states(iteration: t, examples: [path.example])) }
      let expected = recorder.paths[0]
      #expect(path.steps == expected.steps && path.cosines == expected.cosines)
      #expect(path.length == expected.length && path.straightness == expected.straightness)
      let map = try LatentMap(
        run.model, run.input.selecting([path.example]), of: run.iterations)
      let refinement = try Refinement(
        from: latents.states(iteration: 0, examples: [path.example]), iterations: 9,
        factors: [1, 2, 4]
      ) { _ in map }
      let difference = refinement.systems[0].differences
      #expect(zip(path.refinement!.differences, difference).allSatisfy { abs($0 - $1) < 1e-12 })
      #expect(path.modes!.rank >= 1 && path.jacobianEigenvalues!.count >= 6)
    }

    let companion = CompanionFile(ofTrace: fixture.trace)
    guard case .float64(let steps) = try companion.array("flow", "path", "step_length"),
      case .float64(let scores) = try companion.array("flow", "path", "scores"),
      case .float64(let differences) = try companion.array("flow", "refinement", "difference"),
      case .integers(let verdicts) = try companion.array("flow", "summary", "verdict")
    else {
      Issue.record("the companion file's arrays have other types")
      return
    }
    #expect(steps.shape == [10, 2] && steps[0].elements.allSatisfy(\.isNaN))
    #expect(steps[[4, 1]] == report.paths[1].steps[3])
    #expect(scores.shape == [10, 2, 3])
    #expect(differences.elements == report.paths.flatMap { $0.refinement!.differences })
    let kinds = FlowVerdict.Kind.allCases.map(\.rawValue)
    #expect(verdicts.elements.map { kinds[Int($0)] } == report.paths.map(\.verdict.kind))
  }

  /// A model whose step is 1/T is a flow, is run again with other T, and its steps are as 1/T.
  @Test func stepsOfOneOverT() throws {
    let fixture = try ProbeFixture(
      options {
        $0.update = Update(kind: .euler)
        $0.iterations = 16
      })
    let report = try report(fixture.probe(["flow", "run.h5", "--json"]))
    #expect(report.depths?.map(\.iterations) == [8, 16, 32, 64])
    #expect(abs(report.largestStepFit!.slope + 1) < 0.15)
    #expect(report.paths.allSatisfy { $0.verdict.kind == "flow" })
    #expect(report.paths.allSatisfy { abs($0.refinement!.order - 1) < 0.05 })
    #expect(report.reading.contains { $0.contains("as ΔT ∝ 1/i would have it") })
    #expect(fixture.exists("run.flow-depths.svg"))
  }

  @Test func severalTracesAreCompared() throws {
    let fixtures = try [8, 16, 32].map { count in
      try ProbeFixture(
        options {
          $0.update = Update(kind: .euler)
          $0.iterations = count
        })
    }
    let others = fixtures.dropFirst().map(\.trace.path)
    let report = try report(fixtures[0].probe(["flow", "run.h5", "--json"] + others))
    #expect(report.depths?.map(\.iterations) == [8, 16, 32])
    #expect(abs(report.largestStepFit!.slope + 1) < 0.15)
    let alike = try fixtures[0].probe(["flow", "run.h5", "run.h5", "--force"])
    #expect(alike.status == 3 && alike.error.contains("8 iterations"))
    let both = try fixtures[0].probe(["flow", "run.h5", others[0], "--depths", "4,8", "--force"])
    #expect(both.status == 2)
  }

  @Test func chartsAreWellFormed() throws {
    let fixture = try ProbeFixture(options())
    let arguments = ["flow", "run.h5", "--svg", "plots", "-q", "--depths", "6,12,24"]
    #expect(try fixture.probe(arguments).status == 0)
    for name in ["steps", "path", "eigenvalues", "refinement", "depths"] {
      let file = fixture.folder.appending(path: "plots/flow-\(name).svg")
      let data = try Data(contentsOf: file)
      #expect(XMLParser(data: data).parse(), "\(name)")
      #expect(!String(decoding: data, as: UTF8.self).contains("No data"), "\(name)")
    }
    #expect(try fixture.probe(arguments).status == 2)
    let none = ["flow", "run.h5", "-o", "b.h5", "--no-svg", "--refine", "none"]
    let bare = try report(fixture.probe(none + ["--json"]))
    #expect(bare.refinementFactors == nil && bare.files.count == 1)
  }

  /// Without the model there is still the path.
  @Test func tracesWithoutWeights() throws {
    let fixture = try ProbeFixture(options { $0.hasWeights = false })
    let outcome = try fixture.probe(["flow", "run.h5"])
    #expect(outcome.status == 0 && outcome.output.contains("The model is not at hand"))
    #expect(!outcome.output.contains("from flow") && !fixture.exists("run.flow-refinement.svg"))
    let alone = try report(fixture.probe(["flow", "run.h5", "--json", "--force"]))
    let with = try report(
      fixture.probe(["flow", "run.h5", "--json", "--force", "--model", "model.safetensors"]))
    #expect(alone.paths.map(\.steps) == with.paths.map(\.steps))
    #expect(alone.paths.allSatisfy { $0.refinement == nil && $0.jacobianEigenvalues == nil })
    #expect(with.paths.allSatisfy { $0.refinement != nil && $0.modes != nil })

    let configuration = try RecurrentTransformer<Float>(contentsOf: fixture.model).configuration
    try RecurrentTransformer<Float>(configuration, seed: 5)
      .save(to: fixture.folder.appending(path: "other.safetensors"))
    let other = try fixture.probe(
      ["flow", "run.h5", "--model", "other.safetensors", "-o", "x.h5"])
    #expect(other.status == 2 && other.error.contains("hash") && !fixture.exists("x.h5"))
  }

  @Test func refusesWhatIsNotThere() throws {
    let fixture = try ProbeFixture(options())
    func outcome(_ arguments: String...) throws -> (Int32, String) {
      let outcome = try fixture.probe(["flow", "run.h5"] + arguments)
      return (outcome.status, outcome.error)
    }
    #expect(try outcome("--iter", "13...20").0 == 3)
    #expect(try outcome("--iter", "5...20").0 == 2)
    let gap = try outcome("--iter", "0...12:3")
    #expect(gap.0 == 2 && gap.1.contains("consecutive"))
    let few = try outcome("--iter", "0...2")
    #expect(few.0 == 2 && few.1.contains("at least 4"))
    #expect(try outcome("--example", "2").0 == 3)
    for bad in ["2,4", "1,2,3", "1", "x", "1,,2", "0,0"] {
      #expect(try outcome("--refine", bad).0 == 2, "\(bad)")
    }
    #expect(try outcome("--components", "0").0 == 2)
    #expect(try outcome("--rank", "0").0 == 2)
    #expect(try outcome("--depths", "8,-1").0 == 2)
    #expect(!fixture.exists("run.probe.h5"))
    #expect(try fixture.probe(["flow", "nothing.h5"]).status == 5)
    #expect(try fixture.probe(["flow"]).status == 2)
    // A trace that skips iterations is incomplete for this.
    let sparse = try ProbeFixture(options { $0.keeping = [0, 2, 4, 6, 8] })
    let skipped = try sparse.probe(["flow", "run.h5"])
    #expect(skipped.status == 5 && skipped.error.contains("from iteration 0 to 2"))
  }

  @Test func namesWhatIsNotFinite() throws {
    let fixture = try ProbeFixture(options { $0.notANumber = 8 })
    let outcome = try fixture.probe(["flow", "run.h5"])
    #expect(outcome.status == 4 && outcome.error.contains("iteration 8"))
    #expect(outcome.error.contains("position 0, width 3"))
    // What came before is kept.
    let companion = CompanionFile(ofTrace: fixture.trace)
    guard case .integers(let done) = try companion.array("flow", "path", "iteration") else {
      Issue.record("no iterations in the companion file")
      return
    }
    #expect(done.elements == Array(0...7))
    #expect(try companion.attribute("status", of: "flow") == .text("incomplete"))
    let early = try ProbeFixture(options { $0.notANumber = 2 })
    let nothing = try early.probe(["flow", "run.h5"])
    #expect(nothing.status == 4 && !early.exists("run.probe.h5"))
  }

  @Test func saysWhenTheTraceIsNotOfThisMap() throws {
    let fixture = try ProbeFixture(options { $0.edited = 4 })
    let outcome = try fixture.probe(["flow", "run.h5"])
    #expect(outcome.status == 0 && outcome.error.contains("warning: the model's map leads"))
    #expect(try fixture.probe(["flow", "run.h5", "--strict", "--force"]).status == 4)
  }

  @Test func unsharedModels() throws {
    let fixture = try ProbeFixture(options { $0.isShared = false })
    let report = try report(fixture.probe(["flow", "run.h5", "--json"]))
    #expect(report.mismatch! < 1e-5)
    // No map takes the last latent on.
    #expect(report.paths.allSatisfy { $0.refinement != nil && $0.jacobianEigenvalues == nil })
  }

  @Test func interruptKeepsWhatIsDone() throws {
    let fixture = try ProbeFixture(
      options {
        $0.positions = 100
        $0.iterations = 40
      })
    let outcome = try fixture.probe(
      ["flow", "run.h5", "--json", "--threads", "1", "--refine", "1,8,64,512"]
    ) { process, errors in
      // Once it refines, the path is known.
      while process.isRunning,
        !String(decoding: try Data(contentsOf: errors), as: UTF8.self).contains("refining")
      { usleep(2000) }
      kill(process.processIdentifier, SIGINT)
    }
    #expect(outcome.error.contains("interrupted"))
    let report = try report(outcome)
    #expect(!report.isComplete && report.iterations == Array(0...40))
    #expect(
      try CompanionFile(ofTrace: fixture.trace).attribute("status", of: "flow")
        == .text("incomplete"))
  }
}
