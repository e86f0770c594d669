import Asura
import Foundation
import Testing

/// Training as a process that is interrupted, killed and taken up again.
@Suite struct RunAndResumeTests {
  private let files = FileManager.default

  /// The lines of a run's metrics, each a JSON object.
  private func metrics(_ folder: URL) throws -> [[String: Any]] {
    try String(contentsOf: folder.appending(path: "metrics.jsonl"), encoding: .utf8)
      .split(separator: "\n").map { try #require(try json(String($0)) as? [String: Any]) }
  }

  /// Waits until the run has written this many lines of metrics.
  private func wait(for lines: Int, in folder: URL, _ process: Process) {
    let url = folder.appending(path: "metrics.jsonl")
    while process.isRunning {
      let text = (try? String(contentsOf: url, encoding: .utf8)) ?? ""
      if text.utf8.count(where: { $0 == UInt8(ascii: "\n") }) >= lines { return }
      usleep(1000)
    }
  }

  private func checkMetrics(_ folder: URL) throws {
    let lines = try metrics(folder)
    #expect(lines.compactMap { $0["step"] as? Int } == Array(stride(from: 3, through: 300, by: 3)))
    for key in ["loss", "exactMatch", "symbolAccuracy", "gradientNorm", "learningRate"] {
      #expect(lines.allSatisfy { ($0[key] as? Double)?.isFinite == true }, "\(key)")
    }
  }

  @Test func aRunLeavesWhatItSays() throws {
    let source = try trained.get()
    let folder = source.appending(path: "run")
    #expect(
      try Set(files.contentsOfDirectory(atPath: folder.path)) == [
        "recipe.yaml", "checkpoint.safetensors", "metrics.jsonl", "tensorboard",
        "model.safetensors", "model.json", "task.json",
      ])
    try checkMetrics(folder)
    let text = try String(contentsOf: source.appending(path: "summary.json"), encoding: .utf8)
    let summary = try #require(try json(text) as? [String: Any])
    #expect(summary["finished"] as? Bool == true && summary["step"] as? Int == 300)
    // The recipe is echoed whole, and is the same recipe.
    #expect(
      try Recipe(contentsOf: folder.appending(path: "recipe.yaml"))
        == Recipe(contentsOf: source.appending(path: "recipe.yaml")))
  }

  /// Killed at whatever moment, three times over: the same bytes in the end.
  @Test func killedRunsEndWithTheSameBytes() throws {
    let whole = try Data(
      contentsOf: trained.get().appending(path: "run/model.safetensors"))
    let moments = (0..<3).map { _ in
      (lines: Int.random(in: 0...25), wait: UInt32.random(in: 0...5000))
    }
    try withFolder { folder in
      try Data(recipe.utf8).write(to: folder.appending(path: "recipe.yaml"))
      let run = folder.appending(path: "run")
      // By force, since the first kill may leave a folder that cannot be resumed yet.
      var arguments = ["run", "recipe.yaml", "-o", "run", "--force"]
      var lines = 0
      for moment in moments {
        lines += moment.lines
        let outcome = try CommandTests.run("asura-train", arguments, in: folder) { process in
          wait(for: lines, in: run, process)
          usleep(moment.wait)
          kill(process.processIdentifier, SIGKILL)
        }
        // On a busy machine it may be done before we are.
        #expect([0, SIGKILL].contains(outcome.status), "\(moments): \(outcome)")
        guard files.fileExists(atPath: run.appending(path: "recipe.yaml").path) else { continue }
        arguments = ["resume", "run"]
      }
      // A last line that was cut short, as a full buffer would leave it.
      if arguments[0] == "resume",
        let handle = try? FileHandle(forWritingTo: run.appending(path: "metrics.jsonl"))
      {
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(#"{"step":9"#.utf8))
      }
      let outcome = try CommandTests.run("asura-train", arguments + ["--threads", "1"], in: folder)
      #expect(outcome.status == 0, "\(moments): \(outcome)")
      #expect(try Data(contentsOf: run.appending(path: "model.safetensors")) == whole, "\(moments)")
      try checkMetrics(run)
      try checkTensorBoard(run)
    }
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func ctrlCSavesAndSaysHowToGoOn(signal: Int32) throws {
    try withFolder { folder in
      try Data(recipe.utf8).write(to: folder.appending(path: "recipe.yaml"))
      let run = folder.appending(path: "my run")
      let outcome = try CommandTests.run(
        "asura-train", ["run", "recipe.yaml", "-o", "my run", "--set", "training.steps=100000"],
        in: folder
      ) { process in
        wait(for: 2, in: run, process)
        kill(process.processIdentifier, signal)
      }
      #expect(outcome.status == 0, "\(outcome)")
      #expect(outcome.output.contains("of 100000; nothing is lost."), "\(outcome)")
      #expect(outcome.output.contains("asura-train resume 'my run'\n"), "\(outcome)")
      #expect(!files.fileExists(atPath: run.appending(path: "model.safetensors").path))
      let checkpoint = try Safetensors(contentsOf: run.appending(path: "checkpoint.safetensors"))
      let step = try #require(checkpoint.metadata["step"].flatMap(Int.init))
      #expect(outcome.output.contains("Stopped at step \(step) of"))
      #expect(try metrics(run).compactMap { $0["step"] as? Int }.max() == step / 3 * 3)
    }
  }

  @Test func resumingAFinishedRunChangesNothing() throws {
    try withRun { folder in
      let before = try contents(folder.appending(path: "run"))
      let outcome = try run("asura-train", ["resume", "run"], in: folder)
      #expect(outcome.status == 0)
      #expect(outcome.output == "Trained 300 steps. The model is run/model.safetensors.\n")
      #expect(outcome.error.isEmpty, "\(outcome)")
      #expect(try contents(folder.appending(path: "run")) == before)
    }
  }

  @Test func anotherRunIsNotOverwrittenUnlessForced() throws {
    try withRun { folder in
      let target = folder.appending(path: "run")
      try Data("mine".utf8).write(to: target.appending(path: "notes.txt"))
      let before = try contents(target)
      let short = ["run", "recipe.yaml", "-o", "run", "--set", "training.steps=2"]
      try expectFailure("asura-train", short, in: folder, status: 2, "not empty", "--force")
      #expect(try contents(target) == before)
      // What cannot be trained overwrites nothing either.
      for wrong in ["training.steps=0", "model.attention.heads=3", "task.alphabet=1", "nonsense"] {
        try expectFailure(
          "asura-train", short + ["--force", "--set", wrong], in: folder, status: 2)
      }
      #expect(try contents(target) == before)
      #expect(try run("asura-train", short + ["--force"], in: folder).status == 0)
      #expect(try metrics(target).count == 1)
      #expect(files.fileExists(atPath: target.appending(path: "notes.txt").path))
      // A file in the way.
      try expectFailure(
        "asura-train", ["run", "recipe.yaml", "-o", "recipe.yaml", "--force"], in: folder,
        status: 2, "recipe.yaml is a file")
    }
  }

  @Test func whatCannotBeResumed() throws {
    try withRun { folder in
      let checkpoint = folder.appending(path: "run/checkpoint.safetensors")
      let whole = try Data(contentsOf: checkpoint)
      func refuses(_ bytes: Data, _ message: String) throws {
        try bytes.write(to: checkpoint)
        let before = try contents(folder.appending(path: "run"))
        try expectFailure("asura-train", ["resume", "run"], in: folder, status: 5, message)
        #expect(try contents(folder.appending(path: "run")) == before)
      }
      try refuses(whole.prefix(whole.count / 2), "checkpoint.safetensors is not a valid")
      try refuses(Data(), "only 0 bytes")
      try refuses(Data("PK\u{3}\u{4}, a foreign file".utf8), "checkpoint.safetensors")
      try refuses(
        try Data(contentsOf: folder.appending(path: "run/model.safetensors")),
        "not a checkpoint of this run")
      // A moment that is no number: the state's last four bytes.
      try refuses(whole.dropLast(4) + Data([0, 0, 0xC0, 0x7F]), "holds NaN or infinite values")
      // Lengths of 2⁶³ and offsets that lie.
      try refuses(Data([0, 0, 0, 0, 0, 0, 0, 0x80]) + whole.dropFirst(8), "header claims")
      let lie = #"{"model.head.weight":{"dtype":"F32","shape":[5,16],"data_offsets":[0,99999999]}}"#
      try refuses(
        Data([UInt8(lie.utf8.count), 0, 0, 0, 0, 0, 0, 0]) + Data(lie.utf8), "model.head.weight")

      try whole.write(to: checkpoint)
      try files.removeItem(at: folder.appending(path: "run/recipe.yaml"))
      try expectFailure("asura-train", ["resume", "run"], in: folder, status: 5, "no recipe.yaml")
      try expectFailure("asura-train", ["resume", "nowhere"], in: folder, status: 5, "nowhere")
    }
  }

  @Test func tracesFollowARun() throws {
    try withRun { folder in
      let outcome = try run(
        "asura-train",
        [
          "run", "recipe.yaml", "-o", "followed", "--set", "training.steps=25", "--trace-every",
          "10", "--trace-sites", "latent,logits", "--trace-iterations", "3", "--trace-examples",
          "2",
        ], in: folder)
      #expect(outcome.status == 0 && outcome.output.contains("traces.h5"), "\(outcome)")
      let plain = try run(
        "asura-train", ["run", "recipe.yaml", "-o", "plain", "--set", "training.steps=25"],
        in: folder)
      #expect(plain.status == 0)
      func model(_ run: String) throws -> Data {
        try Data(contentsOf: folder.appending(path: "\(run)/model.safetensors"))
      }
      #expect(try model("followed") == model("plain"), "tracing changes no bit")
      let linked = try LinkedTraces(folder.appending(path: "followed/traces.h5"))
      #expect(linked.axis == "step" && linked.coordinates == [0, 10, 20, 25])
      let reader = try linked.open(3)
      #expect(try reader.site("latent").shape == [2, 5, 16])
      #expect(try reader.site("latent").iterations == [0, 1, 2, 3])

      // Taken up again, there is nothing more to do, and nothing twice.
      let again = try run("asura-train", ["resume", "followed"], in: folder)
      #expect(again.status == 0, "\(again)")
      #expect(
        try LinkedTraces(folder.appending(path: "followed/traces.h5")).coordinates
          == linked.coordinates)
      try expectFailure(
        "asura-train", ["run", "recipe.yaml", "-o", "x", "--trace-sites", "latent"], in: folder,
        status: 2, "--trace-every")
      try expectFailure(
        "asura-train",
        ["run", "recipe.yaml", "-o", "x", "--trace-every", "5", "--trace-sites", "latnet"],
        in: folder, status: 3, "Did you mean latent?")
      #expect(!files.fileExists(atPath: folder.appending(path: "x").path))
    }
  }

  /// Weights that overflow: exit 4 with the step, the batch's seed and the checkpoint to go back to.
  @Test func aLossThatIsNotFiniteNamesWhatIsNeeded() throws {
    try withRun { folder in
      let checkpoint = folder.appending(path: "run/checkpoint.safetensors")
      let file = try Safetensors(contentsOf: checkpoint)
      var metadata = file.metadata
      metadata["step"] = "100"
      let poisoned = try Safetensors.encode(
        file.entries.keys.sorted().map { name in
          let tensor: Tensor<Float> = try file.tensor(name)
          return (
            name, name == "model.head.weight" ? Tensor(tensor.shape, repeating: 3e38) : tensor
          )
        }, metadata: metadata)
      try poisoned.write(to: checkpoint)
      try expectFailure(
        "asura-train", ["resume", "run"], in: folder, status: 4, "step 101", "seed 3",
        "run/checkpoint.safetensors, step 100", "optimizer.learningRate")
      #expect(try Data(contentsOf: checkpoint) == poisoned)
    }
  }

  @Test(.enabled(if: canMount, "no file system can be mounted here to be filled"))
  func aFullDiskLosesNothing() throws {
    try withRun { folder in
      let disk = folder.appending(path: "disk")
      try files.createDirectory(at: disk, withIntermediateDirectories: false)
      #expect(try mountSmallDisk(in: disk).status == 0)
      defer { try? unmount(disk) }
      let start = try run(
        "asura-train",
        ["run", "recipe.yaml", "-o", "disk/run", "--set", "training.steps=10"], in: folder)
      #expect(start.status == 0, "\(start)")
      let target = disk.appending(path: "run")
      let before = try contents(target)
      // Fill what is left, then ask for more.
      let filler = disk.appending(path: "filler")
      try Data().write(to: filler)
      let handle = try FileHandle(forWritingTo: filler)
      while (try? handle.write(contentsOf: Data(count: 4096))) != nil {}
      let text = try String(contentsOf: target.appending(path: "recipe.yaml"), encoding: .utf8)
      #expect(text.contains("steps: 10\n"))
      for (command, arguments) in [
        ("asura-train", ["run", "recipe.yaml", "-o", "disk/other"]),
        ("asura-train", ["resume", "disk/run"]),
        ("asura-train", ["export", "run", "-o", "disk/exported.safetensors"]),
        ("asura-trace", ["capture", "run", "-o", "disk/trace.h5"]),
      ] {
        let outcome = try run(command, arguments, in: folder)
        #expect(outcome.status == 1, "\(arguments): \(outcome)")
        #expect(outcome.error.contains("disk/"), "\(outcome)")
        #expect(outcome.error.lowercased().contains("space"), "\(outcome)")
      }
      let after = try contents(target)
      for name in ["recipe.yaml", "checkpoint.safetensors", "model.safetensors", "model.json"] {
        #expect(after[name] == before[name], "\(name)")
      }
      let left = try Set(files.contentsOfDirectory(atPath: disk.path))
      #expect(
        left.isDisjoint(with: ["exported.safetensors", "exported.json", "trace.h5"]), "\(left)")
    }
  }

  @Test(.enabled(if: !isRoot, "to root no folder is read-only"))
  func aReadOnlyFolder() throws {
    try withRun { folder in
      let locked = folder.appending(path: "locked")
      try files.createDirectory(
        at: locked, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o555])
      for (command, arguments) in [
        ("asura-train", ["run", "recipe.yaml", "-o", "locked/run"]),
        ("asura-train", ["export", "run", "-o", "locked/a.safetensors"]),
        ("asura-trace", ["capture", "run", "-o", "locked/a.h5"]),
      ] { try expectFailure(command, arguments, in: folder, status: 1, "locked") }
      #expect(try files.contentsOfDirectory(atPath: locked.path).isEmpty)
    }
  }

  /// `/proc` takes no files, from root neither.
  @Test(.enabled(if: FileManager.default.fileExists(atPath: "/proc/self"), "only Linux has /proc"))
  func aFolderThatTakesNoFiles() throws {
    try withRun { folder in
      for (command, arguments) in [
        ("asura-train", ["run", "recipe.yaml", "-o", "/proc/asura"]),
        ("asura-train", ["export", "run", "-o", "/proc/asura.safetensors"]),
        ("asura-trace", ["capture", "run", "-o", "/proc/asura.h5"]),
      ] { try expectFailure(command, arguments, in: folder, status: 1, "/proc") }
    }
  }

  @Test(.enabled(if: hasTensorBoard, "ASURA_PYTHON names no Python with tensorboard"))
  func tensorBoardReadsARun() throws {
    try checkTensorBoard(trained.get().appending(path: "run"))
  }

  /// TensorBoard's own reader finds every step's loss, once; checks nothing where there is none.
  private func checkTensorBoard(_ folder: URL) throws {
    guard hasTensorBoard else { return }
    let script = """
      import sys
      from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
      events = EventAccumulator(sys.argv[1]).Reload()
      assert "loss" in events.Tags()["scalars"], events.Tags()
      assert [e.step for e in events.Scalars("loss")] == list(range(3, 301, 3))
      """
    let outcome = try run(
      try #require(python), ["-c", script, folder.appending(path: "tensorboard").path],
      in: folder)
    #expect(outcome.status == 0, "\(outcome)")
  }
}
