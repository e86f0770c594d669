import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

/// A trace to read.
struct TraceOptions: ParsableArguments {
  @Argument(help: "The trace.")
  var trace: String

  @Option(
    help: ArgumentHelp(
      "Which trace of a file that links several, from 0.", valueName: "number"))
  var run: Int?

  func open() throws -> TraceReader { try openTrace(trace, run: run) }
}

/// The sites that patterns choose of a trace, with the series of its readout; all when nil. A
/// pattern that matches nothing is an error.
func chosenSites(_ patterns: String?, of reader: TraceReader) throws -> [String]? {
  guard let patterns else { return nil }
  let names = (reader.sites + reader.readouts).map(\.name)
  var chosen: [String] = []
  for part in patterns.split(separator: ",") {
    let pattern = part.trimmingCharacters(in: .whitespaces)
    let found = names.filter { fnmatch(pattern, $0, 0) == 0 }
    guard !found.isEmpty else {
      throw CommandError(
        "--sites: nothing in the trace matches '\(pattern)'", status: .nothingMatched,
        remedy: nearest(to: pattern, in: names).map { "did you mean \($0)?" }
          ?? "it has \(names.joined(separator: ", "))")
    }
    chosen += found.filter { !chosen.contains($0) }
  }
  guard !chosen.isEmpty else {
    throw CommandError("--sites names no site", status: .nothingMatched)
  }
  return chosen
}

/// Thrown by progress callbacks to end a piece of work in order.
struct Interrupted: Error {}

/// Runs a piece of work that Ctrl-C may end: it leaves no file then.
func withInterrupts<R>(_ body: () throws -> R) throws -> R {
  Interrupt.install()
  do {
    return try body()
  } catch is Interrupted {
    throw CommandError("interrupted: nothing was written")
  }
}

/// Stops the work under way if that was asked for.
func checkInterrupt() throws {
  if Interrupt.isRequested { throw Interrupted() }
}
