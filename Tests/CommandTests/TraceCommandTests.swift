import Asura
import Foundation
import Testing

@Suite struct TraceCommandTests {
  private let files = FileManager.default

  @Test func aCaptureHoldsWhatARunOfTheLibraryRecords() throws {
    try withRun { folder in
      let outcome = try run(
        "asura-trace",
        ["capture", "run", "--iterations", "6", "--examples", "70", "--seed", "5", "-o", "a.h5"],
        in: folder)
      #expect(outcome.status == 0 && outcome.output.contains("a.h5"), "\(outcome)")
      let url = folder.appending(path: "run")
      let model = try RecurrentTransformer<Float>(contentsOf: url)
      let task = try RunFolder.task(besideModel: url).makeTask()
      let reader = try TraceReader(folder.appending(path: "a.h5"))
      // The examples are those of the trace; any others would do as well.
      let input = try reader.input()
      let tokens = try #require(input.tokens)
      var options = RunOptions<Float>()
      options.iterations = 6
      options.record = [.sites("latent", "core.*.attn.pattern")]
      options.readout = .iterations(.all)
      let recorded = try model.run(
        try ModelInput(
          tokens: tokens.elements, batch: 70, positions: 5,
          positionIDs: try task.layout(length: 5).positionIDs), options)
      for t in 0...6 {
        let latent: Tensor<Float> = try reader.latent(iteration: t)
        #expect(latent.isIdentical(to: recorded.recorded["latent", t]!), "latent \(t)")
        let logits: Tensor<Float> = try reader.values("logits", iteration: t)
        #expect(logits.isIdentical(to: recorded.readout[t]!), "logits \(t)")
        guard t > 0 else { continue }
        let pattern: Tensor<Float> = try reader.pattern(block: 0, iteration: t)
        #expect(pattern.isIdentical(to: recorded.recorded["core.0.attn.pattern", t]!), "\(t)")
      }
      let info = try run("asura-trace", ["info", "a.h5"], in: folder)
      #expect(info.status == 0 && info.error.isEmpty, "\(info)")
      for part in [
        "a.h5: complete", "asura-trace capture run --iterations 6", "task: copy",
        "batch 70 × position 5 × width 16", "0...6", "1...6", "‖z_t − z_{t−1}‖",
      ] { #expect(info.output.contains(part), "\(part): \(info.output)") }
      let data = try run("asura-trace", ["info", "a.h5", "--json"], in: folder)
      let fields = try #require(try json(data.output) as? [String: Any])
      #expect(fields["status"] as? String == "complete" && fields["lastIteration"] as? Int == 6)

      // Another capture of the same is the same, on one thread too.
      let again = try run(
        "asura-trace",
        [
          "capture", "run", "--iterations", "6", "--examples", "70", "--seed", "5", "-o", "b.h5",
          "--threads", "1",
        ], in: folder)
      #expect(again.status == 0)
      let second = try TraceReader(folder.appending(path: "b.h5"))
      let (a, b): (Tensor<Float>, Tensor<Float>) = (
        try reader.latent(iteration: 6), try second.latent(iteration: 6)
      )
      #expect(a.isIdentical(to: b))
    }
  }

  @Test func aDryRunSaysHowLargeTheValuesWillBe() throws {
    try withRun { folder in
      let arguments = [
        "capture", "run", "--iterations", "5", "--iter", "0...5:2", "--sites",
        "latent,core.*.attn.pattern, embed", "-o", "a.h5",
      ]
      let dry = try run("asura-trace", arguments + ["--dry-run"], in: folder)
      #expect(dry.status == 0 && !files.fileExists(atPath: folder.appending(path: "a.h5").path))
      #expect(try run("asura-trace", arguments, in: folder).status == 0)
      let reader = try TraceReader(folder.appending(path: "a.h5"))
      #expect(try reader.site("latent").iterations == [0, 2, 4])
      #expect(try reader.site("core.0.attn.pattern").iterations == [2, 4])
      // One chunk an iteration here, with its checksum.
      let bytes = reader.sites.reduce(0) { total, site in
        total + site.shape.reduce(4, *) * site.iterations.count + 4 * site.iterations.count
      }
      #expect(
        dry.output.hasPrefix("\(bytes) bytes for latent, core.0.attn.pattern, embed"), "\(dry)")

      let enough = try run(
        "asura-trace", arguments + ["--dry-run", "--max-bytes", "\(bytes)"], in: folder)
      #expect(enough.status == 0, "\(enough)")
      try expectFailure(
        "asura-trace", arguments + ["--force", "--max-bytes", "0.1kB"], in: folder, status: 2,
        "\(bytes) bytes", "100 bytes", "latent", "--reduce")
      try expectFailure(
        "asura-trace", arguments + ["--force", "--max-bytes", "2 gigs"], in: folder, status: 2,
        "2GB")
      #expect(try TraceReader(folder.appending(path: "a.h5")).status == .complete)
    }
  }

