import AsuraTensor
import AsuraTestSupport
import AsuraTrace
import Foundation
import Testing

@Suite struct LinkTests {
  /// Three traces whose latents are 0, 1 and 2 more than the fixture's.
  static func traces(in folder: URL) throws -> [URL] {
    try (0..<3).map { index in
      let url = folder.appendingPathComponent("\(index).h5")
      let writer = try TraceWriter(url, describing: Fixture.description)
      for t in 0...2 {
        if t > 0 {
          for block in [0, 2] {
            try writer.append(
              site: "core.\(block).attn.pattern", iteration: t, values: Fixture.pattern(block, t))
          }
        }
        var latent = Fixture.latent(t, as: Float.self)
        latent.update { for i in 0..<24 { $0[i] += Float(index) } }
        try writer.append(site: "latent", iteration: t, values: latent)
        try writer.append(site: "logits", iteration: t, values: Fixture.logits(t))
      }
      try writer.finish()
      return url
    }
  }

  @Test(arguments: [false, true]) func eachTraceIsReadByItsNumber(copies: Bool) throws {
    try withFolder { folder in
      let traces = try Self.traces(in: folder)
      let url = folder.appendingPathComponent("all.h5")
      var link = TraceLink(traces, axis: "step", coordinates: [0, 500, 1000])
      link.copies = copies
      try link.write(to: url)
      let originals = try traces.map { try TraceReader($0) }
      // A file that stands alone needs no other.
      if copies {
        for (index, trace) in traces.enumerated() {
          try FileManager.default.moveItem(
            at: trace, to: folder.appendingPathComponent("moved\(index)"))
        }
      }
      #expect(try LinkedTraces.isLinked(url))
      let linked = try LinkedTraces(url)
      #expect(linked.axis == "step" && linked.coordinates == [0, 500, 1000])
      #expect(linked.sources == ["0.h5", "1.h5", "2.h5"] && linked.isStandalone == copies)
      #expect(try linked.strayFiles().isEmpty)
      for index in 0..<3 {
        let trace = try linked.open(index)
        #expect(try TraceComparison(originals[index], trace).isEqual)
        #expect(try trace.input() == Fixture.description.input)
        #expect(try trace.verify().isSound)
        let latent: Tensor<Float> = try trace.latent(iteration: 2)
        #expect(latent.elements[0] == 3.0 / 8 + Float(index))
      }
      #expect(traceError { _ = try linked.open(3) }?.kind == .notFound)
      let error = traceError { _ = try TraceReader(url) }
      #expect(error?.kind == .foreign && error?.message.contains("'step'") == true)
    }
  }

  @Test func sourcesMayLieBelowTheLinkButNotBeside() throws {
    try withFolder { folder in
      let inner = folder.appendingPathComponent("runs/deep")
      try FileManager.default.createDirectory(at: inner, withIntermediateDirectories: true)
      let traces = try Self.traces(in: inner)
      let url = folder.appendingPathComponent("all.h5")
      try TraceLink(traces).write(to: url)
      let linked = try LinkedTraces(url)
      #expect(linked.sources[1] == "runs/deep/1.h5" && linked.coordinates == [0, 1, 2])
      #expect(try linked.open(1).lastIteration == 2)
      try FileManager.default.removeItem(at: traces[1])
      let error = traceError { _ = try linked.open(1) }
      #expect(error?.kind == .missing && error?.message.contains("run 1 of all.h5") == true)
      #expect(try linked.open(2).lastIteration == 2)

      let outside = traceError {
        try TraceLink([traces[0]]).write(
          to: folder.appendingPathComponent("runs/other/all.h5"))
      }
      #expect(outside?.kind == .misuse && outside?.advice.contains("--copy") == true)
    }
  }

  @Test func tracesThatDisagreeAreNotLinked() throws {
    try withFolder { folder in
      let traces = try Self.traces(in: folder)
      var other = traces[0]
      func linking(_ description: TraceDescription, last: Int = 2) throws -> TraceError? {
        other = folder.appendingPathComponent("\(UUID().uuidString).h5")
        let writer = try TraceWriter(other, describing: description)
        for t in 0...last {
          for site in description.sites where t > 0 || !site.name.hasPrefix("core") {
            guard site.iterations?.contains(t) ?? true, site.name != "core.0.mlp.post" else {
              continue
            }
            try writer.append(
              site: site.name, iteration: t, values: Tensor<Float>.zeros(site.shape))
          }
        }
        try writer.finish()
        return traceError {
          try TraceLink([traces[0], other]).write(to: folder.appendingPathComponent("all.h5"))
        }
      }
      #expect(try linking(Fixture.description) == nil)
      try FileManager.default.removeItem(at: folder.appendingPathComponent("all.h5"))
      let shorter = try linking(Fixture.description, last: 1)
      #expect(
        shorter?.message.contains("has the iterations 1 from 1 to 1, not 2 from 1 to 2") == true)
      var description = Fixture.description
      description.sites[0] = .latent(batch: 2, positions: 3, width: 3)
      let narrower = try linking(description)
      #expect(
        narrower?.message.contains("along 'width' the entries 3 from 0 to 2") == true,
        "\(narrower as Any)")
      description.sites.removeFirst()
      let fewer = try linking(description)
      #expect(fewer?.message.contains("latent") == true)
      for error in [shorter, narrower, fewer] { #expect(error?.kind == .misuse) }
      #expect(fewer?.file == other.path)
      for link in [
        TraceLink(traces, coordinates: [0, 1]), TraceLink(traces, coordinates: [0, 2, 2]),
        TraceLink(traces, axis: "iteration"), TraceLink(traces, axis: "a/b"), TraceLink([]),
        TraceLink(traces, axis: "width"),
      ] {
        let error = traceError { try link.write(to: folder.appendingPathComponent("all.h5")) }
        #expect(error?.kind == .misuse, "\(link.axis) \(link.coordinates)")
      }
      #expect(!FileManager.default.fileExists(atPath: folder.appendingPathComponent("all.h5").path))
    }
  }

  /// A link from outside may not lead a reader to files elsewhere.
  @Test(arguments: ["/etc/passwd", "../0.h5", "a/../../0.h5", "./0.h5", "", "a//b"])
  func linksOutOfTheFolderAreRefused(source: String) throws {
    try withFolder { folder in
      let traces = try Self.traces(in: folder)
      let url = folder.appendingPathComponent("all.h5")
      try TraceLink(traces).write(to: url)
      try TraceDamageTests.edit(url) { root in
        let linked = try root.group("linked")
        try linked.remove("source")
        try linked.makeTexts("source", ["0.h5", source, "2.h5"])
      }
      let error = traceError { _ = try LinkedTraces(url) }
      #expect(error?.kind == .damaged && error?.message.contains("'\(source)'") == true)
      try TraceDamageTests.edit(url) { root in
        let linked = try root.group("linked")
        try linked.remove("source")
        try linked.makeTexts("source", ["0.h5", "x.h5", "2.h5"])
      }
      #expect(try LinkedTraces(url).strayFiles() == ["1.h5"])
    }
  }

  @Test func virtualDatasetsElsewhereAreRefused() throws {
    try withFolder { folder in
      let traces = try Self.traces(in: folder)
      let url = folder.appendingPathComponent("all.h5")
      try TraceLink(traces).write(to: url)
      // The mark removed, the stacked arrays pose as a trace's own.
      try TraceDamageTests.edit(url) { root in
        try root.setAttribute("asura_linked", "")
      }
      #expect(traceError { _ = try TraceReader(url) } != nil)
      #expect(traceError { _ = try LinkedTraces(url) } != nil)
    }
  }
}
