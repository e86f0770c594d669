import Asura
import AsuraTestSupport
import Foundation
import Testing

/// Captures that are killed, followed, resumed.
///
/// `scripts/kill-capture.sh N` kills N times.
@Suite(.serialized) struct KillTests {
  private static let kills =
    ProcessInfo.processInfo.environment["ASURA_KILLS"].flatMap { Int($0) } ?? 8
  private static let iterations = 1500
  private static let ways = [
    [], ["--deflate", "1", "--keep-bits", "10"], ["--deflate", "1"], ["--no-swmr"],
  ]

  private func capture(_ name: String, _ way: [String]) -> [String] {
    ["capture", "run", "--iterations", "\(Self.iterations)", "--examples", "24", "-o", name] + way
  }

  /// Kills at random moments: every iteration that a reader had seen committed is recovered, and with `--resume`
  /// the trace comes out as if nothing had happened.
  @Test func noCommittedIterationIsLost() throws {
    try withRun { folder in
      var wholes: [[String: Data]] = []
      var seconds = 0.0
      for way in Self.ways {
        let start = Date()
        let outcome = try run("asura-trace", capture("whole.h5", way) + ["--force"], in: folder)
        #expect(outcome.status == 0, "\(outcome)")
        seconds = max(seconds, Date().timeIntervalSince(start))
        wholes.append(try storedData(folder.appending(path: "whole.h5")))
      }
      var random = Random(seed: UInt64(Self.kills))
      var (killed, early, committed) = (0, 0, 0)
      for attempt in 0..<4 * Self.kills where killed < Self.kills {
        let number = attempt % Self.ways.count
        let delay = Double.random(in: 0...seconds, using: &random)
        let (wasKilled, last) = try killOnce(folder, number, wholes[number], after: delay)
        if wasKilled {
          killed += 1
          if let last { committed += last + 1 } else { early += 1 }
        }
      }
      #expect(killed == Self.kills)
      print(
        "\(killed) kills, \(early) of them before the first commit; \(committed) iterations had been "
          + "committed, none was lost, and all traces resumed to the same content")
    }
  }

  private func killOnce(
    _ folder: URL, _ number: Int, _ whole: [String: Data], after delay: Double
  ) throws -> (wasKilled: Bool, last: Int?) {
    let way = Self.ways[number]
    let url = folder.appending(path: "a.h5")
    let partial = TraceRecovery.partial(of: url)
    var seen = -1
    let outcome = try run("asura-trace", capture("a.h5", way), in: folder) { process in
      let end = Date(timeIntervalSinceNow: delay)
      while process.isRunning && Date() < end {
        // Readers let in while the file is set up find nothing yet.
        seen = max(seen, (try? TraceReader(partial))?.lastIteration ?? -1)
        usleep(500)
      }
      kill(process.processIdentifier, SIGKILL)
    }
    defer { try? FileManager.default.removeItem(at: url) }
    let label = "\(way), killed after \(delay) s, \(seen) seen: \(outcome)"
    guard outcome.status == SIGKILL, !FileManager.default.fileExists(atPath: url.path) else {
      #expect(try storedData(url) == whole, "\(label)")
      return (false, nil)
    }
    guard FileManager.default.fileExists(atPath: partial.path) else {
      #expect(seen < 0, "\(label)")
      return (true, nil)
    }

    let recovered = folder.appending(path: "recovered.h5")
    let recovery = try run(
      "asura-trace", ["recover", "a.h5", "-o", "recovered.h5", "--force"], in: folder)
    guard recovery.status == 0 else {
      // Killed while the file was set up.
      #expect(recovery.error.contains("nothing to recover") && seen < 0, "\(label) \(recovery)")
      try FileManager.default.removeItem(at: partial)
      return (true, nil)
    }
    let trace = try TraceReader(recovered)
    let last = trace.lastIteration ?? -1
    let isWhole = trace.status == .complete && last == trace.iterations
    #expect((trace.status == .incomplete || isWhole) && last >= seen, "\(last): \(label)")
    #expect(trace.committedIterations == last + 1)
    // Rows lie one after the other, so what was recovered is the beginning of the whole.
    for (path, data) in try storedData(recovered) where !path.hasSuffix("/fired") {
      #expect(whole[path]?.prefix(data.count) == data, "\(path): \(label)")
    }
    let findings = try trace.verify().findings
    #expect(findings.allSatisfy { $0.kind == .incomplete }, "\(findings) \(label)")

    let resumed = try run("asura-trace", capture("a.h5", way + ["--resume"]), in: folder)
    #expect(resumed.status == 0, "\(resumed) \(label)")
    #expect(try storedData(url) == whole, "\(label)")
    #expect(try TraceReader(url).status == .complete)
    #expect(!FileManager.default.fileExists(atPath: partial.path))
    return (true, last < 0 ? nil : last)
  }