  @Test func whatIsRecordedIsChosenByOptionsAndByAPlan() throws {
    try withRun { folder in
      let plan = """
        - sites: latent
          iterations: 1...last
          positions: 0,4
          batch: 2...3
        - {sites: "core.*.attn.pattern", reduce: mean-heads}
        """
      try Data(plan.utf8).write(to: folder.appending(path: "plan.yaml"))
      let planned = try run(
        "asura-trace", ["capture", "run", "--plan", "plan.yaml", "-o", "a.h5"], in: folder)
      #expect(planned.status == 0, "\(planned)")
      let reader = try TraceReader(folder.appending(path: "a.h5"))
      #expect(reader.sites.map(\.name) == ["core.0.attn.pattern.mean_head", "latent"])
      let latent = try reader.site("latent")
      #expect(latent.axes.map(\.values).prefix(2) == [[2, 3], [0, 4]])
      #expect(latent.iterations == [1, 2, 3])
      #expect(try reader.input().tokens?.shape == [16, 5, 1], "the input is whole")

      let options = try run(
        "asura-trace",
        [
          "capture", "run", "-o", "b.h5", "--sites", "latent", "--positions", "0,4", "--batch",
          "2...3", "--reduce", "norm",
        ], in: folder)
      #expect(options.status == 0, "\(options)")
      let norms = try TraceReader(folder.appending(path: "b.h5")).site("latent.norm")
      #expect(norms.axes.map(\.values) == [[2, 3], [0, 4]])

      try Data("- sites: latent\n  positions: 3...9".utf8).write(
        to: folder.appending(path: "wrong.yaml"))
      for (arguments, status, messages) in [
        (
          ["--plan", "wrong.yaml"], 2, ["wrong.yaml: [0].positions", "positions there are, 0...4"]
        ),
        (["--plan", "nowhere.yaml"], 2, ["nowhere.yaml"]),
        (["--plan", "plan.yaml", "--sites", "latent"], 2, ["--sites and --plan"]),
        (["--positions", "5"], 3, ["--positions 5: no 5 among the positions there are"]),
        (["--batch", "x"], 2, ["'x' is no example"]),
        (["--sites", "latent", "--reduce", "mean-heads"], 3, ["no axis of heads"]),
        (["--sites", "logits", "--reduce", "top:99"], 3, ["the 99 likeliest of 5 classes"]),
        (["--reduce", "mean"], 2, ["mean-heads"]),
      ] as [([String], Int32, [String])] {
        let outcome = try run(
          "asura-trace", ["capture", "run", "-o", "c.h5"] + arguments, in: folder)
        #expect(outcome.status == status, "\(arguments): \(outcome)")
        for message in messages {
          #expect(outcome.error.contains(message), "\(arguments): \(outcome)")
        }
      }
    }
  }

