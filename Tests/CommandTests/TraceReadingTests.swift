import Asura
import FileEdits
import Foundation
import Testing

/// The commands that read traces, on captures of a trained model.
@Suite struct TraceReadingTests {
  private let files = FileManager.default

  /// Captures `name`, with other examples for another seed.
  private func capture(
    _ name: String, seed: Int = 5, iterations: Int = 4, more: [String] = [], in folder: URL
  ) throws {
    let outcome = try run(
      "asura-trace",
      [
        "capture", "run", "--iterations", "\(iterations)", "--examples", "6", "--seed", "\(seed)",
        "-o", name,
      ] + more, in: folder)
    #expect(outcome.status == 0, "\(outcome)")
  }

  @Test func infoTellsATraceAtAGlance() throws {
    try withRun { folder in
      try capture("a.h5", in: folder)
      let info = try run("asura-trace", ["info", "a.h5"], in: folder)
      #expect(info.status == 0 && info.error.isEmpty, "\(info)")
      for part in [
        "a.h5: complete, 5 iterations", "model: inside, with its weights", "task: copy",
        "batch 6 × position 5 × width 16", "readout.loss", "float32", "relative step, logarithmic",
      ] { #expect(info.output.contains(part), "\(part): \(info.output)") }
      let data = try run("asura-trace", ["info", "a.h5", "--json"], in: folder)
      let fields = try #require(try json(data.output) as? [String: Any])
      #expect(fields["examples"] as? Int == 6 && fields["committedIterations"] as? Int == 5)
      #expect(
        fields["bytes"] as? Int == (try Data(contentsOf: folder.appending(path: "a.h5"))).count)
      #expect((fields["weightsHash"] as? String)?.hasPrefix("fnv1a64:") == true)
      try expectFailure(
        "asura-trace", ["info", "a.h5", "--run", "1"], in: folder, status: 2, "one trace")
    }
  }

