import AsuraModel
import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import AsuraTrace
import Foundation
import Testing

/// A trace whose latents are given, `[iteration][example, position, width]`, in a folder that goes with it.
private final class LatentFixture {
  let folder: URL
  let reader: TraceReader

  init(_ latents: [Tensor<Double>], tokens: [Int32]? = nil) throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "asura-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let shape = latents[0].shape
    let description = TraceDescription(
      program: "tests",
      sites: [.latent(batch: shape[0], positions: shape[1], width: shape[2])],
      input: TraceInput(tokens: tokens.map { IntegerArray([shape[0], shape[1], 1], $0) }))
    let url = folder.appending(path: "latents.h5")
    let writer = try TraceWriter(
      url, describing: description, storage: TraceStorage(elements: .float64))
    for (t, latent) in latents.enumerated() {
      try writer.append(site: "latent", iteration: t, values: latent)
    }
    try writer.finish()
    reader = try TraceReader(url)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }
}

private func study(
  _ fixtures: [LatentFixture], workers: Int = 2, _ change: (inout GeometryProbe) -> Void = { _ in }
) throws -> GeometryStudy {
  let readers = fixtures.map(\.reader)
  let views = try StateViews(
    readers, sites: ["latent"], iterations: readers[0].site("latent").iterations)
  var probe = GeometryProbe()
  change(&probe)
  let found = try Workers.$current.withValue(Workers(count: workers)) {
    try probe.run(
      on: views, runs: fixtures.indices.map { "run \($0)" },
      examples: Array(views.examples.indices))
  }
  guard let found else { throw ProbeError(.notFound, "no study") }
  return found
}

private func random(_ shape: [Int], seed: UInt64) -> Tensor<Double> {
  var random = Random(seed: seed)
  return .normal(shape, using: &random)
}

@Suite struct GeometryTests {
  /// A turn, a scale and a shift of all points change nothing that is measured.
  @Test func turnedPointsAreTheSame() throws {
    let x = random([40, 3, 6], seed: 1)
    let q = try random([6, 6], seed: 2).qr().q
    var turned = x.reshaped([120, 6]).matmul(q).scaled(by: 3).reshaped([40, 3, 6])
    turned.update { for i in 0..<720 { $0[i] += Double(i % 6) } }
    let found = try study([LatentFixture([x, turned])])
    #expect(found.points == 120 && found.isComplete)
    #expect(abs(found.similarity.cka[[0, 1]] - 1) < 1e-12)
    #expect(abs(found.similarity.debiasedCKA[[0, 1]] - 1) < 1e-12)
    #expect(found.similarity.procrustes[[0, 1]] < 1e-6)
    #expect(found.similarity.procrustes[[1, 1]] == 0)
    let (a, b) = (found.spectra[0], found.spectra[1])
    #expect(abs(a.participationRatio - b.participationRatio) < 1e-9)
    #expect(abs(b.total / a.total - 9) < 1e-9)
  }

  /// Unrelated views of n points in d dimensions: the biased CKA is near d/n and more, the debiased near 0.
  @Test func noiseIsUnlikeNoise() throws {
    let (n, d) = (400, 8)
    let found = try study([
      LatentFixture([random([n, 1, d], seed: 3), random([n, 1, d], seed: 4)])
    ])
    let cka = found.similarity.cka[[0, 1]]
    // E‖XᵀY‖² = n d², and ‖XᵀX‖² ≈ n²d + n d²: their ratio is d/(n + d).
    #expect(abs(cka - Double(d) / Double(n + d)) < 0.01)
    #expect(abs(found.similarity.debiasedCKA[[0, 1]]) < 0.01)
    #expect(found.similarity.procrustes[[0, 1]] > 1)
  }

  /// What NumPy makes of the definitions, point by point, for views of unlike widths.
  @Test func agreesWithTheDefinitions() throws {
    let golden = try Golden("geometry")
    for name in ["wide", "near"] {
      let (x, y) = (try golden["\(name).x"], try golden["\(name).y"])
      let fixtures = try [x, y].map { points in
        // Ten examples, so that several slabs' sums are added up.
        try LatentFixture([points.reshaped([10, points.shape[0] / 10, points.shape[1]])])
      }
      let found = try study(fixtures)
      for (value, key) in [
        (found.similarity.cka, "cka"), (found.similarity.debiasedCKA, "debiased"),
        (found.similarity.procrustes, "procrustes"),
      ] {
        let expected = try golden["\(name).\(key)"].scalar
        #expect(abs(value[[0, 1]] - expected) < 1e-10, "\(name) \(key)")
        #expect(value[[0, 1]] == value[[1, 0]])
      }
      let variances = try golden["\(name).variances"].elements
      #expect(zip(found.spectra[0].variances, variances).allSatisfy { abs($0 - $1) < 1e-10 })
      let (ratio, entropy) = (
        try golden["\(name).participation"].scalar, try golden["\(name).entropy"].scalar
      )
      #expect(abs(found.spectra[0].participationRatio - ratio) < 1e-10)
      #expect(abs(found.spectra[0].entropyDimension - entropy) < 1e-10)
    }
  }