  @Test func examplesComeFromAFileOrStandardInput() throws {
    try withRun { folder in
      let lines = "{\"text\": \"a b c\"}\n{\"text\": \"d d a\"}\n"
      try Data(lines.utf8).write(to: folder.appending(path: "in.jsonl"))
      let outcome = try run(
        "asura-trace", ["capture", "run", "--input", "in.jsonl", "-o", "a.h5"], in: folder)
      #expect(outcome.status == 0 && outcome.output.contains("2 examples"), "\(outcome)")
      let read = try TraceReader(folder.appending(path: "a.h5")).input()
      #expect(read.text == ["a b c", "d d a"] && read.tokens?.elements == [0, 1, 2, 3, 3, 0])
      #expect(read.targets?.elements == [0, 1, 2, 3, 3, 0] && read.task == "copy")

      let command = "printf '{\"tokens\": [0, 3]}' | \"$0\" capture run --input - -o b.h5"
      let piped = try run(
        URL(filePath: "/bin/sh"), ["-c", command, products.appending(path: "asura-trace").path],
        in: folder)
      #expect(piped.status == 0, "\(piped)")
      let tokens = try TraceReader(folder.appending(path: "b.h5")).input().tokens
      #expect(tokens?.shape == [1, 2, 1] && tokens?.elements == [0, 3])

      try Data((lines + "{\"text\": \"a x c\"}").utf8).write(
        to: folder.appending(path: "wrong.jsonl"))
      for (arguments, status, message) in [
        (["--input", "wrong.jsonl"], 2, "wrong.jsonl, line 3: found \"x\""),
        (["--input", "nowhere.jsonl"], 5, "nowhere.jsonl"),
        (["--input", "in.jsonl", "--examples", "3"], 2, "--examples"),
      ] as [([String], Int32, String)] {
        try expectFailure(
          "asura-trace", ["capture", "run", "-o", "c.h5"] + arguments, in: folder, status: status,
          message)
      }
    }
  }

  @Test func sitesAreListedWithTheirSizes() throws {
    let folder = try trained.get()
    let table = try run("asura-trace", ["sites", "run", "--examples", "2"], in: folder)
    let data = try run("asura-trace", ["sites", "run", "--examples", "2", "--json"], in: folder)
    let rows = try #require(try json(data.output) as? [[String: Any]])
    let model = try RecurrentTransformer<Float>(contentsOf: folder.appending(path: "run"))
    #expect(rows.compactMap { $0["site"] as? String } == model.siteList.map(\.description))
    #expect(table.output.split(separator: "\n").count == rows.count + 1)
    let pattern = try #require(rows.first { $0["site"] as? String == "core.0.attn.pattern" })
    #expect(pattern["shape"] as? [Int] == [2, 2, 5, 5] && pattern["bytes"] as? Int == 4 * 100)
    #expect(pattern["type"] as? String == "float32" && pattern["unit"] as? String == "")
  }

  @Test(
    arguments: [
      (["--sites", "core.*.atn.pattern"], 3, "Did you mean core.0.attn.pattern?"),
      (["--sites", "latnet"], 3, "Did you mean latent?"), (["--sites", ","], 3, "no site"),
      (["--iter", "50...1"], 2, "did you mean 1...50?"), (["--iter", "abc"], 2, "'abc'"),
      (["--iter", "9"], 3, "the last is 3"), (["--iter", "0"], 3, "iteration 0"),
      (["--iter", "1...50"], 2, "the last is 3"), (["--iter", ""], 2, "--iter"),
      (["--iterations", "0"], 2, "--iterations is 0"),
      (["--iterations", "abc"], 2, "--iterations"),
      (["--examples", "0"], 2, "examples"), (["--examples", "-1"], 2, "examples"),
      (["--examples", "999999999"], 2, "examples"), (["--length", "0"], 2, "length"),
      (["--length", "1000000", "--examples", "1"], 2, "GB of memory"),
      (["--kind", "uniform"], 2, "example kind"), (["--task", "addition"], 2, "addition needs"),
      (["--task", "nowhere.yaml"], 2, "nowhere.yaml"), (["--threads", "9999"], 2, "to work with"),
    ] as [([String], Int32, String)])
  func wrongOptionsLeaveNoFile(options: [String], status: Int32, message: String) throws {
    let folder = try trained.get()
    try withFolder { target in
      try expectFailure(
        "asura-trace",
        ["capture", "run", "-o", target.appending(path: "a.h5").path] + options, in: folder,
        status: status, message)
      #expect(try files.contentsOfDirectory(atPath: target.path).isEmpty)
    }
  }

