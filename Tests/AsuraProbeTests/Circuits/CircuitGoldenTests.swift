import AsuraModel
import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

/// Gradients of patches against PyTorch's autograd, and paths against its frozen runs, of a trained model.
@Suite struct CircuitGoldenTests {
  private static let metrics: [PatchMetric] = [.logitDifference, .logProbability, .divergence]
  private let golden: Golden

  init() throws { golden = try Golden("circuits") }

  private func compareGradients<S: Scalar>(_: S.Type, _ limit: Double) throws {
    let experiment = try golden.experiment(S.self)
    let methods: [(String, AttributionMethod)] = [
      ("gradient", .gradient), ("integrated", .integratedGradients(steps: 3)),
    ]
    for (label, method) in methods {
      for (name, site, iterations) in [
        ("z", "core.0.attn.z", 1...20), ("pattern", "core.0.attn.pattern", 17...20),
        ("latent", "latent", 1...20), ("embed", "embed", 0...0),
      ] {
        let expected = try golden["\(label).\(name)"].elements
        let sweep = try PatchSweep(
          experiment, sites: [site], iterations: Array(iterations), heads: .each, positions: .each)
        #expect(sweep.patches.count * 2 * 3 == expected.count)
        let scale = expected.map { abs($0) }.max() ?? 0
        var worst = 0.0
        for (i, metric) in Self.metrics.enumerated() {
          try experiment.attribute(sweep.patches, metric: metric, method: method) { cells in
            for cell in cells {
              let change = cell.values[metric] - experiment.base(cell.pair)[metric]
              worst = max(worst, abs(change - expected[(cell.patch * 2 + cell.pair) * 3 + i]))
            }
          }
        }
        #expect(worst < limit * max(1, scale), "\(label) \(name) is off by \(worst) of \(scale)")
        #expect(scale > 0.01)
      }
    }
  }

  @Test func gradientsInDoublePrecision() throws { try compareGradients(Double.self, 1e-9) }
  @Test func gradientsInSinglePrecision() throws { try compareGradients(Float.self, 1e-3) }

  private func place(_ site: BlockSite, _ t: Int, _ head: Int? = nil) -> PatchPlace {
    PatchPlace(.block(.core, index: 0, site), at: t, head: head)
  }

  @Test func paths() throws {
    let experiment = try golden.experiment(Double.self)
    let last = experiment.iterations
    let heads = experiment.model.configuration.attention.heads
    let reads: [BlockSite] = [.q, .k, .v]
    let readers = reads.flatMap { site in (0..<heads).map { (site, $0) } }
    let all: [(String, [PatchPath])] = [
      (
        "heads",
        (0..<heads).flatMap { head in
          readers.map {
            PatchPath(from: place(.z, last - 2, head), to: place($0.0, last - 1, $0.1))
          }
        }
      ),
      (
        "lag",
        readers.map { PatchPath(from: place(.mlpOut, last - 3), to: place($0.0, last - 1, $0.1)) }
      ),
      (
        "mlp",
        (0..<heads).map { PatchPath(from: place(.z, last - 1, $0), to: place(.mlpPre, last - 1)) }
      ),
      (
        "logits",
        (0..<heads).map {
          PatchPath(from: place(.z, last - 1, $0), to: PatchPlace(.logits, at: last))
        }
      ),
    ]
    for (name, paths) in all {
      let expected = try golden["paths.\(name)"].elements
      #expect(expected.count == paths.count * 2 * 3)
      var (worst, moved) = (0.0, 0.0)
      try experiment.run(paths) { cells in
        for cell in cells {
          for (i, metric) in Self.metrics.enumerated() {
            let wanted = expected[(cell.patch * 2 + cell.pair) * 3 + i]
            worst = max(worst, abs(cell.values[metric] - wanted))
            moved = max(moved, abs(wanted - experiment.base(cell.pair)[metric]))
          }
        }
      }
      #expect(worst < 1e-9, "\(name) is off by \(worst)")
      // Some paths matter, or the comparison would be worth nothing.
      #expect(moved > 1e-3, "\(name)")
    }
  }
}
