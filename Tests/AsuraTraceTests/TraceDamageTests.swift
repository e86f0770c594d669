import AsuraTensor
import AsuraTrace
import Foundation
import Testing

@Suite struct TraceDamageTests {
  /// Reads everything a trace offers, as far as it can be read.
  static func readAll(_ url: URL) -> TraceError? {
    traceError {
      let trace = try TraceReader(url)
      for site in trace.sites {
        for iteration in site.iterations {
          _ = try trace.values(site.name, iteration: iteration, as: Float.self)
        }
      }
      _ = try trace.summary()
      _ = try trace.readout(.loss, iteration: 1, as: Float.self)
      _ = try trace.input()
      _ = try trace.configuration()
      for name in try trace.weightNames() { _ = try trace.weight(name) }
    }
  }

  @Test func filesThatAreNoTraces() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      #expect(Self.readAll(url)?.kind == .missing)
      #expect(Self.readAll(folder)?.kind == .foreign)
      try Data().write(to: url)
      #expect(Self.readAll(url)?.kind == .foreign)
      try Data((0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }).write(to: url)
      #expect(Self.readAll(url)?.kind == .foreign)

      // An HDF5 file of another kind, and one whose version is not a number.
      let other = folder.appendingPathComponent("b.h5")
      let file = try H5File.create(other)
      _ = try file.root.makeDataset("data", .float64, shape: [2], values: [1.0, 2.0])
      try file.close()
      let error = Self.readAll(other)
      #expect(error?.kind == .foreign)
      #expect(error?.description.contains("not a trace") == true)
    }
  }

  @Test func otherSchemaVersionsAreNamed() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      try Fixture.write(url)
      try Self.edit(url) { try $0.setAttribute("asura_schema", 2) }
      let error = Self.readAll(url)
      #expect(error?.kind == .version)
      #expect(error?.description.contains("schema 2") == true)
    }
  }

  static func edit(_ url: URL, _ change: (H5Group) throws -> Void) throws {
    let file = try H5File.open(url, writable: true)
    try change(file.root)
    try file.close()
  }

  @Test func truncatedFilesAreErrors() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      try Fixture.write(url)
      let whole = try Data(contentsOf: url)
      let cut = folder.appendingPathComponent("cut.h5")
      for length in stride(from: 1, to: whole.count, by: max(1, whole.count / 60)) {
        try whole.prefix(length).write(to: cut)
        let error = Self.readAll(cut)
        #expect(error?.kind == .damaged || error?.kind == .foreign, "\(length) bytes")
      }
    }
  }

  /// Each change makes the file contradict itself; none may crash the reader or be believed.
  @Test(arguments: Lie.all) func liesAreFoundOut(_ lie: Lie) throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      try Fixture.write(url)
      #expect(Self.readAll(url) == nil)
      try Self.edit(url, lie.change)
      let error = Self.readAll(url)
      #expect(error?.kind == .damaged || error?.kind == .notFound, "\(error as Any)")
      #expect(error?.file == url.path)
    }
  }

  struct Lie: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let change: @Sendable (H5Group) throws -> Void

    static let all: [Lie] = [
      Lie(testDescription: "no run") { try $0.remove("run") },
      Lie(testDescription: "the run is a dataset") { root in
        try root.remove("run")
        _ = try root.makeDataset("run", .float64, shape: [1], values: [1.0])
      },
      Lie(testDescription: "more latents than bytes") { root in
        let latent = try root.group("run").group("latent")
        for name in ["latent", "position"] { try latent.remove(name) }
        let most = 1 << 28
        _ = try latent.makeDataset("position", .int64, shape: [most])
        _ = try latent.makeDataset("latent", .float32, shape: [5, 2, most, 4])
      },
      Lie(testDescription: "more elements than can be counted") { root in
        let latent = try root.group("run").group("latent")
        try latent.remove("latent")
        _ = try latent.makeDataset(
          "latent", .float32, shape: [1 << 31, 1 << 31, 1 << 31, 1 << 31],
          layout: H5Layout(growable: true))
      },
      Lie(testDescription: "another rank") { root in
        let latent = try root.group("run").group("latent")
        try latent.remove("latent")
        _ = try latent.makeDataset("latent", .float32, shape: [5, 24])
      },
      Lie(testDescription: "whole numbers for floats") { root in
        let latent = try root.group("run").group("latent")
        try latent.remove("latent")
        _ = try latent.makeDataset("latent", .int32, shape: [5, 2, 3, 4])
      },
      Lie(testDescription: "text for floats") { root in
        let latent = try root.group("run").group("latent")
        try latent.remove("latent")
        try latent.makeTexts("latent", ["a"])
      },
      Lie(testDescription: "fewer latents than iterations") { root in
        try root.group("run").group("latent").dataset("latent").resize(firstAxisTo: 3)
      },
      Lie(testDescription: "iterations out of order") { root in
        let scale = try root.group("run").group("latent").dataset("iteration")
        let values: [Int64] = [0, 2, 1, 3, 4]
        try values.withUnsafeBytes {
          try scale.write($0.baseAddress!, as: .int64, start: [0], count: [5])
        }
      },
      Lie(testDescription: "a missing axis") { root in
        try root.group("run").group("attention").remove("head")
      },
      Lie(testDescription: "a missing block") { root in
        let attention = try root.group("run").group("attention")
        try attention.remove("block")
        _ = try attention.makeDataset("block", .int64, shape: [3], values: [0, 1, 2])
      },
      Lie(testDescription: "an unknown status") { root in
        try root.group("run").setAttribute("status", "perhaps")
      },
      Lie(testDescription: "a number for a status") { root in
        try root.group("run").setAttribute("status", 7)
      },
      Lie(testDescription: "a short summary") { root in
        try root.group("run").group("summary").dataset("latent_norm").resize(firstAxisTo: 2)
      },
      Lie(testDescription: "no configuration") { root in
        try root.group("run").group("model").remove("configuration")
      },
      Lie(testDescription: "real numbers for tokens") { root in
        let input = try root.group("run").group("input")
        try input.remove("tokens")
        _ = try input.makeDataset("tokens", .float64, shape: [1], values: [0.5])
      },
    ]
  }

  /// A changed bit in stored values is caught by the checksum, or lies in something unread.
  @Test func flippedBitsAreCaughtByChecksums() throws {
    try withFolder { folder in
      let url = folder.appendingPathComponent("a.h5")
      try Fixture.write(url)
      var bytes = try Data(contentsOf: url)
      let stored = Fixture.latent(2, as: Float.self).elements.withUnsafeBytes { Data($0) }
      let place = try #require(bytes.range(of: stored))
      bytes[place.lowerBound + 9] ^= 4
      try bytes.write(to: url)
      let trace = try TraceReader(url)
      #expect(try trace.latent(iteration: 1) == Fixture.latent(1, as: Float.self))
      let error = traceError { _ = try trace.latent(iteration: 2, as: Float.self) }
      #expect(error?.kind == .damaged)
      #expect(error?.library.contains { $0.contains("checksum") } == true)
    }
  }
}