  /// A spectrum that is given: k dimensions of equal variance count as k, and one of nothing as none.
  @Test func effectiveDimensions() {
    let even = ViewSpectrum(variances: [2, 2, 2, 2, 0, 0])
    #expect(even.participationRatio == 4 && abs(even.entropyDimension - 4) < 1e-12)
    #expect(even.components(holding: 0.9) == 4 && even.components(holding: 0.5) == 2)
    let steep = ViewSpectrum(variances: [3, 1])
    #expect(steep.participationRatio == 16.0 / 10)
    #expect(abs(steep.entropyDimension - exp(0.75 * log(4.0 / 3) + 0.25 * log(4))) < 1e-12)
    let none = ViewSpectrum(variances: [0, 0])
    #expect(none.participationRatio == 0 && none.entropyDimension == 0 && none.shares == [0, 0])
    #expect(none.components(holding: 0.9) == 0)
  }

  /// PCA of chosen axes, and the same to the bit for any number of workers.
  @Test func plantedAxes() throws {
    // Points ±a along each axis: variance 2a²/(n − 1) on it.
    let scales = [4.0, 2, 1]
    var points = Tensor<Double>.zeros([6, 1, 3])
    points.update { x in
      for (axis, a) in scales.enumerated() {
        (x[6 * axis + axis], x[6 * axis + 3 + axis]) = (a, -a)
      }
    }
    let middle = [7.0, 8, 9]
    points.update { x in for i in 0..<18 { x[i] += middle[i % 3] } }
    let fixture = try LatentFixture([points])
    let (one, two) = (try study([fixture], workers: 1), try study([fixture], workers: 2))
    for (variance, a) in zip(two.spectra[0].variances, scales) {
      let expected = 2 * a * a / 5
      #expect(abs(variance - expected) < 1e-12)
    }
    #expect(one.spectra[0].variances == two.spectra[0].variances)
    let off = two.spectra[0].directions - .identity(3)
    #expect(off.elements.allSatisfy { abs($0) < 1e-12 })
    #expect(zip(two.spectra[0].mean.elements, middle).allSatisfy { abs($0 - $1) < 1e-12 })
    guard
      case .float64(let stored)? = two.analysis().data.first(where: { $0.name == "components" })?
        .signal.values
    else {
      Issue.record("no components are stored")
      return
    }
    #expect(stored == two.spectra[0].directions.reshaped([1, 3, 3]))
    #expect(two.notes.contains { $0.contains("are few") })
  }

  @Test func twoRuns() throws {
    let (x, y) = (random([50, 2, 4], seed: 5), random([50, 2, 4], seed: 6))
    let (tokens, others) = (
      Array(repeating: Int32(1), count: 100), Array(repeating: Int32(2), count: 100)
    )
    let found = try study([
      LatentFixture([x, y], tokens: tokens), LatentFixture([y, x], tokens: tokens),
    ])
    #expect(found.views.map(\.run) == [0, 0, 1, 1] && found.notes.isEmpty)
    #expect(abs(found.similarity.cka[[0, 3]] - 1) < 1e-12 && found.similarity.cka[[0, 2]] < 0.3)
    #expect(found.reading.contains { $0.contains("run 0 and run 1") })
    let unlike = try study([
      LatentFixture([x], tokens: tokens), LatentFixture([x], tokens: others),
    ])
    #expect(unlike.notes.contains { $0.contains("other tokens") })
  }

  @Test func whatCannotBe() throws {
    let x = random([4, 2, 3], seed: 7)
    let other = try LatentFixture([random([5, 2, 3], seed: 7)])
    let error = #expect(throws: ProbeError.self) { try study([LatentFixture([x]), other]) }
    #expect(error?.kind == .otherModel && error?.message.contains("5 examples × 2") == true)
    #expect(throws: ProbeError.self) {
      try StateViews([other.reader], sites: ["core.0.mlp.post"], iterations: [0])
    }
    var broken = x
    broken.update { $0[8] = .infinity }
    let failed = #expect(throws: ProbeError.self) { try study([LatentFixture([x, broken])]) }
    #expect(failed?.message.contains("example 1 at iteration 1 is inf at position 0") == true)
    // Points that are all one have nothing to be compared.
    let still = try study([LatentFixture([x, .zeros([4, 2, 3])])])
    #expect(still.similarity.cka[[0, 1]].isNaN && still.spectra[1].participationRatio == 0)
    #expect(throws: ProbeError.self) { try study([LatentFixture([.zeros([1, 1, 3])])]) }
    let views = try StateViews([other.reader], sites: ["latent"], iterations: [0])
    let none = try GeometryProbe().run(
      on: views, runs: ["a"], examples: [0], isCancelled: { true })
    #expect(none.map(\.examples) == nil)
    // Points equally far from each other have no shape that could be compared without bias.
    let corners = Tensor<Double>.identity(4).reshaped([4, 1, 4])
    let even = try study([LatentFixture([corners, random([4, 1, 4], seed: 8)])])
    #expect(even.similarity.debiasedCKA.elements.prefix(3).allSatisfy { $0.isNaN })
    #expect(abs(even.similarity.cka[[0, 0]] - 1) < 1e-12)
    let flat = try study([LatentFixture([x])]) { $0.hasProcrustes = false }
    #expect(flat.similarity.procrustes[[0, 0]].isNaN && flat.isComplete)
  }
}
