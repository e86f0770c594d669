import Asura
import Foundation
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// What `--json` prints, as a reader would take it.
private struct Report: Decodable {
  struct Spectrum: Decodable {
    let iteration: Int
    let example: Int
    let spectralRadius: Double
    let outsideUnitCircle: Int
    let eigenvalues: [[Double]]
    let residual: Double
    let relativeStep: Double
    let mismatch: Double?
    let converged: Bool
  }
  let method: String
  let dimension: Int
  let examples: [Int]
  let examplesInTrace: Int
  let iterations: [Int]
  let isComplete: Bool
  let spectra: [Spectrum]
  let reading: [String]
  let files: [String]
}

private func report(_ text: String) throws -> Report {
  try JSONDecoder().decode(Report.self, from: Data(text.utf8))
}

@Suite struct ProbeJacobianTests {
  @Test func tableAndReading() throws {
    let fixture = try ProbeFixture()
    let outcome = try fixture.probe(["jacobian", "run.h5", "--iter", "1...5"])
    #expect(outcome.status == 0, "\(outcome.error)")
    let lines = outcome.output.split(separator: "\n").map(String.init)
    #expect(lines[0] == "run.h5: example 0 of 2, 3 positions × width 8, all 24 eigenvalues")
    #expect(lines[1].split(separator: " ").prefix(2) == ["t", "radius"])
    let rows = lines.filter { Int($0.split(separator: " ").first ?? "") != nil }
    #expect(rows.compactMap { Int($0.split(separator: " ")[0]) } == [1, 2, 3, 4, 5])
    #expect(outcome.output.contains("The spectral radius is"))
    #expect(outcome.output.contains("run.probe.h5"))
    #expect(!outcome.error.contains("warning"))
  }

  @Test func jsonAgreesWithTheLibraryAndTheCompanion() throws {
    let fixture = try ProbeFixture()
    let outcome = try fixture.probe(
      ["jacobian", "run.h5", "--iter", "0...6:2", "--example", "all", "--json"])
    #expect(outcome.status == 0, "\(outcome.error)")
    let report = try report(outcome.output)
    #expect(report.method == "dense" && report.dimension == 24 && report.isComplete)
    #expect(report.examples == [0, 1] && report.examplesInTrace == 2)
    #expect(report.iterations == [0, 2, 4, 6] && report.spectra.count == 8)

    let run = try TracedRun(TraceReader(fixture.trace))
    for spectrum in report.spectra {
      let expected = try JacobianSpectrum.dense(
        of: run.latentMap(examples: [spectrum.example], at: spectrum.iteration),
        at: run.latent(iteration: spectrum.iteration, example: spectrum.example)
          .reshaped([1, 24]))
      #expect(spectrum.eigenvalues == expected.eigenvalues.map { [$0.real, $0.imaginary] })
      #expect(spectrum.spectralRadius == expected.spectralRadius)
      #expect(spectrum.residual < 1e-13 && spectrum.converged)
      // The recorded run is in 32 bits; iteration 7 was not recorded.
      #expect(spectrum.iteration == 6 ? spectrum.mismatch == nil : spectrum.mismatch! < 1e-5)
    }

    let companion = CompanionFile(ofTrace: fixture.trace)
    #expect(try companion.names() == ["jacobian"])
    guard case .float64(let radii) = try companion.array("jacobian", "summary", "spectral_radius"),
      case .float64(let real) = try companion.array("jacobian", "spectrum", "real"),
      case .float64(let imaginary) = try companion.array("jacobian", "spectrum", "imaginary"),
      case .integers(let iterations) = try companion.array("jacobian", "summary", "iteration")
    else {
      Issue.record("the companion file's arrays have other types")
      return
    }
    #expect(iterations.elements == [0, 2, 4, 6])
    #expect(radii.shape == [4, 2] && radii.elements == report.spectra.map(\.spectralRadius))
    #expect(real.shape == [4, 2, 24])
    #expect(real.elements == report.spectra.flatMap { $0.eigenvalues.map { $0[0] } })
    #expect(imaginary.elements == report.spectra.flatMap { $0.eigenvalues.map { $0[1] } })
  }