  @Test func verifyFindsWhatIsWrong() throws {
    try withRun { folder in
      try capture("a.h5", in: folder)
      let sound = try run("asura-trace", ["verify", "a.h5"], in: folder)
      #expect(sound.status == 0 && sound.output.hasPrefix("a.h5: sound"), "\(sound)")

      // A bit of a latent turned.
      let url = folder.appending(path: "a.h5")
      let reader = try TraceReader(url)
      let latent: Tensor<Float> = try reader.latent(
        iteration: 3, entries: ["batch": 0..<1, "position": 0..<1])
      let whole = try Data(contentsOf: url)
      let place = try #require(
        whole.range(of: latent.elements.withUnsafeBytes { Data($0) })
      ).lowerBound
      var bytes = whole
      bytes[place + 5] ^= 8
      try bytes.write(to: url)
      let damaged = try run("asura-trace", ["verify", "a.h5"], in: folder)
      #expect(damaged.status == 5, "\(damaged)")
      for part in ["a.h5: 1 fault", "/run/latent/latent", "iteration 3", "at byte", "checksum"] {
        #expect(damaged.output.contains(part), "\(part): \(damaged.output)")
      }
      let data = try run("asura-trace", ["verify", "a.h5", "--json"], in: folder)
      #expect(data.status == 5)
      let fields = try #require(try json(data.output) as? [String: Any])
      let result = try #require(fields["verification"] as? [String: Any])
      let finding = try #require((result["findings"] as? [[String: Any]])?.first)
      #expect(finding["kind"] as? String == "chunk" && finding["iteration"] as? Int == 3)
      let offset = try #require(finding["offset"] as? Int)
      #expect(offset <= place && place - offset < 4 << 20)
    }
  }

  /// A change that keeps the checksums right is found by the sums, or by the weights' hash.
  @Test func verifyComparesTheNumbersWithThoseThatWereWritten() throws {
    try withRun { folder in
      for (name, path, part) in [
        ("a.h5", "run/latent/latent", "sum to"), ("b.h5", "weights", "hash"),
      ] {
        try capture(name, in: folder)
        let url = folder.appending(path: name)
        guard let python else { return }
        let script = """
          import sys, h5py
          with h5py.File(sys.argv[1], "r+") as file:
              if sys.argv[2] == "weights":
                  group = file["run/model/weights"]
                  data = group[sorted(group)[0]]
              else:
                  data = file[sys.argv[2]]
              data[(0,) * data.ndim] += 1
          """
        let edit = try run(python, ["-c", script, url.path, path], in: folder)
        #expect(edit.status == 0, "\(edit)")
        let outcome = try run("asura-trace", ["verify", name], in: folder)
        #expect(outcome.status == 4 && outcome.output.contains(part), "\(outcome)")
      }
    }
  }

  @Test func diffSaysWhereTracesPart() throws {
    try withRun { folder in
      try capture("a.h5", in: folder)
      try capture("b.h5", in: folder)
      try capture("c.h5", seed: 6, in: folder)
      let equal = try run("asura-trace", ["diff", "a.h5", "b.h5"], in: folder)
      #expect(equal.status == 0 && equal.output.contains("The traces are equal."), "\(equal)")
      let other = try run("asura-trace", ["diff", "a.h5", "c.h5"], in: folder)
      #expect(other.status == 4, "\(other)")
      for part in ["inputs differ in tokens", "The traces part at iteration", "latent", "batch"] {
        #expect(other.output.contains(part), "\(part): \(other.output)")
      }
      let data = try run(
        "asura-trace", ["diff", "a.h5", "c.h5", "--json", "--sites", "latent,readout.*"], in: folder
      )
      #expect(data.status == 4)
      let fields = try #require(try json(data.output) as? [String: Any])
      let comparison = try #require(fields["comparison"] as? [String: Any])
      let sites = try #require(comparison["sites"] as? [[String: Any]])
      #expect(fields["isEqual"] as? Bool == false)
      let names = sites.compactMap { $0["site"] as? String }
      #expect(
        names.first == "latent" && names.contains("readout.loss") && !names.contains("logits"))
      #expect((sites[0]["steps"] as? [Any])?.count == 5)
      try expectFailure(
        "asura-trace", ["diff", "a.h5", "b.h5", "--sites", "latnet"], in: folder, status: 3,
        "did you mean latent?")
      try expectFailure(
        "asura-trace", ["diff", "a.h5", "b.h5", "--tolerance", "-1"], in: folder, status: 2)
      try expectFailure(
        "asura-trace", ["diff", "a.h5", "nothing.h5"], in: folder, status: 5, "nothing.h5")
    }
  }

  @Test func exportsSelectAndAppearWhole() throws {
    try withRun { folder in
      try capture("a.h5", in: folder)
      let options = ["--sites", "latent", "--iter", "1...3", "--batch", "2...4"]
      for name in ["a.npz", "a.csv", "a.safetensors"] {
        let outcome = try run("asura-trace", ["export", "a.h5", "-o", name] + options, in: folder)
        #expect(outcome.status == 0 && outcome.output.contains(name), "\(outcome)")
        try expectFailure(
          "asura-trace", ["export", "a.h5", "-o", name], in: folder, status: 2, "--force")
      }
      let weights = try Safetensors(contentsOf: folder.appending(path: "a.safetensors"))
      let latents: Tensor<Float> = try weights.tensor("latent")
      #expect(latents.shape == [3, 3, 5, 16])
      #expect(try weights.integers("latent/iteration") == [1, 2, 3])
      #expect(try weights.integers("latent/batch") == [2, 3, 4])
      #expect(weights.metadata["latent"] == "iteration,batch,position,width")
      let reader = try TraceReader(folder.appending(path: "a.h5"))
      for t in 1...3 {
        let expected: Tensor<Float> = try reader.latent(iteration: t, entries: ["batch": 2..<5])
        #expect(latents[t - 1].isIdentical(to: expected))
      }
      let table = try String(contentsOf: folder.appending(path: "a.csv"), encoding: .utf8)
      let lines = table.split(separator: "\n")
      #expect(lines.count == 1 + latents.count)
      #expect(lines[0] == "site,iteration,batch,position,width,value")
      #expect(lines[1] == "latent,1,2,0,0,\(latents.elements[0])")
      #expect(lines[lines.count - 1].hasPrefix("latent,3,4,4,15,"))

      for (options, status, part) in [
        (["--batch", "4...9"], 3, "no examples"), (["--batch", "x"], 2, "'x'"),
        (["--iter", "9"], 3, "iteration"), (["--sites", "nothing"], 3, "nothing"),
        (["--format", "mat"], 2, "npz, csv and safetensors"),
      ] as [([String], Int32, String)] {
        try expectFailure(
          "asura-trace", ["export", "a.h5", "-o", "x.npz"] + options, in: folder, status: status,
          part)
      }
      try expectFailure("asura-trace", ["export", "a.h5"], in: folder, status: 2, "--format")
      #expect(!files.fileExists(atPath: folder.appending(path: "x.npz").path))
      #expect(!files.fileExists(atPath: folder.appending(path: "x.npz.partial").path))
    }
  }

  @Test(.enabled(if: python != nil, "ASURA_PYTHON names no Python with numpy and safetensors"))
  func pythonReadsTheExports() throws {
    try withRun { folder in
      try capture("a.h5", in: folder)
      for name in ["a.npz", "a.csv", "a.safetensors"] {
        #expect(try run("asura-trace", ["export", "a.h5", "-o", name], in: folder).status == 0)
      }
      let script = """
        import csv, h5py, numpy
        from safetensors.numpy import load_file
        archive, tensors = numpy.load("a.npz"), load_file("a.safetensors")
        assert set(archive.files) == set(tensors)
        with h5py.File("a.h5") as file:
            for site, path in {"latent": "run/latent/latent", "logits": "run/readout/logits",
                               "readout.loss": "run/readout/loss",
                               "readout.correct": "run/readout/correct"}.items():
                stored = file[path][()]
                for found in archive[site], tensors[site]:
                    assert found.dtype == stored.dtype and numpy.array_equal(
                        found, stored, equal_nan=stored.dtype.kind == "f"), site
            pattern = file["run/attention/pattern"][:, 0]
            assert numpy.array_equal(archive["core.0.attn.pattern"], pattern)
            assert list(archive["core.0.attn.pattern/iteration"]) == [1, 2, 3, 4]
        values = {}
        with open("a.csv", newline="") as file:
            for row in csv.DictReader(file):
                values.setdefault(row["site"], []).append(float(row["value"]))
        for site, found in values.items():
            expected = archive[site].ravel()
            found = numpy.array(found).astype(expected.dtype)
            assert numpy.array_equal(found, expected, equal_nan=expected.dtype.kind == "f"), site
        assert sum(map(len, values.values())) == sum(
            archive[name].size for name in archive.files if "/" not in name)
        """
      let read = try run(try #require(python), ["-c", script], in: folder)
      #expect(read.status == 0, "\(read)")
    }
  }

  @Test func repackedTracesAreEqual() throws {
    try withRun { folder in
      try capture("a.h5", in: folder)
      let repack = ["repack", "a.h5", "-o", "b.h5", "--deflate", "1"]
      let outcome = try run("asura-trace", repack, in: folder)
      #expect(outcome.status == 0, "\(outcome)")
      #expect(try run("asura-trace", ["diff", "a.h5", "b.h5"], in: folder).status == 0)
      #expect(try run("asura-trace", ["verify", "b.h5"], in: folder).status == 0)
      try expectFailure("asura-trace", repack, in: folder, status: 2, "--force")
      try expectFailure("asura-trace", ["repack", "a.h5"], in: folder, status: 2, "-o")
      try expectFailure(
        "asura-trace", ["repack", "a.h5", "-o", "c.h5", "--deflate", "10"], in: folder, status: 2)
    }
  }

  @Test func linkedTracesAreReadByTheirNumber() throws {
    try withRun { folder in
      for (index, name) in ["a.h5", "b.h5"].enumerated() {
        try capture(name, seed: index, in: folder)
      }
      for (name, more) in [("all.h5", [String]()), ("copy.h5", ["--copy"])] {
        let outcome = try run(
          "asura-trace", ["link", "a.h5", "b.h5", "-o", name] + more, in: folder)
        #expect(
          outcome.status == 0 && outcome.output.contains("2 traces along 'run'"), "\(outcome)")
        let info = try run("asura-trace", ["info", name], in: folder)
        #expect(info.status == 0 && info.output.contains("b.h5"), "\(info)")
        let one = try run("asura-trace", ["info", name, "--run", "1"], in: folder)
        #expect(one.status == 0 && one.output.contains("complete, 5 iterations"), "\(one)")
        #expect(try run("asura-trace", ["verify", name], in: folder).status == 0)
        let same = try run("asura-trace", ["diff", name, "b.h5", "--run", "1"], in: folder)
        #expect(same.status == 2, "b.h5 is one trace: \(same)")
        let within = try run("asura-trace", ["diff", name, name, "--run", "0,1"], in: folder)
        #expect(within.status == 4, "\(within)")
        #expect(
          try run("asura-trace", ["diff", name, name, "--run", "1"], in: folder).status == 0)
        try expectFailure(
          "asura-trace", ["export", name, "-o", "x.npz"], in: folder, status: 2, "2 traces")
        try expectFailure(
          "asura-trace", ["info", name, "--run", "2"], in: folder, status: 3, "number 2")
      }
      try files.removeItem(at: folder.appending(path: "b.h5"))
      let info = try run("asura-trace", ["info", "all.h5"], in: folder)
      #expect(info.status == 5 && info.output.contains("not readable"), "\(info)")
      try expectFailure(
        "asura-trace", ["info", "all.h5", "--run", "1"], in: folder, status: 5, "b.h5",
        "not there any more")
      #expect(try run("asura-trace", ["verify", "copy.h5"], in: folder).status == 0)

      try capture("c.h5", iterations: 3, in: folder)
      try expectFailure(
        "asura-trace", ["link", "a.h5", "c.h5", "-o", "x.h5"], in: folder, status: 2, "c.h5",
        "iterations 3 from 1 to 3")
      try expectFailure(
        "asura-trace", ["link", "a.h5", "c.h5", "-o", "x.h5", "--at", "1,x"], in: folder, status: 2,
        "'x' is no number")
      #expect(!files.fileExists(atPath: folder.appending(path: "x.h5").path))
    }
  }

  // MARK: - Hostile files

  private static let package = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  static let findings: [URL] = {
    let folder = package.appending(path: "Tests/AsuraTraceTests/findings")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.sorted().map { folder.appending(path: $0) }
  }()

  /// What the fuzzer found to crash libhdf5, hang it or fill the memory is an error to every command that opens
  /// traces, and soon.
  @Test(arguments: findings)
  func findingsOfTheFuzzerAreErrors(finding: URL) throws {
    let seeds = try ["schema-1.h5", "schema-1-paged.h5"].map {
      try SeedFile(contentsOf: Self.package.appending(path: "Traces/golden/\($0)"))
    }
    let edits = FileEdits(try Data(contentsOf: finding), seeds: seeds.count)
    try withFolder { folder in
      try Data(edits.applied(to: seeds[edits.seed])).write(to: folder.appending(path: "a.h5"))
      let start = Date()
      for arguments in [["info", "a.h5"], ["verify", "a.h5"]] {
        try expectFailure("asura-trace", arguments, in: folder, status: 5, "a.h5")
      }
      try expectFailure("asura-probe", ["jacobian", "a.h5"], in: folder, status: 5, "a.h5")
      #expect(Date().timeIntervalSince(start) < 60)
    }
  }

  /// Random damage anywhere: an error, a fault named or the right values, never a crash. What libhdf5 itself
  /// makes of such files is for the child process to suffer.
  @Test func randomDamageNeverCrashesACommand() throws {
    let whole = try Data(contentsOf: Self.package.appending(path: "Traces/golden/schema-1.h5"))
    try withFolder { folder in
      var random = Random(seed: 1)
      for _ in 0..<40 {
        var bytes = whole
        for _ in 0..<4 {
          bytes[Int.random(in: 0..<bytes.count, using: &random)] =
            UInt8.random(in: 0...255, using: &random)
        }
        try bytes.write(to: folder.appending(path: "a.h5"))
        let outcome = try run("asura-trace", ["verify", "a.h5"], in: folder)
        #expect([0, 4, 5].contains(outcome.status), "\(outcome)")
      }
    }
  }

  @Test func thereAreFindings() { #expect(Self.findings.count >= 8) }
}
