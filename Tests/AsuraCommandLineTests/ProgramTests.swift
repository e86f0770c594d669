import AsuraCommandLine
import Foundation
import Testing

/// Runs a program built on AsuraCommandLine: what counts here is what the shell sees.
@Suite struct ProgramTests {
  @Test(arguments: CommandStatus.allCases)
  func errorsEndWithTheirStatus(status: CommandStatus) throws {
    let outcome = try runFixture(["fail", "\(status.rawValue)"])
    #expect(outcome.status == status.rawValue)
    #expect(outcome.error == "error: failed with \(status.rawValue)\n  try another number\n")
    #expect(outcome.output.isEmpty)
  }

  @Test(arguments: [
    ("foreign", 1, "error: foreign\n"), ("known", 5, "error: known\n"), ("exit", 7, ""),
  ])
  func otherErrors(kind: String, status: Int32, error: String) throws {
    #expect(try runFixture(["fail", kind]) == Outcome(status: status, output: "", error: error))
  }

  @Test func foundationErrorsNameTheFile() throws {
    let outcome = try runFixture(["fail", "foundation"])
    #expect(outcome.status == 1)
    #expect(outcome.error.hasPrefix("error: /nonexistent/file: "), "\(outcome.error)")
  }

  @Test func cleanExitsAndHelpAreSuccesses() throws {
    #expect(
      try runFixture(["fail", "clean"])
        == Outcome(status: 0, output: "all is well\n", error: ""))
    for arguments in [["--help"], ["iterate", "--help"], ["help", "iterate"], []] {
      let outcome = try runFixture(arguments)
      #expect(outcome.status == 0)
      #expect(outcome.output.contains("USAGE: fixture"))
      #expect(outcome.error.isEmpty)
    }
  }

  @Test(arguments: [
    (["fail", "validation"], "error: not together"),
    (["iterat"], "error: "),
    (["iterate", "--itre", "3"], "Did you mean '--iter'?"),
    (["iterate", "--iter", "50...1"], "did you mean 1...50?"),
    (["iterate", "--iter=-1"], "did you mean last?"),
    (["iterate", "--threads", "100000"], "to work with"),
    (["iterate", "--threads", "0"], "expected a number from 1 to"),
    (["iterate", "--seed", "-x"], "Missing value for '--seed <n>'"),
    (["iterate", "--seed=-1"], "expected a whole number"),
  ])
  func wrongUsageEndsWith2(arguments: [String], message: String) throws {
    let outcome = try runFixture(arguments)
    #expect(outcome.status == 2)
    #expect(outcome.error.hasPrefix("error: "), "\(outcome.error)")
    #expect(outcome.error.contains(message), "\(outcome.error)")
    #expect(!outcome.error.contains("\u{1B}"))
    #expect(outcome.output.isEmpty)
  }

  @Test func resultsGoToStandardOutput() throws {
    let outcome = try runFixture([
      "iterate", "--iter", "0...50:25", "--threads", "1", "--seed", "7",
    ])
    #expect(outcome == Outcome(status: 0, output: "[0,25,50]\n", error: ""))
    #expect(try runFixture(["iterate", "--iter", "60"]).status == 3)
  }

  @Test func outputIsNotReplacedUnlessForced() throws {
    let directory = try temporaryDirectory()
    defer { try? FileManager.default.removeItem(at: directory) }
    #expect(try runFixture(["write", "-o", "a", "--size", "3"], in: directory).status == 0)
    #expect(try runFixture(["write", "-o", "a"], in: directory).status == 2)
    let file = directory.appending(path: "a")
    #expect(try String(contentsOf: file, encoding: .utf8) == "xxx")
    let forced = try runFixture(
      ["write", "--output", "a", "--force", "--size", "4"], in: directory)
    #expect(forced.status == 0)
    #expect(try String(contentsOf: file, encoding: .utf8) == "xxxx")
  }

  @Test(
    .enabled(if: FileManager.default.fileExists(atPath: "/dev/full"), "only Linux has /dev/full"))
  func resultsThatAreLostAreAFailure() throws {
    let outcome = try runProgram(
      URL(filePath: "/bin/sh"), ["-c", "exec \"$0\" iterate >/dev/full", fixtureURL.path])
    #expect(outcome.status == 1)
    #expect(outcome.error.contains("standard output: no space left"), "\(outcome.error)")
  }

  @Test func withoutATerminalProgressIsPlainLines() throws {
    let outcome = try runFixture(["wait", "--seconds", "0.3"])
    #expect(outcome.status == 0)
    #expect(outcome.output == "waited\n")
    let lines = outcome.error.split(separator: "\n")
    #expect(lines.first?.hasPrefix("wait  1/30 (3%)") == true, "\(outcome.error)")
    #expect((2...20).contains(lines.count), "\(outcome.error)")
    #expect(lines.last?.hasPrefix("wait  30/30 (100%)") == true, "\(outcome.error)")
    #expect(!outcome.error.contains("\r") && !outcome.error.contains("\u{1B}"))
    #expect(try runFixture(["wait", "--seconds", "0.1", "--quiet"]).error == "")
  }
}

@Suite struct InterruptTests {
  /// Waits until the program shows that its handler is in place, then sends `signals`, half a
  /// second apart.
  private func interrupted(_ arguments: [String], _ signals: [Int32]) throws -> Outcome {
    try runFixture(["wait", "--seconds", "20"] + arguments) { process, progress in
      while process.isRunning, try Data(contentsOf: progress).isEmpty { usleep(10_000) }
      for signal in signals where process.isRunning {
        kill(process.processIdentifier, signal)
        usleep(500_000)
      }
    }
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func workEndsInOrder(signal: Int32) throws {
    let outcome = try interrupted([], [signal])
    #expect(outcome.status == 0)
    #expect(outcome.output == "stopped at a step\n")
  }

  @Test func aSecondCtrlCQuitsAtOnce() throws {
    // On a busy machine two may arrive within the moment that counts as one: hence the third.
    let outcome = try interrupted(["--deaf"], [SIGINT, SIGINT, SIGINT])
    #expect(outcome.status == 130)
    #expect(outcome.output.isEmpty)
  }

  @Test func aSecondTerminateDoesNotQuit() throws {
    let outcome = try interrupted(["--deaf", "--seconds", "2"], [SIGTERM, SIGTERM])
    #expect(outcome.status == 0)
    #expect(outcome.output == "waited\n")
  }
}