  @Test func leadingOnesAreTheFirstOfAll() throws {
    let fixture = try ProbeFixture()
    let all = try report(
      fixture.probe(["jacobian", "run.h5", "--all", "--json", "-o", "all.h5"]).output)
    let top = try report(
      fixture.probe(["jacobian", "run.h5", "--top", "3", "--json", "-o", "top.h5"]).output)
    #expect(top.method == "leading" && top.iterations == all.iterations && all.spectra.count == 7)
    for (a, b) in zip(all.spectra, top.spectra) {
      #expect((3...4).contains(b.eigenvalues.count))
      for (x, y) in zip(a.eigenvalues, b.eigenvalues) {
        #expect(abs(x[0] - y[0]) + abs(abs(x[1]) - abs(y[1])) < 1e-9)
      }
    }
    #expect(fixture.exists("all.h5") && fixture.exists("top.h5") && !fixture.exists("run.probe.h5"))
  }

  @Test func chartsAreWellFormed() throws {
    let fixture = try ProbeFixture()
    let arguments = ["jacobian", "run.h5", "--iter", "1...6", "--svg", "plots/deep", "-q"]
    #expect(try fixture.probe(arguments).status == 0)
    for name in ["jacobian-radius.svg", "jacobian-eigenvalues.svg"] {
      let data = try Data(contentsOf: fixture.folder.appending(path: "plots/deep/\(name)"))
      #expect(XMLParser(data: data).parse(), "\(name)")
    }
    #expect(!fixture.exists("run.jacobian-radius.svg"))
    // What exists is kept unless --force says otherwise.
    let again = try fixture.probe(arguments)
    #expect(again.status == 2 && again.error.contains("--force"))
    #expect(try fixture.probe(arguments + ["--force"]).status == 0)
    // Beside the companion file when no folder is named.
    let short = ["jacobian", "run.h5", "--iter", "1", "-q"]
    #expect(try fixture.probe(short + ["-o", "a.probe.h5"]).status == 0)
    #expect(fixture.exists("a.jacobian-radius.svg"))
    #expect(fixture.exists("a.jacobian-eigenvalues.svg"))
    #expect(try fixture.probe(short + ["-o", "b.h5", "--no-svg"]).status == 0)
    #expect(fixture.exists("b.h5") && !fixture.exists("b.jacobian-radius.svg"))
    #expect(try fixture.probe(short + ["--no-svg", "--svg", "plots"]).status == 2)
  }

  @Test func readsTheModelFromElsewhere() throws {
    var options = ProbeFixture.Options()
    options.hasWeights = false
    let fixture = try ProbeFixture(options)
    let without = try fixture.probe(["jacobian", "run.h5"])
    #expect(without.status == 5 && without.error.contains("--model"))
    let with = try fixture.probe(["jacobian", "run.h5", "--model", "model.safetensors"])
    #expect(with.status == 0, "\(with.error)")

    // The same configuration, other weights.
    let configuration = try RecurrentTransformer<Float>(contentsOf: fixture.model).configuration
    try RecurrentTransformer<Float>(configuration, seed: 5)
      .save(to: fixture.folder.appending(path: "other.safetensors"))
    let other = try fixture.probe(
      ["jacobian", "run.h5", "--model", "other.safetensors", "-o", "x.h5"])
    #expect(other.status == 2 && other.error.contains("hash") && !fixture.exists("x.h5"))
  }

  @Test func refusesWhatIsNotThere() throws {
    let fixture = try ProbeFixture()
    func outcome(_ arguments: String...) throws -> (Int32, String) {
      let outcome = try fixture.probe(["jacobian", "run.h5"] + arguments)
      return (outcome.status, outcome.error)
    }
    #expect(try outcome("--iter", "7...9").0 == 3)
    #expect(try outcome("--iter", "5...9").0 == 2)
    #expect(try outcome("--iter", "5...1").0 == 2)
    #expect(try outcome("--iter", "abc").0 == 2)
    #expect(try outcome("--example", "2").0 == 3)
    #expect(try outcome("--example", "x").0 == 2)
    #expect(try outcome("--top", "0").0 == 2)
    #expect(try outcome("--top", "3", "--all").0 == 2)
    #expect(try outcome("--tolerance", "-1").0 == 2)
    #expect(try outcome("-o", "missing/x.h5").0 == 1)
    #expect(!fixture.exists("run.probe.h5"))
    #expect(try fixture.probe(["jacobian", "nothing.h5"]).status == 5)
    try Data("no trace".utf8).write(to: fixture.folder.appending(path: "foreign.h5"))
    #expect(try fixture.probe(["jacobian", "foreign.h5"]).status == 5)
  }

