import AsuraTensor
import AsuraTestSupport
import AsuraTrace
import Foundation
import Testing

@Suite struct RepackTests {
  @Test(arguments: [0, 1], [256 << 20, 1])
  func theContentIsTheSame(deflate: Int, memory: Int) throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      let original = try TraceReader(GoldenTests.golden)
      var repack = TraceRepack(original, deflate: deflate)
      repack.memory = memory
      var last = (bytes: 0, total: 0)
      try repack.write(to: url) { last = ($0, $1) }
      #expect(last.total > 0 && last.bytes == last.total)
      #expect(try names(in: folder) == ["a.h5"])
      let trace = try TraceReader(url)
      #expect(try TraceComparison(original, trace).isEqual)
      #expect(trace.sites == original.sites && trace.readouts == original.readouts)
      #expect(try trace.input() == Fixture.description.input)
      #expect(trace.endTime == original.endTime && trace.commandLine == original.commandLine)
      #expect(try trace.summary().series["latent_norm"] == original.summary().series["latent_norm"])
      #expect(try trace.verify().isSound)
    }
  }

  /// All iterations of one example lie together, in chunks that hold many positions.
  @Test func trajectoriesLieTogether() throws {
    try withFolder { folder in
      let (a, b) = (folder.appendingPathComponent("a.h5"), folder.appendingPathComponent("b.h5"))
      let (count, positions, width) = (20, 600, 64)
      let site = TraceSite.latent(batch: 3, positions: positions, width: width)
      let writer = try TraceWriter(a, describing: TraceDescription(program: "t", sites: [site]))
      for t in 0..<count {
        try writer.append(
          site: "latent", iteration: t,
          values: Tensor<Float>(
            [3, positions, width], (0..<3 * positions * width).map { Float($0 + t) }))
      }
      try writer.finish()
      try TraceRepack(TraceReader(a)).write(to: b)
      let trace = try TraceReader(b)
      #expect(try TraceComparison(TraceReader(a), trace).isEqual)
      var blocks = 0
      try trace.forEachBlock(of: "latent", as: Float.self) { block in
        blocks += 1
        #expect(block.iterations.count == count)
        #expect(block.values.shape[1] == 1 && block.values.shape[3] == width)
        #expect(block.values.count <= 1 << 18 && block.values.shape[2] >= 120)
      }
      // 600 positions of 20 iterations are 3 MB.
      #expect(blocks == 3 * 3)
    }
  }

  @Test func whatCannotBeRepackedLeavesNoFile() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      let writer = try TraceWriter(url, describing: Fixture.description)
      try Fixture.feed(writer, 0...2)
      let copy = folder.appendingPathComponent("copy.h5")
      try FileManager.default.copyItem(
        at: folder.appendingPathComponent("a.h5.partial"), to: copy)
      try writer.finish()
      let target = folder.appendingPathComponent("b.h5")
      let error = traceError { try TraceRepack(TraceReader(copy)).write(to: target) }
      #expect(error?.kind == .misuse && error?.advice.contains("recover") == true)
      struct Stop: Error {}
      #expect(throws: Stop.self) {
        try TraceRepack(TraceReader(url)).write(to: target) { _, _ in throw Stop() }
      }
      try Data("precious".utf8).write(to: target)
      #expect(traceError { try TraceRepack(TraceReader(url)).write(to: target) }?.kind == .exists)
      #expect(try names(in: folder) == ["a.h5", "b.h5", "copy.h5"])
      #expect(try Data(contentsOf: target) == Data("precious".utf8))
    }
  }
}
