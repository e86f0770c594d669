import AsuraTensor
import AsuraTestSupport
import AsuraTrace
import Foundation
import Testing

@Suite struct ComparisonTests {
  /// The fixture's run, with one latent changed from iteration 2 on.
  static func write(_ url: URL, change: Float) throws {
    let writer = try TraceWriter(url, describing: Fixture.description)
    for t in 0...4 {
      if t > 0 {
        try writer.append(
          site: "core.0.attn.pattern", iteration: t, values: Fixture.pattern(0, t))
        try writer.append(
          site: "core.2.attn.pattern", iteration: t, values: Fixture.pattern(2, t))
        try writer.append(site: "core.0.mlp.post", iteration: t, values: Fixture.activation(t))
      }
      var latent = Fixture.latent(t, as: Float.self)
      // Element 17 is batch 1, position 1, width 1: 18/8·(t + 1).
      if t >= 2 { latent.update { $0[17] += change * Float(t) } }
      try writer.append(site: "latent", iteration: t, values: latent)
      try writer.append(site: "logits", iteration: t, values: Fixture.logits(t))
    }
    try writer.finish()
  }

  @Test func equalTracesAreEqual() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      try Fixture.write(url, deflate: 1)
      let comparison = try TraceComparison(TraceReader(GoldenTests.golden), TraceReader(url))
      #expect(comparison.isEqual && comparison.remarks.isEmpty, "\(comparison.remarks)")
      #expect(
        comparison.sites.map(\.site) == [
          "core.0.attn.pattern", "core.0.mlp.post", "core.2.attn.pattern", "latent", "logits",
          "readout.correct", "readout.entropy", "readout.loss",
        ])
      #expect(comparison.sites.allSatisfy { $0.absolute == 0 && $0.relative == 0 })
    }
  }

  @Test func differencesHaveTheirSizeAndPlace() throws {
    try withFolder { folder in
      let (a, b) = (folder.appendingPathComponent("a.h5"), folder.appendingPathComponent("b.h5"))
      try Self.write(a, change: 0)
      try Self.write(b, change: 0.25)
      let comparison = try TraceComparison(TraceReader(a), TraceReader(b))
      #expect(!comparison.isEqual && comparison.remarks.isEmpty)
      let latent = try #require(comparison.sites.first { $0.site == "latent" })
      #expect(latent.steps.map(\.iteration) == [0, 1, 2, 3, 4])
      #expect(latent.steps.map(\.absolute) == [0, 0, 0.5, 0.75, 1])
      #expect(latent.steps.map(\.count) == [0, 0, 1, 1, 1])
      // 18/8·(t + 1) is 6.75, 9 and 11.25.
      for (step, expected) in zip(latent.steps, [0, 0, 0.5 / 7.25, 0.75 / 9.75, 1 / 12.25]) {
        #expect(abs(step.relative - expected) < 1e-12)
      }
      let place = try #require(latent.parting)
      #expect(place.iteration == 2 && place.first == 6.75 && place.second == 7.25)
      #expect(place.coordinates == ["batch": 1, "position": 1, "width": 1])
      #expect(comparison.sites.filter { $0.parting != nil }.map(\.site) == ["latent"])

      for (tolerance, first) in [
        (TraceComparison.Tolerance(absolute: 0.5), 3), (.init(absolute: 0.8), 4),
        (.init(relative: 0.08), 4), (.init(absolute: 1), nil),
        (.init(absolute: 0.5, relative: 0.05), nil),
      ] as [(TraceComparison.Tolerance, Int?)] {
        let tolerant = try TraceComparison(TraceReader(a), TraceReader(b), tolerance: tolerance)
        #expect(tolerant.sites[3].parting?.iteration == first, "\(tolerance)")
        #expect(tolerant.isEqual == (first == nil))
      }
    }
  }

  @Test func notANumberIsEqualToItselfOnly() throws {
    try withFolder { folder in
      let site = TraceSite.latent(batch: 1, positions: 1, width: 3)
      func write(_ name: String, _ values: [Float]) throws -> TraceReader {
        let url = folder.appendingPathComponent(name)
        let writer = try TraceWriter(url, describing: TraceDescription(program: "t", sites: [site]))
        try writer.append(site: "latent", iteration: 0, values: Tensor([1, 1, 3], values))
        try writer.finish()
        return try TraceReader(url)
      }
      let a = try write("a.h5", [.nan, .infinity, 1])
      let b = try write("b.h5", [.nan, .infinity, 2])
      let c = try write("c.h5", [0, .infinity, 1])
      #expect(try TraceComparison(a, b).sites[0].absolute == 1)
      #expect(try TraceComparison(a, c).sites[0].absolute == .infinity)
      #expect(try TraceComparison(a, c, tolerance: .init(absolute: 1e300)).isEqual == false)
    }
  }

  @Test func whatElseDiffersIsNamed() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      var description = Fixture.description
      description.sites.removeLast()
      description.input.tokens = IntegerArray([2, 3, 2], Array(1..<13))
      description.input.facts["kind"] = nil
      description.model.configuration = #"{"width": 4, "mlp": {"width": 7}}"#
      description.model.weights["scale"] = TraceArray(Tensor<Double>([], [0.2]))
      let writer = try TraceWriter(url, describing: description)
      for t in 0...3 {
        try writer.append(site: "latent", iteration: t, values: Fixture.latent(t, as: Float.self))
      }
      try writer.finish()
      let comparison = try TraceComparison(
        TraceReader(GoldenTests.golden), TraceReader(url), sites: ["latent", "core.0.mlp.post"])
      #expect(!comparison.isEqual)
      let text = comparison.remarks.joined(separator: "\n")
      for part in [
        "last iteration is 4 in the first, 3 in the second",
        "configuration's mlp.width is absent in the first, 7 in the second",
        "inputs differ in tokens, fact kind", "1 of 2 weights differ: scale",
        "only the first trace has core.0.mlp.post",
        "only the first trace has 1 of the iterations of latent",
      ] { #expect(text.contains(part), "\(part): \(text)") }
      #expect(comparison.sites.map(\.site) == ["latent"])
      #expect(comparison.sites[0].steps.count == 4 && comparison.sites[0].parting == nil)
    }
  }
}