  @Test func namesWhatIsNotFinite() throws {
    var options = ProbeFixture.Options()
    options.notANumber = 4
    let fixture = try ProbeFixture(options)
    let outcome = try fixture.probe(["jacobian", "run.h5"])
    #expect(outcome.status == 4 && outcome.error.contains("iteration 4"))
    #expect(outcome.error.contains("position 0, width 3"))
    // What was done by then is kept; z_3 is compared with the latent after it.
    let companion = CompanionFile(ofTrace: fixture.trace)
    guard case .integers(let done) = try companion.array("jacobian", "summary", "iteration") else {
      Issue.record("no iterations in the companion file")
      return
    }
    #expect(done.elements.starts(with: [0, 1, 2]) && !done.elements.contains(4))
    #expect(try companion.attribute("status", of: "jacobian") == .text("incomplete"))
    #expect(try fixture.probe(["jacobian", "run.h5", "--iter", "0...2", "--force"]).status == 0)
    let alone = try fixture.probe(["jacobian", "run.h5", "--iter", "4", "-o", "x.h5"])
    #expect(alone.status == 4 && !fixture.exists("x.h5"))
  }

  @Test func stepsAreOfTheWholeRunHoweverLittleIsKept() throws {
    var options = ProbeFixture.Options()
    options.update = Update(kind: .euler)
    options.keeping = [0, 1, 3, 4]
    let fixture = try ProbeFixture(options)
    #expect(try TraceReader(fixture.trace).iterations == 6)
    let report = try report(fixture.probe(["jacobian", "run.h5", "--json"]).output)
    #expect(report.iterations == [0, 1, 3, 4])
    // z_1 and z_4 are what the map makes of z_0 and z_3 only if its step is 1/6.
    #expect(report.spectra[0].mismatch! < 1e-5 && report.spectra[2].mismatch! < 1e-5)

    options.saysIterations = false
    let silent = try ProbeFixture(options).probe(["jacobian", "run.h5"])
    #expect(silent.status == 5 && silent.error.contains("iterations"))
  }

  @Test func saysWhenTheTraceIsNotOfThisMap() throws {
    var options = ProbeFixture.Options()
    options.edited = 4
    let fixture = try ProbeFixture(options)
    let outcome = try fixture.probe(["jacobian", "run.h5"])
    #expect(outcome.status == 0 && outcome.error.contains("warning: this map takes z_"))
    #expect(try fixture.probe(["jacobian", "run.h5", "--strict", "--force"]).status == 4)
  }

  @Test func unsharedCoresEndBeforeTheLastLatent() throws {
    var options = ProbeFixture.Options()
    options.isShared = false
    let fixture = try ProbeFixture(options)
    let all = try report(fixture.probe(["jacobian", "run.h5", "--json"]).output)
    #expect(all.iterations == Array(0...5))
    #expect(all.spectra.allSatisfy { $0.mismatch! < 1e-5 })
    let last = try fixture.probe(["jacobian", "run.h5", "--iter", "6", "--force"])
    #expect(last.status == 3 && last.error.contains("unshared"))
  }

  @Test func readsATraceThatEndsEarly() throws {
    var options = ProbeFixture.Options()
    options.isFinished = false
    let fixture = try ProbeFixture(options)
    let partial = try FileManager.default.contentsOfDirectory(atPath: fixture.folder.path)
      .filter { $0.hasPrefix("run.h5") }
    let outcome = try fixture.probe(["jacobian", partial[0], "--iter", "0...2"])
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(outcome.output.contains("incomplete"))
  }

  @Test func interruptKeepsWhatIsDone() throws {
    var options = ProbeFixture.Options()
    options.positions = 100
    options.iterations = 60
    let fixture = try ProbeFixture(options)
    let outcome = try fixture.probe(
      ["jacobian", "run.h5", "--all", "--json", "--threads", "1"]
    ) { process, errors in
      // Once it has told of a spectrum, at least one is done.
      while process.isRunning, try Data(contentsOf: errors).isEmpty { usleep(2000) }
      kill(process.processIdentifier, SIGINT)
    }
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(outcome.error.contains("interrupted"))
    let report = try report(outcome.output)
    #expect(!report.isComplete && (1..<61).contains(report.iterations.count))
    guard
      case .integers(let stored) = try CompanionFile(ofTrace: fixture.trace)
        .array("jacobian", "summary", "iteration")
    else {
      Issue.record("no iterations in the companion file")
      return
    }
    #expect(stored.elements.map { Int($0) } == report.iterations)
    #expect(
      try CompanionFile(ofTrace: fixture.trace).attribute("status", of: "jacobian")
        == .text("incomplete"))
  }
}
