import AsuraTensor
import AsuraTestSupport
import AsuraTrace
import Foundation
import Testing

@Suite struct TraceSliceTests {
  @Test func entriesOfAxesAreReadAlone() throws {
    let trace = try TraceReader(GoldenTests.golden)
    let latent = Fixture.latent(3, as: Float.self)
    let part: Tensor<Float> = try trace.latent(
      iteration: 3, entries: ["batch": 1..<2, "position": 1..<3])
    #expect(part.shape == [1, 2, 4])
    #expect(part.elements == Array(latent.elements[16..<24]))
    let pattern: Tensor<Float> = try trace.pattern(
      block: 2, iteration: 4, entries: ["head": 1..<2, "query": 0..<1])
    let whole = Fixture.pattern(2, 4)
    #expect(pattern.shape == [2, 1, 1, 3])
    #expect(pattern.elements == [9, 10, 11, 27, 28, 29].map { whole.elements[$0] })
    let none: Tensor<Float> = try trace.latent(iteration: 0, entries: ["batch": 1..<1])
    #expect(none.shape == [0, 3, 4])
  }

  @Test func whatIsNotThereIsNamed() throws {
    let trace = try TraceReader(GoldenTests.golden)
    for entries in [["batch": 1..<3], ["batch": -1..<1], ["head": 0..<1]] {
      let error = traceError {
        _ = try trace.latent(iteration: 1, entries: entries, as: Float.self)
      }
      #expect(error?.kind == .notFound, "\(entries)")
    }
  }

  @Test func iterationsStreamInOrder() throws {
    let trace = try TraceReader(GoldenTests.golden)
    var seen: [Int] = []
    try trace.forEachIteration(of: "core.0.attn.pattern", as: Float.self) { iteration, values in
      seen.append(iteration)
      #expect(values == Fixture.pattern(0, iteration))
    }
    #expect(seen == [1, 2, 3, 4])
    seen = []
    try trace.forEachIteration(
      of: "latent", in: [4, 0], entries: ["batch": 0..<1], as: Double.self
    ) { iteration, values in
      seen.append(iteration)
      #expect(values.elements == Array(Fixture.latent(iteration, as: Double.self).elements[..<12]))
    }
    #expect(seen == [4, 0])
  }

  /// Blocks cover every value once, each with its own place.
  @Test(arguments: ["latent", "core.2.attn.pattern", "core.0.mlp.post", "readout.loss"])
  func blocksCoverTheWhole(site name: String) throws {
    try withFolder { folder in
      let packed = folder.appendingPathComponent("packed.h5")
      try TraceRepack(TraceReader(GoldenTests.golden)).write(to: packed)
      for url in [GoldenTests.golden, packed] {
        let trace = try TraceReader(url)
        let site = try trace.site(name)
        var count = 0
        try trace.forEachBlock(of: name, as: Double.self) { block in
          count += block.values.count
          var entries: [String: Range<Int>] = [:]
          for (index, axis) in site.axes.enumerated() {
            let start = block.start[index]
            entries[axis.name] = start..<start + block.values.shape[index + 1]
          }
          for (row, iteration) in block.iterations.enumerated() {
            let expected: Tensor<Double> = try trace.values(
              name, iteration: iteration, entries: entries)
            #expect(block.values[row].isIdentical(to: expected))
          }
        }
        #expect(count == site.count * site.iterations.count)
      }
    }
  }

  @Test func readoutSeriesAreSitesToo() throws {
    let trace = try TraceReader(GoldenTests.golden)
    #expect(trace.readouts.map(\.name) == ["readout.correct", "readout.entropy", "readout.loss"])
    let correct = try trace.site("readout.correct")
    #expect(correct.elements == .uint8 && correct.shape == [2, 3])
    #expect(correct.iterations == [0, 1, 2, 3, 4])
    let loss: Tensor<Double> = try trace.values("readout.loss", iteration: 4)
    let same: Tensor<Double> = try trace.readout(.loss, iteration: 4)
    #expect(loss.isIdentical(to: same))
  }
}
