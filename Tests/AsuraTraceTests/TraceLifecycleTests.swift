import AsuraTensor
import AsuraTrace
import Foundation
import Testing

@Suite struct TraceLifecycleTests {
  @Test func theNameAppearsOnlyAtTheEnd() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      let writer = try TraceWriter(url, describing: Fixture.description)
      #expect(try names(in: folder) == ["a.h5.partial"])
      try Fixture.feed(writer, 0...2)
      #expect(writer.committed.count == 3 && writer.committed.last == 2)
      try writer.finish()
      #expect(try names(in: folder) == ["a.h5"])
      #expect(traceError { try writer.finish() }?.kind == .misuse)
      #expect(traceError { try Fixture.feed(writer, 3...3) }?.kind == .misuse)
    }
  }

  @Test func abandonedTracesKeepWhatWasCommitted() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      let writer = try TraceWriter(url, describing: Fixture.description)
      try Fixture.feed(writer, 0...2)
      // The fourth iteration is under way when the run stops.
      try writer.append(
        site: "core.0.attn.pattern", iteration: 3, values: Fixture.pattern(0, 3))
      try writer.abandon(reason: "interrupted")
      #expect(try names(in: folder) == ["a.h5"])
      let trace = try TraceReader(url)
      #expect(trace.status == .incomplete)
      #expect(trace.reason == "interrupted")
      #expect(trace.committedIterations == 3)
      #expect(try trace.site("latent").iterations == [0, 1, 2])
      #expect(try trace.site("core.0.attn.pattern").iterations == [1, 2])
      #expect(try trace.latent(iteration: 2) == Fixture.latent(2, as: Float.self))
      let file = try H5File.open(url)
      let pattern = try file.root.group("run").group("attention").dataset("pattern")
      #expect(try pattern.shape() == [2, 2, 2, 2, 3, 3])
      #expect(try file.root.dataset("relative_step").shape() == [3])
    }
  }

  @Test func nothingRecordedIsStillAValidFile() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      try TraceWriter(url, describing: Fixture.description).abandon(reason: "at once")
      let trace = try TraceReader(url)
      #expect(trace.committedIterations == 0 && trace.lastIteration == nil)
      #expect(try trace.site("latent").iterations == [])
    }
  }

  /// What a killed capture leaves: the partial file as it was after its last commit.
  @Test func theFileOfAKilledCaptureHoldsTheCommittedIterations() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      let writer = try TraceWriter(url, describing: Fixture.description)
      try Fixture.feed(writer, 0...2)
      // The fourth iteration is under way.
      try writer.append(site: "latent", iteration: 3, values: Fixture.latent(3, as: Float.self))
      let copy = folder.appendingPathComponent("copy.h5")
      try FileManager.default.copyItem(
        at: folder.appendingPathComponent("a.h5.partial"), to: copy)
      let trace = try TraceReader(copy)
      #expect(trace.status == .running)
      #expect(trace.lastIteration == 2)
      for t in 0...2 {
        #expect(try trace.latent(iteration: t) == Fixture.latent(t, as: Float.self))
      }
      #expect(try trace.summary().iterations == [0, 1, 2])
      try writer.abandon(reason: "test over")
    }
  }

  @Test func existingFilesAreNotReplacedUnasked() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      try Data("precious".utf8).write(to: url)
      #expect(traceError { try Fixture.write(url) }?.kind == .exists)
      #expect(try Data(contentsOf: url) == Data("precious".utf8))
      #expect(try names(in: folder) == ["a.h5"])
      try Fixture.write(url, overwrite: true)
      #expect(try TraceReader(url).status == .complete)

      let other = folder.appendingPathComponent("b.h5")
      try Data().write(to: folder.appendingPathComponent("b.h5.partial"))
      #expect(traceError { try Fixture.write(other) }?.kind == .exists)
      try Fixture.write(other, overwrite: true)
      #expect(try names(in: folder) == ["a.h5", "b.h5"])
    }
  }

  @Test func valuesThatDoNotFitAreRefusedAndTheRestStays() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      let writer = try TraceWriter(url, describing: Fixture.description)
      try Fixture.feed(writer, 0...1)
      let misuse: [(String, Int, Tensor<Float>)] = [
        ("core.1.attn.pattern", 2, Fixture.pattern(1, 2)),  // not declared
        ("latent", 2, Tensor.zeros([3, 2, 4])),  // another shape
        ("latent", 1, Fixture.latent(1)),  // twice
        ("latent", 0, Fixture.latent(0)),  // gone by
        ("latent", -1, Fixture.latent(0)),
      ]
      for (site, iteration, values) in misuse {
        let error = traceError {
          try writer.append(site: site, iteration: iteration, values: values)
        }
        #expect(error?.kind == .misuse, "\(site) at \(iteration)")
        #expect(error?.description.contains(site) == true)
      }
      try Fixture.feed(writer, 2...2)
      try writer.finish()
      #expect(try TraceReader(url).latent(iteration: 2) == Fixture.latent(2, as: Float.self))
    }
  }

  @Test func contradictoryDescriptionsLeaveNoFile() throws {
    let site = TraceSite.latent(batch: 1, positions: 1, width: 1)
    func description(_ sites: [TraceSite]) -> TraceDescription {
      TraceDescription(program: "t", sites: sites)
    }
    var facts = Fixture.description
    facts.input.facts["late"] = TraceFact(IntegerArray([1, 3], [0, 0, 0]))
    var windowed = description(
      [.pattern(block: 0, batch: 1, heads: 1, positions: 3, neighbours: 2)])
    windowed.neighbours = IntegerArray([3, 1], [0, 0, 0])
    var weights = description([site])
    weights.model.weights["a/b"] = TraceArray(Tensor<Float>.zeros([1]))
    let cases = [
      description([]), description([site, site]), facts, windowed, weights,
      description([TraceSite("../x", axes: [.init("batch", 1)])]),
      description([TraceSite("embed", axes: [.init("batch", 0)])]),
      description([TraceSite("embed", axes: [.init("batch", 1), .init("batch", 1)])]),
      description([TraceSite("latent", axes: [.init("batch", 1)])]),
      description([TraceSite("embed", axes: [.init("batch", 1)], iterations: [2, 1])]),
    ]
    try withFolder { folder in
      for (index, description) in cases.enumerated() {
        let error = traceError {
          _ = try TraceWriter(folder.appendingPathComponent("a.h5"), describing: description)
        }
        #expect(error?.kind == .misuse, "case \(index)")
        let left = try names(in: folder)
        #expect(left == [], "case \(index)")
      }
    }
  }

  @Test func placesThatCannotBeWrittenGiveHDF5sReason() throws {
    let url = URL(fileURLWithPath: "/nonexistent/folder/a.h5")
    let error = traceError { try Fixture.write(url) }
    #expect(error?.kind == .inaccessible)
    #expect(error?.library.contains { $0.contains("No such file or directory") } == true)
  }

  /// A limit on the file's size stands in for a full disk: writes fail part of the way.
  @Test func aFullDiskLeavesNoHalfFile() async throws {
    await #expect(processExitsWith: .success) {
      try withFolder { folder in
        signal(SIGXFSZ, SIG_IGN)
        var limit = rlimit(rlim_cur: 400_000, rlim_max: 400_000)
        #if canImport(Glibc)
          setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
        #else
          setrlimit(RLIMIT_FSIZE, &limit)
        #endif
        let url = folder.appendingPathComponent("a.h5")
        let site = TraceSite.latent(batch: 1, positions: 100, width: 256)
        let writer = try TraceWriter(
          url, describing: TraceDescription(program: "t", sites: [site]))
        var failure: TraceError?
        for t in 0..<10 where failure == nil {
          failure = traceError {
            try writer.append(
              site: "latent", iteration: t,
              values: Tensor<Float>([1, 100, 256], repeating: Float(t)))
          }
        }
        // Values are written beside those who append them: the last may still be on their way.
        if failure == nil { failure = traceError { try writer.synchronize() } }
        let error = try #require(failure)
        #expect(error.kind == .inaccessible)
        #expect(error.library.contains { $0.contains("File too large") })
        #expect(!FileManager.default.fileExists(atPath: url.path))
        if traceError({ try writer.abandon(reason: "the disk is full") }) == nil {
          let committed = writer.committed.count
          #expect(committed >= 1)
          let trace = try TraceReader(url)
          #expect(trace.status == .incomplete && trace.committedIterations == committed)
          for t in 0..<committed {
            #expect(try trace.latent(iteration: t, as: Float.self).elements[77] == Float(t))
          }
        } else {
          #expect(!FileManager.default.fileExists(atPath: url.path))
        }
      }
    }
  }
}