  @Test func anExistingTraceIsKeptUnlessForced() throws {
    try withRun { folder in
      let url = folder.appending(path: "a.h5")
      try Data("precious".utf8).write(to: url)
      let capture = ["capture", "run", "-o", "a.h5"]
      try expectFailure("asura-trace", capture, in: folder, status: 2, "a.h5", "--force")
      // Not even with --force, when there is nothing to put in its place.
      try expectFailure(
        "asura-trace", capture + ["--force", "--sites", "latnet"], in: folder, status: 3)
      let model = folder.appending(path: "run/model.safetensors")
      let whole = try Data(contentsOf: model)
      var poisoned = whole
      poisoned.replaceSubrange(poisoned.count - 4..<poisoned.count, with: [0, 0, 0xC0, 0x7F])
      try poisoned.write(to: model)
      try expectFailure("asura-trace", capture + ["--force"], in: folder, status: 5, "NaN")
      try whole.write(to: model)
      #expect(try Data(contentsOf: url) == Data("precious".utf8))
      #expect(try run("asura-trace", capture + ["--force"], in: folder).status == 0)
      #expect(try TraceReader(url).status == .complete)
      // A folder stays one, and nothing is left beside it.
      try expectFailure(
        "asura-trace", ["capture", "run", "-o", "run", "--force"], in: folder, status: 2,
        "run: this is a folder\n  Give the name of a file in it")
      #expect(
        try files.contentsOfDirectory(atPath: folder.path).allSatisfy { !$0.hasSuffix(".partial") })
      for (path, message) in [("nothing.h5", "nothing.h5"), ("recipe.yaml", "not an HDF5 file")] {
        try expectFailure("asura-trace", ["info", path], in: folder, status: 5, message)
      }
    }
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func ctrlCLeavesAValidTrace(signal: Int32) throws {
    try withRun { folder in
      let url = folder.appending(path: "a.h5")
      let outcome = try run(
        "asura-trace",
        ["capture", "run", "--iterations", "100000", "--sites", "latent", "-o", "a.h5"], in: folder
      ) { process in
        let partial = url.path + ".partial"
        let isGrown = {
          ((try? files.attributesOfItem(atPath: partial)[.size] as? Int) ?? 0) > 200_000
        }
        while process.isRunning && !isGrown() { usleep(1000) }
        kill(process.processIdentifier, signal)
      }
      #expect(outcome.status == 1 && outcome.error.contains("valid trace"), "\(outcome)")
      let reader = try TraceReader(url)
      let last = try #require(reader.lastIteration)
      #expect(reader.status == .incomplete && (1..<100_000).contains(last))
      let latent: Tensor<Float> = try reader.latent(iteration: last)
      #expect(latent.isFinite && latent.norm > 0)
      let info = try run("asura-trace", ["info", "a.h5"], in: folder)
      #expect(info.status == 0 && info.output.contains("a.h5: incomplete"), "\(info)")
      #expect(!files.fileExists(atPath: url.path + ".partial"))
    }
  }

  @Test(.enabled(if: python != nil, "ASURA_PYTHON names no Python with h5py and xarray"))
  func pythonReadersOpenACapture() throws {
    try withRun { folder in
      let outcome = try run("asura-trace", ["capture", "run", "-o", "a.h5"], in: folder)
      #expect(outcome.status == 0, "\(outcome)")
      let reader = try TraceReader(folder.appending(path: "a.h5"))
      let latent: Tensor<Float> = try reader.latent(iteration: 3)
      let script = """
        import sys, h5py, numpy, xarray
        with h5py.File(sys.argv[1]) as file:
            total = float(numpy.asarray(file["run/latent/latent"][3], numpy.float64).sum())
            assert file["run/latent/latent"].shape == (4, 16, 5, 16)
        for engine in ["h5netcdf", "netcdf4"]:
            with xarray.open_dataset(sys.argv[1], group="run/latent", engine=engine) as data:
                assert list(data.iteration.values) == [0, 1, 2, 3], data
                assert data.latent.dims == ("iteration", "batch", "position", "width"), data
            with xarray.open_dataset(sys.argv[1], engine=engine) as data:
                assert "relative_step" in data
        print(total)
        """
      let read = try run(
        try #require(python), ["-c", script, folder.appending(path: "a.h5").path], in: folder)
      #expect(read.status == 0, "\(read)")
      let sum = latent.elements.reduce(0) { $0 + Double($1) }
      let found = Double(read.output.trimmingCharacters(in: .whitespacesAndNewlines)) ?? .nan
      #expect(abs(found - sum) < 1e-9 * max(1, abs(sum)), "\(read.output) \(sum)")
    }
  }
}
