import Asura
import Foundation
import Testing

/// The code of the articles on lenses, attention heads and geometry.
@Suite struct LensExamples {
  /// A trace of a small model, which the examples read.
  private func withTrace(_ body: (TraceReader) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "asura-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let task = try CopyTask()
    var random = Random(seed: 1)
    let batch = try task.makeBatch(length: 4, examples: 6, random: &random)
    let configuration = try ModelConfiguration(
      vocabulary: task.vocabulary.count, channels: task.channels, classes: task.outputs.count,
      width: 16, iterations: 8, attention: AttentionConfiguration(heads: 2),
      mlp: MLPConfiguration(width: 32))
    let model = RecurrentTransformer<Float>(configuration, seed: 1)
    let url = folder.appending(path: "run.h5")
    try TraceCapture(model, on: batch, of: task, iterations: 8).write(to: url)
    try body(TraceReader(url))
  }

  @Test func lenses() throws {
    try withTrace { reader in
      let run = try TracedRun(reader)
      let lens = try LensProbe().run(on: run, iterations: [0, 1, 2, 4, 8], examples: [0, 1])
      if let lens {
        for mean in lens.means { print("t=\(mean.iteration): KL \(mean.divergence) nat") }
        print("position 2 of example 0 changes \(lens.flips(0, 2)) times")
      }

      let examples = Array(0..<run.examples)
      let tuned = try TunedLensFit().run(on: run, iterations: [0, 1, 2, 4, 8], examples: examples)
      if let tuned {
        let means = tuned.means
        print("left: \(means.untuned.value), own \(means.own.value), shared \(means.shared.value)")
        print(tuned.verdict.rawValue)  // untuned, shared or own
      }

      let attribution = try AttributionProbe().run(
        on: run, iterations: [1, 2, 3, 4], examples: [0])
      if let attribution {
        let shares = attribution.means(attribution.direct)[3]
        for (component, share) in zip(attribution.components, shares) { print(component, share) }
        print("sums are off by at most \(attribution.residual)")
      }

      #expect(lens?.means.last?.divergence == 0 && lens?.isComplete == true)
      #expect(tuned?.iterations == [0, 1, 2, 4] && tuned?.heldOut.count == 1)
      #expect(attribution?.isExact == true)
    }
  }

  @Test func attention() throws {
    try withTrace { reader in
      let patterns = try RecordedPatterns(reader)
      let first = KeyGroup("first", examples: 2, positions: 4) { _, position in position == 0 }
      let study = try AttentionProbe(groups: [first]).run(
        on: patterns, iterations: patterns.iterations, examples: [0, 1])
      for head in study?.heads ?? [] {
        if let moment = head.moments.last { print(head.name, moment.kind, moment.entropy) }
      }
      #expect(study?.heads.count == 2 && study?.iterations == Array(1...8))
    }
  }

  @Test func geometry() throws {
    try withTrace { reader in
      let views = try StateViews([reader], sites: ["latent"], iterations: [1, 2, 4, 8])
      let study = try GeometryProbe().run(on: views, runs: ["run"], examples: [0, 1])
      if let study {
        print("CKA of t=1 and t=8: \(study.similarity.cka[[0, 3]])")
        print("dimensions used at t=8: \(study.spectra[3].participationRatio)")
      }
      #expect(study?.views.map(\.iteration) == [1, 2, 4, 8])
      #expect((study?.similarity.cka[[0, 3]]).map { $0 > 0 && $0 <= 1 } == true)
    }
  }
}
