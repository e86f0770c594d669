import Asura
import Foundation
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// What `--json` prints besides the spectra.
private struct Report: Decodable {
  struct Spectrum: Decodable {
    let eigenvalues: [[Double]]
    let relativeStep: Double
    let iterationsToRest: Int?
    let isSettled: Bool?
  }
  struct Singular: Decodable {
    struct Shape: Decodable {
      let spectralNorm: Double
      let singularValues: [Double]
      let trace: Double?
    }
    let shapes: [Shape]
  }
  struct Modes: Decodable {
    struct Mode: Decodable {
      let kind: String
      let positionNorms: [Double]
    }
    let modes: [Mode]
  }
  struct Lyapunov: Decodable {
    struct One: Decodable { let exponents: [Double] }
    let iterations: [Int]
    let examples: [One]
    let separation: String
  }
  struct Sensitivity: Decodable {
    struct One: Decodable {
      let iteration: Int
      let latentReach: [Int]
    }
    let isExact: Bool
    let iterations: [One]
    let latent: [[Double]]
  }
  let dimension: Int
  let part: String
  let spectra: [Spectrum]
  let meanRadius: [Double]
  let singular: Singular?
  let modes: Modes?
  let lyapunov: Lyapunov?
  let sensitivity: Sensitivity?
  let files: [String]
}

private func report(_ outcome: ProbeFixture.Outcome) throws -> Report {
  #expect(outcome.status == 0, "\(outcome.error)")
  return try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8))
}

@Suite struct ProbeJacobianExtrasTests {
  @Test func everythingAtOnce() throws {
    let fixture = try ProbeFixture()
    let arguments = [
      "jacobian", "run.h5", "--iter", "0...5", "--example", "all", "--singular", "3", "--modes",
      "1",
      "--lyapunov", "2", "--sensitivity",
    ]
    let found = try report(fixture.probe(arguments + ["--json", "-q"]))
    #expect(found.meanRadius.count == 6 && found.part == "whole")
    #expect(found.singular?.shapes.count == 12)
    let shape = try #require(found.singular?.shapes.first)
    #expect(shape.singularValues.count == 3 && shape.spectralNorm == shape.singularValues[0])
    #expect(shape.trace != nil)
    let modes = try #require(found.modes?.modes)
    #expect(!modes.isEmpty && modes.allSatisfy { $0.positionNorms.count == 3 })
    #expect(found.lyapunov?.iterations == [0, 1, 2, 3, 4])
    #expect(found.lyapunov?.examples.map(\.exponents.count) == [2, 2])
    #expect(found.lyapunov?.separation.contains("no targets") == true)
    #expect(found.sensitivity?.iterations.map(\.iteration) == Array(0...5))
    #expect(found.sensitivity?.isExact == true && found.sensitivity?.latent.count == 3)

    let companion = CompanionFile(ofTrace: fixture.trace)
    for (data, name, shape) in [
      ("mean", "spectral_radius", [6]), ("singular", "value", [6, 2, 24]),
      ("shape", "spectral_norm", [6, 2]), ("singular_vectors", "input_profile", [6, 2, 3, 3]),
      ("lyapunov", "exponent", [5, 2, 2]), ("sensitivity", "latent", [6, 3, 3]),
      ("sensitivity", "logits", [6, 3, 3]), ("wave", "latent_reach", [6, 3]),
    ] {
      #expect(try companion.array("jacobian", data, name).shape == shape, "\(data)/\(name)")
    }
    for chart in [
      "radius", "eigenvalues", "singular", "modes", "lyapunov", "wave", "sensitivity",
      "sensitivity-logits",
    ] {
      let data = try Data(contentsOf: fixture.folder.appending(path: "run.jacobian-\(chart).svg"))
      #expect(XMLParser(data: data).parse(), "\(chart)")
    }
    #expect(found.files.count == 9)

    let table = try fixture.probe(arguments + ["--force", "-q"]).output
    for words in [
      "Singular values, means over 2 examples", "Modes at t=5", "Lyapunov exponents",
      "Influence of the input, example 0", "radius: mean",
    ] {
      #expect(table.contains(words), "\(words)")
    }
  }

  @Test func partsOfTheState() throws {
    let fixture = try ProbeFixture()
    let block = try report(
      fixture.probe(["jacobian", "run.h5", "--position", "1", "--json", "-o", "a.h5"]))
    #expect(block.dimension == 8 && block.part == "position 1")
    let plane = try report(
      fixture.probe(["jacobian", "run.h5", "--subspace", "pca:2", "--json", "-o", "b.h5"]))
    #expect(plane.dimension == 2)

    var random = Random(seed: 1)
    try Safetensors.encode([("basis", Tensor<Double>.normal([3, 24], using: &random))])
      .write(to: fixture.folder.appending(path: "basis.safetensors"))
    let span = try report(
      fixture.probe(
        ["jacobian", "run.h5", "--subspace", "basis.safetensors:basis", "--json", "-o", "c.h5"]))
    #expect(span.dimension == 3)
    for (arguments, status) in [
      (["--position", "3"], 3), (["--position", "-1"], 2), (["--subspace", "pca:x"], 2),
      (["--subspace", "pca:99"], 3), (["--subspace", "nonsense"], 2),
      (["--subspace", "basis.safetensors:other"], 5),
      (["--position", "1", "--subspace", "pca:2"], 2), (["--singular", "0"], 2),
      (["--modes", "-2"], 2), (["--lyapunov", "99"], 3), (["--lyapunov", "1", "--iter", "3"], 3),
    ] as [([String], Int32)] {
      let outcome = try fixture.probe(["jacobian", "run.h5", "-o", "d.h5"] + arguments)
      #expect(outcome.status == status, "\(arguments): \(outcome.status) \(outcome.error)")
    }
  }

  @Test func atTheFixedPoint() throws {
    let fixture = try ProbeFixture()
    let arguments = ["jacobian", "run.h5", "--at", "fixed-point", "--json", "--strict"]
    let outcome = try fixture.probe(arguments)
    let found = try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8))
    #expect(found.spectra.count == 1)
    let spectrum = found.spectra[0]
    let isSettled = try #require(spectrum.isSettled as Bool?)
    #expect(isSettled == (spectrum.relativeStep <= 1e-10))
    // A latent that does not come to rest is said to, and fails a strict check.
    #expect(outcome.status == (isSettled ? 0 : 4))
    #expect(isSettled || outcome.error.contains("did not come to rest"))

    var options = ProbeFixture.Options()
    options.isShared = false
    let unshared = try ProbeFixture(options).probe(["jacobian", "run.h5", "--at", "fixed-point"])
    #expect(unshared.status == 3 && unshared.error.contains("unshared"))
  }
}