  @Test func recoverAndResumeSayWhatTheyFind() throws {
    try withRun { folder in
      let url = folder.appending(path: "a.h5")
      let partial = TraceRecovery.partial(of: url)
      func killed() throws {
        _ = try run("asura-trace", capture("a.h5", ["--force"]), in: folder) { process in
          while process.isRunning, (try? TraceReader(partial))?.lastIteration ?? 0 < 3 {
            usleep(1000)
          }
          kill(process.processIdentifier, SIGKILL)
        }
      }
      try killed()
      // A capture that was killed is in the way of another.
      try expectFailure(
        "asura-trace", capture("a.h5", []), in: folder, status: 2, "a.h5.partial", "--resume")
      try expectFailure(
        "asura-trace", ["recover", "nothing.h5"], in: folder, status: 5, "nothing.h5")
      // Something else is not gone on with.
      let other = [
        "capture", "run", "--iterations", "1499", "-o", "a.h5", "--resume", "--seed", "9",
      ]
      try expectFailure(
        "asura-trace", other, in: folder, status: 2, "iterations: 1500 in the trace, 1499 now",
        "the input", "the seed of examples")
      let recovery = try run("asura-trace", ["recover", "a.h5.partial"], in: folder)
      #expect(recovery.status == 0 && recovery.output.contains("that had been committed"))
      #expect(try TraceReader(url).status == .incomplete)
      #expect(!FileManager.default.fileExists(atPath: partial.path))
      try expectFailure(
        "asura-trace", ["recover", "a.h5"], in: folder, status: 2, "nothing to recover")
      // An incomplete trace is gone on with like one that was killed.
      #expect(try run("asura-trace", capture("a.h5", ["--resume"]), in: folder).status == 0)
      #expect(try TraceReader(url).status == .complete)
      try expectFailure(
        "asura-trace", capture("a.h5", ["--resume"]), in: folder, status: 2, "complete")
    }
  }

  /// Killed within the first moments: the file's beginning is there, and speaks of more than is.
  @Test func aFileOfWhichOnlyTheBeginningIsThere() throws {
    try withRun { folder in
      let partial = TraceRecovery.partial(of: folder.appending(path: "a.h5"))
      #expect(try run("asura-trace", capture("whole.h5", ["--no-swmr"]), in: folder).status == 0)
      let whole = try Data(contentsOf: folder.appending(path: "whole.h5"))
      try whole.prefix(108).write(to: partial)
      try expectFailure(
        "asura-trace", ["recover", "a.h5"], in: folder, status: 5, "nothing to recover")
      #expect(FileManager.default.fileExists(atPath: partial.path))
    }
  }

