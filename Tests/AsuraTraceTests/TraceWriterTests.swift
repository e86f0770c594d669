import AsuraTensor
import AsuraTestSupport
import AsuraTrace
import Foundation
import Testing

/// What the writer does beside the run: parts, encoding, recovery, resumption.
@Suite struct TraceWriterTests {
  /// Feeds iterations in parts of the batch, from several threads, those of the next iteration beginning before
  /// the last is committed.
  private func feedParts(_ writer: TraceWriter, _ iterations: ClosedRange<Int>) throws {
    @Sendable func part(_ t: Int, _ rows: Range<Int>) throws {
      if t > 0 {
        for block in [2, 0] {
          try writer.append(
            site: "core.\(block).attn.pattern", iteration: t, rows: rows,
            values: Fixture.pattern(block, t).slice(rows))
        }
        try writer.append(
          site: "core.0.mlp.post", iteration: t, rows: rows,
          values: Fixture.activation(t).slice(rows))
      }
      try writer.append(
        site: "logits", iteration: t, rows: rows, values: Fixture.logits(t).slice(rows))
      try writer.append(
        site: "latent", iteration: t, rows: rows,
        values: Fixture.latent(t, as: Float.self).slice(rows))
    }
    let last = iterations.upperBound
    try part(iterations.lowerBound, 1..<2)
    for t in iterations {
      try Workers(count: 2).forEach(2) { (i) throws(any Error) in
        if i == 0 { try part(t, 0..<1) } else if t < last { try part(t + 1, 1..<2) }
      }
      try writer.commit(t)
    }
  }

  @Test(arguments: [
    TraceStorage(), TraceStorage(deflate: 1), TraceStorage(deflate: 9, keptBits: 7),
    TraceStorage(elements: .float64, deflate: 2, canBeFollowed: false),
  ])
  func partsGiveTheSameFileAsWholeBatches(_ storage: TraceStorage) throws {
    try withFolder { folder in
      let urls = ["whole.h5", "parts.h5"].map { folder.appendingPathComponent($0) }
      let whole = try TraceWriter(urls[0], describing: Fixture.description, storage: storage)
      try Fixture.feed(whole, 0...4)
      try whole.finish()
      var description = Fixture.description
      description.rowsAtATime = 1
      let parts = try TraceWriter(urls[1], describing: description, storage: storage)
      #expect(parts.note == nil)
      try feedParts(parts, 0...4)
      try parts.finish()
      let (a, b) = (try storedData(urls[0]), try storedData(urls[1]))
      #expect(a.count > 40 && a == b)
    }
  }

  /// Parts that do not line up with chunks, chunks that do not line up with the array, and those within an example.
  @Test func chunksOfEveryKindComeBack() throws {
    let shapes: [([Int], Int)] = [
      ([7, 5, 3], 2), ([70, 5, 16], 18), ([64, 200, 16], 16), ([3, 2, 700, 900], 1),
      ([2, 1, 3, 1_100_000], 1), ([5], 2), ([1, 1], 1),
    ]
    try withEvery("shape and rows", in: shapes) { (shape, rows) in
      try withFolder { folder in
        let url = folder.appendingPathComponent("a.h5")
        let axes = shape.enumerated().map { TraceAxis("axis_\($0)", $1) }
        var description = TraceDescription(program: "t", sites: [TraceSite("x", axes: axes)])
        description.rowsAtATime = rows
        var random = Random(seed: 3)
        let values = Tensor<Float>.uniform(shape, using: &random)
        let writer = try TraceWriter(
          url, describing: description, storage: TraceStorage(deflate: shape.count == 4 ? 0 : 1))
        for start in stride(from: 0, to: shape[0], by: rows).reversed() {
          let part = start..<min(start + rows, shape[0])
          try writer.append(site: "x", iteration: 2, rows: part, values: values.slice(part))
        }
        try writer.finish()
        let read: Tensor<Float> = try TraceReader(url).values("x", iteration: 2)
        #expect(read.isIdentical(to: values))
      }
    }
  }

