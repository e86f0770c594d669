import AsuraTensor
import AsuraTrace
import Foundation
import Testing

@Suite struct TraceRoundTripTests {
  @Test(arguments: [0, 1]) func everythingComesBack(deflate: Int) throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      try Fixture.write(url, deflate: deflate)
      #expect(try names(in: folder) == ["a.h5"])
      let trace = try TraceReader(url)
      #expect(trace.status == .complete)
      #expect(trace.program == "tests 1.0")
      #expect(trace.commandLine == "tests --all")
      #expect(trace.committedIterations == 5)
      #expect(trace.lastIteration == 4)
      #expect(trace.startTime != nil && trace.endTime != nil)
      #expect(
        trace.sites.map(\.name) == [
          "core.0.attn.pattern", "core.0.mlp.post", "core.2.attn.pattern", "latent", "logits",
        ])
      #expect(try trace.site("latent").iterations == [0, 1, 2, 3, 4])
      #expect(try trace.site("core.2.attn.pattern").iterations == [1, 2, 3, 4])
      let activation = try trace.site("core.0.mlp.post")
      #expect(activation.iterations == [2, 4])
      #expect(activation.axes.last == TraceAxis("feature", [5, 9]))
      #expect(activation.unit == "V")
      #expect(activation.elements == .float32)
      for t in 0...4 {
        #expect(try trace.latent(iteration: t) == Fixture.latent(t, as: Float.self))
        #expect(try trace.latent(iteration: t) == Fixture.latent(t, as: Double.self))
        #expect(try trace.values("logits", iteration: t) == Fixture.logits(t))
      }
      for t in 1...4 {
        for block in [0, 2] {
          #expect(try trace.pattern(block: block, iteration: t) == Fixture.pattern(block, t))
        }
      }
      #expect(try trace.values("core.0.mlp.post", iteration: 4) == Fixture.activation(4))
      #expect(try trace.neighbours() == nil)
    }
  }

  @Test func modelAndInputComeBack() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      try Fixture.write(url)
      let trace = try TraceReader(url)
      #expect(try trace.configuration() == #"{"width": 4}"#)
      #expect(try trace.weightsHash() == "sha256:00")
      #expect(try trace.weightNames() == ["core.0.w", "scale"])
      guard case .float32(let weight) = try trace.weight("core.0.w"),
        case .float64(let scale) = try trace.weight("scale")
      else {
        Issue.record("weights changed their type")
        return
      }
      #expect(weight == Tensor([2, 3], [0, 1, 2, 3, 4, 5]))
      #expect(scale.shape == [] && scale.scalar == 0.1)
      #expect(try trace.input() == Fixture.description.input)
      #expect(try trace.factNames() == ["carry", "kind"])
    }
  }

  @Test func gridsKeepTheirRows() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      var description = Fixture.description
      #expect(description.input.rows == 1)
      description.input.rows = 3
      try TraceWriter(url, describing: description).finish()
      #expect(try TraceReader(url).input() == description.input)
      description.input.rows = 2
      #expect(throws: TraceError.self) {
        try TraceWriter(folder.appendingPathComponent("b.h5"), describing: description)
      }
    }
  }

  @Test func seriesHaveTheirClosedForms() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      try Fixture.write(url)
      let trace = try TraceReader(url)
      let summary = try trace.summary()
      #expect(summary.iterations == [0, 1, 2, 3, 4])
      let norm = (24.0 * 25 * 49 / 6).squareRoot() / 8  // Σi² = n(n+1)(2n+1)/6
      #expect(summary.series["relative_step"]?[0].isNaN == true)
      #expect(summary.series["readout_change"]?[0].isNaN == true)
      for t in 1...4 {
        #expect(abs(summary.series["relative_step"]![t] - 1 / Double(t + 1)) < 1e-12)
        #expect(abs(summary.series["latent_norm"]![t] - Double(t + 1) * norm) < 1e-9)
        #expect(abs(summary.series["readout_change"]![t] - 0.25) < 1e-7)
      }
      let loss = try trace.readout(.loss, iteration: 4, as: Double.self)
      let expected = [2, 1, 2, 2, 1].map { $0 * log(2.0) }
      for (a, b) in zip(loss.elements, expected) { #expect(abs(a - b) < 1e-6) }
      #expect(loss.elements[5].isNaN)
      #expect(
        try trace.readout(.correct, iteration: 4, as: Float.self).elements == [0, 1, 0, 0, 1, 0])
      for entropy in try trace.readout(.entropy, iteration: 3, as: Double.self).elements {
        #expect(abs(entropy - 1.5 * log(2.0)) < 1e-6)
      }
    }
  }

  @Test func doublesCanBeKept() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      let site = TraceSite.latent(batch: 1, positions: 1, width: 2)
      let writer = try TraceWriter(
        url, describing: TraceDescription(program: "t", sites: [site]),
        storage: TraceStorage(elements: .float64))
      let latent = Tensor<Double>([1, 1, 2], [.pi, -.infinity])
      try writer.append(site: "latent", iteration: 3, values: latent)
      try writer.finish()
      let trace = try TraceReader(url)
      #expect(trace.sites[0].elements == .float64)
      #expect(trace.sites[0].iterations == [3])
      #expect(try trace.latent(iteration: 3).isIdentical(to: latent))
      #expect(try trace.configuration() == "")
      #expect(try trace.input() == TraceInput())
    }
  }

  @Test func windowedPatternsHaveNeighbours() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      var description = TraceDescription(
        program: "t",
        sites: [.pattern(block: 0, batch: 2, heads: 2, positions: 3, neighbours: 2)])
      description.neighbours = IntegerArray([3, 2], [-1, 0, 0, 1, 1, 2])
      let writer = try TraceWriter(url, describing: description)
      let pattern = Fixture.pattern(0, 1, keys: 2)
      try writer.append(site: "core.0.attn.pattern", iteration: 1, values: pattern)
      try writer.finish()
      let trace = try TraceReader(url)
      #expect(trace.sites[0].axes.map(\.name) == ["batch", "head", "query", "neighbour"])
      #expect(try trace.neighbours() == description.neighbours)
      #expect(try trace.pattern(block: 0, iteration: 1) == pattern)
      #expect(try trace.summary().iterations.isEmpty)
    }
  }

  @Test func askingForWhatIsNotThereSaysWhatIs() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      try Fixture.write(url)
      let trace = try TraceReader(url)
      let site = traceError { _ = try trace.values("nope", iteration: 1, as: Float.self) }
      #expect(site?.kind == .notFound)
      #expect(site?.description.contains("core.0.mlp.post") == true)
      let iteration = traceError { _ = try trace.latent(iteration: 9, as: Float.self) }
      #expect(iteration?.kind == .notFound)
      #expect(iteration?.description.contains("0…4") == true)
      #expect(traceError { _ = try trace.weight("nope") }?.kind == .notFound)
    }
  }
}