  /// Where the latent is not recorded whole, the iterations before are computed again.
  @Test func resumingWithoutALatentGivesTheSame() throws {
    try withRun { folder in
      func arguments(_ name: String) -> [String] {
        [
          "capture", "run", "--iterations", "900", "--sites", "core.*.mlp.post,embed,logits", "-o",
          name,
        ]
      }
      #expect(try run("asura-trace", arguments("whole.h5"), in: folder).status == 0)
      let partial = TraceRecovery.partial(of: folder.appending(path: "a.h5"))
      _ = try run("asura-trace", arguments("a.h5"), in: folder) { process in
        while process.isRunning, (try? TraceReader(partial))?.lastIteration ?? 0 < 3 { usleep(500) }
        kill(process.processIdentifier, SIGKILL)
      }
      let resumed = try run("asura-trace", arguments("a.h5") + ["--resume"], in: folder)
      #expect(resumed.status == 0, "\(resumed)")
      #expect(
        try storedData(folder.appending(path: "a.h5"))
          == storedData(folder.appending(path: "whole.h5")))
    }
  }

  @Test(.enabled(if: python != nil, "ASURA_PYTHON names no Python with h5py"))
  func h5pyFollowsARunningCapture() throws {
    try withRun { folder in
      let script = """
        import sys, time, h5py, numpy
        path, counts = sys.argv[1], set()
        deadline = time.time() + 60
        file = None
        while time.time() < deadline and len(counts) < 5:
            if file is None:
                try:
                    file = h5py.File(path, "r", swmr=True)
                    committed = file["run/iteration"]
                    latent = file["run/latent/latent"]
                except (OSError, KeyError):
                    file = None
                    time.sleep(0.01)
                    continue
            committed.refresh()
            latent.refresh()
            n = committed.shape[0]
            if n:
                assert list(committed[-2:]) == list(range(n))[-2:]
                assert latent.shape[0] >= n
                row = latent[n - 1]
                assert numpy.isfinite(row).all() and (n == 1 or abs(row).sum() > 0)
            counts.add(n)
            time.sleep(0.01)
        print(len(counts))
        """
      let url = folder.appending(path: "a.h5")
      let outcome = try run(
        "asura-trace",
        ["capture", "run", "--iterations", "200000", "--sites", "latent", "-o", "a.h5"], in: folder
      ) { process in
        let partial = TraceRecovery.partial(of: url)
        while process.isRunning, !FileManager.default.fileExists(atPath: partial.path) {
          usleep(1000)
        }
        let read = try run(try #require(python), ["-c", script, partial.path], in: folder)
        #expect(read.status == 0 && read.output == "5\n", "\(read)")
        // So does our reader, while the capture goes on.
        var seen: Set<Int> = []
        let end = Date(timeIntervalSinceNow: 60)
        while seen.count < 5 && Date() < end {
          if let trace = try? TraceReader(partial), let last = trace.lastIteration {
            let latent: Tensor<Float> = try trace.latent(iteration: last)
            #expect(trace.status == .running && latent.isFinite)
            seen.insert(last)
          }
          usleep(10_000)
        }
        #expect(seen.count == 5)
        kill(process.processIdentifier, SIGINT)
      }
      #expect(outcome.status == 1 && outcome.error.contains("valid trace"), "\(outcome)")
      #expect(try TraceReader(url).status == .incomplete)
    }
  }

  /// The most memory a capture takes does not depend on how many iterations there are, and is little more than
  /// that of a run that records almost nothing.
  @Test(.enabled(if: FileManager.default.fileExists(atPath: "/proc/self/status"), "needs /proc"))
  func memoryIsFlat() throws {
    try withRun { folder in
      func peak(_ arguments: String...) throws -> Double {
        var kilobytes = 0.0
        let outcome = try run(
          "asura-trace",
          ["capture", "run", "--examples", "2000", "--length", "5", "--force", "-o", "a.h5"]
            + arguments, in: folder
        ) { process in
          let path = "/proc/\(process.processIdentifier)/status"
          while process.isRunning {
            let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
            let line = text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
            let number = line?.split(separator: " ").dropFirst().first.flatMap { Double($0) }
            kilobytes = max(kilobytes, number ?? 0)
            usleep(300)
          }
        }
        #expect(outcome.status == 0, "\(outcome)")
        return kilobytes / 1024
      }
      let plain = try peak("--iterations", "50", "--iter", "50", "--sites", "latent")
      // The least of three: beside other tests the writer may fall behind, and its queue fill up to its bound, in either.
      let few = try (0..<3).map { _ in try peak("--iterations", "50") }.min() ?? .infinity
      let many = try (0..<3).map { _ in try peak("--iterations", "300") }.min() ?? .infinity
      #expect(plain > 5 && few < plain + 64 && many < plain + 64, "\(plain) \(few) \(many)")
      #expect(abs(few - many) < 24, "\(few) \(many) MiB")
    }
  }
}
