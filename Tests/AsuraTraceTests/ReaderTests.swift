import AsuraTensor
import AsuraTrace
import Foundation
import Testing

/// Opens files with h5py, xarray (both engines) and silx, which know nothing of ASURA.
@Suite(
  .enabled(
    if: ProcessInfo.processInfo.environment["ASURA_PYTHON"] != nil,
    "set ASURA_PYTHON to a Python with Tests/requirements.txt installed"))
struct ReaderTests {
  static let trace = """
    {
      "default": ["relative_step", [5]],
      "values": {
        "relative_step": {"index": [4], "value": 0.2},
        "run/summary/relative_step": {"index": [0], "value": null},
        "run/latent/latent": {"index": [2, 1, 2, 3], "value": 9.0},
        "run/latent/iteration": {"index": [3], "value": 3},
        "run/attention/pattern": {"index": [2, 1, 1, 0, 2, 1], "value": 3225.0},
        "run/attention/block": {"index": [1], "value": 2},
        "run/sites/core.0.mlp.post/iteration": {"index": [1], "value": 4},
        "run/sites/core.0.mlp.post/feature": {"index": [1], "value": 9},
        "run/sites/core.0.mlp.post/post": {"index": [0, 0, 0, 0], "value": 2.0},
        "run/readout/loss": {"index": [4, 0, 0], "value": 1.3862943611},
        "run/readout/correct": {"index": [4, 0, 1], "value": 1},
        "run/readout/logits": {"index": [2, 0, 0, 2], "value": 0.6931471806},
        "run/input/tokens": {"index": [1, 2, 0], "value": 10},
        "run/input/facts/carry": {"index": [0, 1], "value": 1}
      },
      "dims": {
        "relative_step": ["iteration"],
        "run/latent/latent": ["iteration", "batch", "position", "width"],
        "run/attention/pattern": ["iteration", "block", "batch", "head", "query", "key"],
        "run/sites/core.0.mlp.post/post": ["iteration", "batch", "position", "feature"],
        "run/readout/loss": ["iteration", "batch", "position"],
        "run/readout/logits": ["iteration", "batch", "position", "class"],
        "run/input/tokens": ["batch", "position", "channel"]
      }
    }
    """

  static let companion = """
    {
      "default": ["spectral_radius", [3]],
      "values": {"jacobian/radius/spectral_radius": {"index": [1], "value": 1.25}},
      "dims": {"jacobian/eigenvalues/real": ["iteration", "phase"]}
    }
    """

  @Test(arguments: [GoldenTests.golden, GoldenTests.paged])
  func theGoldenTraces(url: URL) throws { try check(url, Self.trace) }

  @Test func aFreshTrace() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      try Fixture.write(url, deflate: 1)
      try check(url, Self.trace)
    }
  }

  @Test(arguments: [0, 1]) func aRepackedTrace(deflate: Int) throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      try TraceRepack(TraceReader(GoldenTests.golden), deflate: deflate).write(to: url)
      try check(url, Self.trace)
    }
  }

  static let linked = """
    {
      "default": ["relative_step", [3, 3]],
      "values": {
        "run/summary/relative_step": {"index": [1, 0], "value": null},
        "run/latent/latent": {"index": [2, 1, 0, 0, 0], "value": 2.25},
        "run/latent/run": {"index": [1], "value": 20},
        "run/latent/iteration": {"index": [2], "value": 2},
        "run/attention/pattern": {"index": [1, 1, 1, 1, 0, 2, 1], "value": 2225.0},
        "run/readout/loss": {"index": [0, 0, 0, 0], "value": 0.6931471806},
        "linked/run": {"index": [2], "value": 30},
        "run/input/tokens": {"index": [1, 2, 0], "value": 10}
      },
      "dims": {
        "run/summary/relative_step": ["run", "iteration"],
        "run/latent/latent": ["run", "iteration", "batch", "position", "width"],
        "run/attention/pattern": ["run", "iteration", "block", "batch", "head", "query", "key"],
        "run/readout/logits": ["run", "iteration", "batch", "position", "class"]
      }
    }
    """

  @Test(arguments: [false, true]) func linkedTraces(copies: Bool) throws {
    try withFolder { folder in
      let traces = try LinkTests.traces(in: folder)
      let url = folder.appendingPathComponent("all.h5")
      var link = TraceLink(traces, coordinates: [10, 20, 30])
      link.copies = copies
      try link.write(to: url)
      if copies { for trace in traces { try FileManager.default.removeItem(at: trace) } }
      try check(url, Self.linked)
    }
  }

  @Test func aFreshCompanion() throws {
    try withFolder { folder in
      let file = CompanionFile(ofTrace: folder.appendingPathComponent("a.h5"))
      try file.write(CompanionFileTests.jacobian(radius: [0.5]))
      try file.write(CompanionFileTests.jacobian(radius: [1.5, 1.25, 1]))
      try check(file.url, Self.companion)
    }
  }

  private func check(_ url: URL, _ expectations: String) throws {
    let python = try #require(ProcessInfo.processInfo.environment["ASURA_PYTHON"])
    try withFolder { folder in
      let expected = folder.appendingPathComponent("expected.json")
      try Data(expectations.utf8).write(to: expected)
      let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("readers/check_readers.py")
      let process = Process()
      process.executableURL = URL(fileURLWithPath: python)
      process.arguments = [script.path, url.path, expected.path]
      let output = Pipe()
      process.standardOutput = output
      process.standardError = output
      try process.run()
      let text = String(
        decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      #expect(process.terminationStatus == 0, "\(text)")
      #expect(text.hasSuffix("OK\n"), "\(text)")
    }
  }
}
