import AsuraTensor
import AsuraTestSupport
import AsuraTrace
import Foundation
import Testing

@Suite struct VerifyTests {
  @Test(arguments: [0, 1]) func aSoundTraceIsSound(deflate: Int) throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      try Fixture.write(url, deflate: deflate)
      var last = (bytes: 0, total: 0)
      let result = try TraceReader(url).verify { last = ($0, $1) }
      #expect(result.isSound && result.findings.isEmpty, "\(result.findings)")
      // Latents, patterns, logits and activations of the fixture, at least.
      #expect(result.bytes > 4 * (5 * 24 + 4 * 2 * 36 + 5 * 18 + 2 * 12))
      #expect(last.bytes == last.total && last.total == result.bytes)
    }
    #expect(try TraceReader(GoldenTests.golden).verify().isSound)
  }

  /// The first damaged chunk is named with its place in the file, which is where the bit was turned.
  @Test func damageIsNamedWithItsPlace() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      try Fixture.write(url)
      var bytes = try Data(contentsOf: url)
      let stored = Fixture.latent(2, as: Float.self).elements.withUnsafeBytes { Data($0) }
      let place = try #require(bytes.range(of: stored))
      bytes[place.lowerBound + 9] ^= 4
      try bytes.write(to: url)
      let result = try TraceReader(url).verify()
      #expect(result.findingCount == 1 && result.isDamaged, "\(result.findings)")
      let finding = try #require(result.findings.first)
      #expect(finding.kind == .chunk && finding.path == "/run/latent/latent")
      #expect(finding.chunk == 2 && finding.iteration == 2)
      #expect(finding.offset == place.lowerBound)
      #expect(finding.message.contains("checksum"))
    }
  }

  @Test func valuesThatAreNotFiniteAreFound() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      let site = TraceSite.latent(batch: 1, positions: 2, width: 2)
      let scores = TraceSite(
        "core.0.attn.scores", axes: [.init("batch", 1), .init("query", 1), .init("key", 2)])
      let writer = try TraceWriter(
        url, describing: TraceDescription(program: "t", sites: [site, scores]))
      for t in 0...2 {
        let values: [Float] = t == 1 ? [0, 1, .nan, .infinity] : [0, 1, 2, 3]
        try writer.append(site: "latent", iteration: t, values: Tensor([1, 2, 2], values))
        // Attention may hide keys.
        try writer.append(
          site: "core.0.attn.scores", iteration: t,
          values: Tensor<Float>([1, 1, 2], [-.infinity, 1]))
      }
      try writer.finish()
      let result = try TraceReader(url).verify()
      #expect(result.findingCount == 1 && !result.isDamaged)
      let finding = try #require(result.findings.first)
      #expect(finding.kind == .notFinite && finding.path == "/run/latent/latent")
      #expect(finding.iteration == 1)
      #expect(finding.message.contains("nan at [1, 0, 1, 0], the first of 2"))
    }
  }

  @Test func unfinishedTracesAreIncomplete() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      let writer = try TraceWriter(url, describing: Fixture.description)
      try Fixture.feed(writer, 0...2)
      try writer.abandon(reason: "the disk is full")
      let result = try TraceReader(url).verify()
      #expect(result.findings.map(\.kind) == [.incomplete])
      #expect(result.findings[0].message.contains("the disk is full"))
      #expect(result.isDamaged)
    }
  }

  @Test func contradictionsAreFound() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      try Fixture.write(url)
      try TraceDamageTests.edit(url) { root in
        try root.group("run").setAttribute("iterations", 2)
      }
      let result = try TraceReader(url).verify()
      #expect(result.findings.map(\.kind) == [.schema], "\(result.findings)")
    }
  }

  @Test func chunksThatWereNeverWrittenAreMissing() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      try Fixture.write(url)
      try TraceDamageTests.edit(url) { root in
        // Cut off and grown again: rows without chunks.
        let latent = try root.group("run").group("latent").dataset("latent")
        try latent.resize(firstAxisTo: 3)
        try latent.resize(firstAxisTo: 5)
      }
      let result = try TraceReader(url).verify()
      let missing = try #require(result.findings.first { $0.kind == .missing })
      #expect(missing.path == "/run/latent/latent")
      #expect(missing.message.contains("2 of 5 chunks"))
      #expect(
        result.findings.contains { $0.kind == .notFinite && $0.iteration == 3 },
        "\(result.findings)")
    }
  }
}
