import ArgumentParser
import AsuraCommandLine
import Foundation

// A small program on AsuraCommandLine, which the tests run as a user would.

struct Fixture: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fixture", subcommands: [Fail.self, Iterate.self, Write.self, Wait.self])
}

/// Ends with the status asked for, or with an error of another kind.
struct Fail: AsyncParsableCommand {
  @Argument var kind: String

  struct Foreign: Error, CustomStringConvertible { var description: String { "foreign" } }
  struct Known: Error {}

  func run() async throws {
    switch kind {
    case "foreign": throw Foreign()
    case "known": throw Known()
    case "exit": throw ExitCode(7)
    case "validation": throw ValidationError("not together")
    case "clean": throw CleanExit.message("all is well")
    case "foundation": _ = try Data(contentsOf: URL(filePath: "/nonexistent/file"))
    default:
      let status = Int32(kind).flatMap(CommandStatus.init(rawValue:)) ?? .failure
      throw CommandError("failed with \(kind)", status: status, remedy: "try another number")
    }
  }
}

/// Resolves `--iter` against 0…50 and prints it as JSON.
struct Iterate: ParsableCommand {
  @Option(help: "Which iterations.", transform: IterationRange.init(parsing:))
  var iter = IterationRange.all(from: 0)
  @OptionGroup var reporting: ReportingOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var seed: SeedOptions

  func run() throws {
    try JSONOutput.print(iter.resolve(available: 0...50))
  }
}

/// Writes `size` bytes to `-o`.
struct Write: ParsableCommand {
  @OptionGroup var output: OutputOptions
  @Option var size = 10

  func run() throws {
    let file = try output.file(default: "fixture.txt")
    try file?.write(String(repeating: "x", count: size))
  }
}

/// Shows progress until it is interrupted, then says so; `--deaf` doesn't look.
struct Wait: AsyncParsableCommand {
  @Option var seconds = 10.0
  @Flag var deaf = false
  @OptionGroup var reporting: ReportingOptions

  func run() async throws {
    Interrupt.install()
    let steps = Int(seconds * 100)
    let progress = reporting.progress("wait", total: steps, unit: "step")
    for step in 1...steps {
      try await Task.sleep(for: .milliseconds(10))
      progress.update(step, "loss \(Double(steps - step) / Double(steps))")
      if Interrupt.isRequested && !deaf {
        progress.finish()
        print("stopped at a step")
        return
      }
    }
    progress.finish()
    print("waited")
  }
}

await Fixture.runAsMain { error in
  error is Fail.Known ? CommandError("known", status: .incompleteInput) : nil
}
