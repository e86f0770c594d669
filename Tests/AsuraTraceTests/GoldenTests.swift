import AsuraTensor
import AsuraTrace
import Foundation
import Testing

/// `Traces/golden/schema-1.h5` was written once and must open for ever.
@Suite struct GoldenTests {
  static let golden = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Traces/golden/schema-1.h5")

  /// `ASURA_RECORD_GOLDEN=1 swift test --filter GoldenTests` writes the file anew, and fails, so
  /// that it never happens unseen.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["ASURA_RECORD_GOLDEN"] != nil))
  func record() throws {
    try Fixture.write(Self.golden, overwrite: true)
    Issue.record("recorded \(Self.golden.path): look at it, and run again without recording")
  }

  @Test func opensAndHoldsWhatWasWritten() throws {
    let trace = try TraceReader(Self.golden)
    #expect(trace.status == .complete)
    #expect(trace.committedIterations == 5)
    for t in 0...4 {
      #expect(try trace.latent(iteration: t) == Fixture.latent(t, as: Float.self))
      #expect(try trace.values("logits", iteration: t) == Fixture.logits(t))
    }
    #expect(try trace.pattern(block: 2, iteration: 3) == Fixture.pattern(2, 3))
    #expect(try trace.values("core.0.mlp.post", iteration: 2) == Fixture.activation(2))
    #expect(try trace.input() == Fixture.description.input)
    #expect(try trace.configuration() == Fixture.description.model.configuration)
    #expect(try trace.weightNames() == ["core.0.w", "scale"])
    #expect(try trace.summary().series.count == 3)
    #expect(try Data(contentsOf: Self.golden).count < 200_000)
  }
}