  @Test func keptBitsRoundToTheNearest() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      var random = Random(seed: 5)
      var values = Tensor<Float>.normal([1, 3, 100], scale: 10, using: &random).elements
      values[..<6] = [.infinity, -.infinity, .nan, 0, .greatestFiniteMagnitude, 1.00048828125]
      let site = TraceSite.latent(batch: 1, positions: 3, width: 100)
      let writer = try TraceWriter(
        url, describing: TraceDescription(program: "t", sites: [site]),
        storage: TraceStorage(deflate: 1, keptBits: 10))
      try writer.append(site: "latent", iteration: 0, values: Tensor([1, 3, 100], values))
      try writer.finish()
      let read: Tensor<Float> = try TraceReader(url).latent(iteration: 0)
      for (x, y) in zip(values, read.elements).dropFirst(6) {
        let unit = x.ulp * 8192  // 2^13 of the 23 bits are dropped
        #expect(y == (x / unit).rounded(.toNearestOrEven) * unit, "\(x)")
      }
      let special = read.elements.prefix(6)
      #expect(special[0] == .infinity && special[1] == -.infinity && special[2].isNaN)
      // Half a unit goes to the even neighbour; nothing finite becomes infinite.
      #expect(special[3] == 0 && special[4].isFinite && special[5] == 1)
      let file = try H5File.open(url)
      let dataset = try file.root.group("run").group("latent").dataset("latent")
      #expect(try dataset.integer("_QuantizeBitRoundNumberOfSignificantBits") == 10)
    }
    for bad in [TraceStorage(deflate: 10), TraceStorage(keptBits: 0), TraceStorage(keptBits: 24)] {
      try withFolder { folder in
        let error = traceError {
          _ = try TraceWriter(
            folder.appendingPathComponent("a.h5"), describing: Fixture.description, storage: bad)
        }
        #expect(error?.kind == .misuse)
        let left = try names(in: folder)
        #expect(left == [])
      }
    }
  }

  /// The sums are those of the values as they are read back.
  @Test func theSelfCheckIsOfTheStoredValues() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      let writer = try TraceWriter(
        url, describing: Fixture.description, storage: TraceStorage(deflate: 1, keptBits: 3))
      try Fixture.feed(writer, 0...4)
      try writer.finish()
      let trace = try TraceReader(url)
      let check = try H5File.open(url).root.group("run").group("provenance").group("self_check")
      let paths = try check.dataset("path").texts()
      #expect(paths.contains("/run/attention/pattern") && paths.contains("/run/readout/entropy"))
      let sums = try check.dataset("sums").doubles()
      for (name, path) in [
        ("latent", "/run/latent/latent"), ("logits", "/run/readout/logits"),
        ("core.0.mlp.post", "/run/sites/core.0.mlp.post/post"),
      ] {
        let array = try #require(paths.firstIndex(of: path))
        for t in 0...4 {
          let found = (0..<3).map { sums[(t * paths.count + array) * 3 + $0] }
          guard try trace.site(name).iterations.contains(t) else {
            #expect(found == [0, 0, 0])
            continue
          }
          let values = try trace.values(name, iteration: t, as: Double.self).elements
          let squares = values.reduce(0) { $0 + $1 * $1 }
          #expect(abs(found[0] - values.reduce(0, +)) <= 1e-12 * squares.squareRoot() * 5)
          #expect(abs(found[1] - squares) <= 1e-12 * squares && found[2] == 0)
        }
      }
      let hooks = try H5File.open(url).root.group("run").group("provenance").group("hooks")
      #expect(try hooks.dataset("site").texts() == Fixture.description.sites.map(\.name))
      #expect(try hooks.dataset("fired").doubles() == [5, 4, 4, 5, 2])
    }
  }

  /// What a kill leaves: a copy of the partial file in the midst of an iteration.
  private func killed(_ folder: URL, after iterations: ClosedRange<Int>?, _ storage: TraceStorage)
    throws -> URL
  {
    let url = folder.appendingPathComponent("killed.h5")
    let writer = try TraceWriter(
      folder.appendingPathComponent("alive.h5"), describing: Fixture.description,
      storage: storage)
    if let iterations {
      try Fixture.feed(writer, iterations)
      let next = iterations.upperBound + 1
      try writer.append(
        site: "latent", iteration: next, values: Fixture.latent(next, as: Float.self))
      // The next iteration's latent is on its way, perhaps in the file.
      usleep(50_000)
    }
    try FileManager.default.copyItem(
      at: folder.appendingPathComponent("alive.h5.partial"),
      to: TraceRecovery.partial(of: url))
    try writer.abandon(reason: "test over")
    try FileManager.default.removeItem(at: writer.url)
    return url
  }

  @Test(arguments: [true, false]) func aKilledCaptureIsRecovered(canBeFollowed: Bool) throws {
    try withFolder { folder in
      let url = try killed(folder, after: 0...2, TraceStorage(canBeFollowed: canBeFollowed))
      let partial = TraceRecovery.partial(of: url)
      let before = try Data(contentsOf: partial)
      let result = try TraceRecovery.recover(partial, to: url)
      #expect(result.committed == 3 && result.last == 2)
      #expect(try Data(contentsOf: partial) == before)
      #expect(try names(in: folder) == ["killed.h5", "killed.h5.partial"])
      let trace = try TraceReader(url)
      #expect(trace.status == .incomplete && trace.reason == "the capture was killed")
      #expect(trace.committedIterations == 3 && trace.lastIteration == 2)
      #expect(try trace.site("core.0.attn.pattern").iterations == [1, 2])
      for t in 0...2 {
        #expect(try trace.latent(iteration: t) == Fixture.latent(t, as: Float.self))
      }
      let file = try H5File.open(url)
      #expect(try file.root.group("run").group("latent").dataset("latent").shape()[0] == 3)
      #expect(try file.root.dataset("relative_step").shape() == [3])
      // Once is enough.
      #expect(traceError { try TraceRecovery.recover(partial, to: url) }?.kind == .exists)
      let other = folder.appendingPathComponent("b.h5")
      #expect(traceError { try TraceRecovery.recover(url, to: other) }?.kind == .misuse)
      #expect(try names(in: folder) == ["killed.h5", "killed.h5.partial"])
    }
  }

  @Test func captureKilledBeforeItsFirstCommit() throws {
    try withFolder { folder in
      let url = try killed(folder, after: nil, TraceStorage())
      let partial = TraceRecovery.partial(of: url)
      let nothing = try TraceRecovery.recover(partial, to: url)
      #expect(nothing.committed == 0 && nothing.last == nil)
      #expect(try TraceReader(url).site("latent").iterations == [])
      // And while the file was set up.
      for length in [0, 1000, 5000] {
        let whole = try Data(contentsOf: partial)
        let cut = folder.appendingPathComponent("cut.h5.partial")
        try whole.prefix(length).write(to: cut)
        let error = traceError {
          try TraceRecovery.recover(cut, to: folder.appendingPathComponent("cut.h5"))
        }
        #expect(error?.description.contains("nothing to recover") == true, "\(length)")
      }
      #expect(!FileManager.default.fileExists(atPath: folder.path + "/cut.h5"))
    }
  }

  @Test func aRunningCaptureIsLeftAlone() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      let writer = try TraceWriter(url, describing: Fixture.description)
      let partial = TraceRecovery.partial(of: url)
      #expect(traceError { try TraceRecovery.recover(partial, to: url) }?.kind == .misuse)
      #expect(traceError { try Fixture.write(url, overwrite: true) }?.kind == .exists)
      #expect(
        traceError { _ = try TraceWriter(resuming: url, describing: Fixture.description) }?.kind
          == .exists)
      try Fixture.feed(writer, 0...4)
      try writer.finish()
      #expect(try names(in: folder) == ["a.h5"])
    }
  }

  @Test(arguments: [
    TraceStorage(), TraceStorage(deflate: 1, keptBits: 8), TraceStorage(canBeFollowed: false),
  ])
  func aResumedTraceIsWhatItWouldHaveBeen(_ storage: TraceStorage) throws {
    try withFolder { folder in
      let whole = folder.appendingPathComponent("whole.h5")
      let writer = try TraceWriter(whole, describing: Fixture.description, storage: storage)
      try Fixture.feed(writer, 0...4)
      try writer.finish()
      let expected = try storedData(whole)
      for isRecovered in [false, true] {
        let url = try killed(folder, after: 0...2, storage)
        let partial = TraceRecovery.partial(of: url)
        if isRecovered {
          try TraceRecovery.recover(partial, to: url)
          try FileManager.default.removeItem(at: partial)
        }
        let writer = try TraceWriter(
          resuming: url, describing: Fixture.description, storage: storage)
        #expect(writer.committed.count == 3 && writer.committed.last == 2)
        // The last one again, for the series that compare.
        try Fixture.feed(writer, 2...4)
        try writer.finish()
        let resumed = try TraceReader(url)
        #expect(resumed.status == .complete && resumed.reason == nil)
        #expect(try storedData(url) == expected, "recovered: \(isRecovered)")
        #expect(try names(in: folder) == ["killed.h5", "whole.h5"])
        let again = traceError {
          _ = try TraceWriter(resuming: url, describing: Fixture.description, storage: storage)
        }
        #expect(again?.kind == .misuse)
        try FileManager.default.removeItem(at: url)
      }
    }
  }

  @Test func resumingSomethingElseSaysWhatDiffers() throws {
    try withFolder { folder in
      let url = try killed(folder, after: 0...2, TraceStorage())
      let before = try Data(contentsOf: TraceRecovery.partial(of: url))
      var other = Fixture.description
      other.model.weightsHash = "sha256:01"
      other.input.text[0] = "2+2=4"
      other.seeds["data"] = 8
      other.sites.removeLast()
      let error = traceError {
        _ = try TraceWriter(
          resuming: url, describing: other, storage: TraceStorage(elements: .float64, keptBits: 4))
      }
      #expect(error?.kind == .misuse)
      for part in [
        "the model's weights: sha256:00 in the trace, sha256:01 now", "the input",
        "the seed of data", "sites", "how latent is stored", "bits kept of latent",
      ] { #expect(error?.message.contains(part) == true, "\(part): \(error as Any)") }
      #expect(try names(in: folder) == ["killed.h5.partial"])
      #expect(try Data(contentsOf: TraceRecovery.partial(of: url)) == before)
    }
  }
}

extension H5Dataset {
  /// All numbers.
  fileprivate func doubles() throws -> [Double] {
    let shape = try shape()
    var values = [Double](repeating: 0, count: shape.reduce(1, *))
    try values.withUnsafeMutableBytes {
      try read(
        into: $0.baseAddress!, as: .float64, start: shape.map { _ in 0 }, count: shape)
    }
    return values
  }
}
