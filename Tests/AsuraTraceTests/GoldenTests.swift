import AsuraTensor
import AsuraTrace
import Foundation
import Testing

/// The files in `Traces/golden` were written once each and must open for ever: `schema-1.h5` by the first
/// writer, `schema-1-paged.h5` by the one that lays files out to be followed and to outlive a kill.
@Suite struct GoldenTests {
  private static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Traces/golden")
  static let golden = folder.appendingPathComponent("schema-1.h5")
  static let paged = folder.appendingPathComponent("schema-1-paged.h5")

  /// `ASURA_RECORD_GOLDEN=1 swift test --filter GoldenTests` writes the file of the present writer anew, and
  /// fails, so that it never happens unseen.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["ASURA_RECORD_GOLDEN"] != nil))
  func record() throws {
    try Fixture.write(Self.paged, deflate: 1, overwrite: true)
    Issue.record("recorded \(Self.paged.path): look at it, and run again without recording")
  }

  @Test(arguments: [golden, paged]) func opensAndHoldsWhatWasWritten(url: URL) throws {
    let trace = try TraceReader(url)
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
    #expect(try trace.verify().isSound)
    #expect(try Data(contentsOf: url).count < 200_000)
  }
}
