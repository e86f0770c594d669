import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

struct LinkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "link", abstract: "Show many traces as one, stacked along a run axis.",
    discussion: """
      The new file shows every recorded array of all the traces with an axis of its
      own before the iteration, without copying a value: h5py and xarray read it as
      one. The traces must have recorded the same sites, axes and iterations, and
      stay where they are, in the folder of the new file or below. With --copy they
      are copied into it instead, and it stands alone.

        asura-trace link seeds/*.h5 -o seeds/all.h5
        asura-trace link a.h5 b.h5 --axis step --at 0,500 -o training.h5 --copy
      """)

  @Argument(help: "The traces, in order.")
  var traces: [String]

  @Option(help: "What the new axis is called.")
  var axis = "run"

  @Option(
    help: ArgumentHelp(
      "Where each trace stands on it, rising. (default: 0,1,2…)", valueName: "numbers"))
  var at: String?

  @Flag(help: "Copy the traces into the file.")
  var copy = false

  @OptionGroup var output: OutputOptions
  @OptionGroup var reporting: ReportingOptions

  private struct Report: Encodable {
    let linked: String
    let axis: String
    let traces: [String]
  }

  func run() throws {
    guard let name = output.output else {
      throw CommandError("no file to write is named", status: .usage, remedy: "give one with -o")
    }
    let url = URL(fileURLWithPath: name)
    var link = TraceLink(traces.map { URL(fileURLWithPath: $0) }, axis: axis)
    if let at {
      link.coordinates = try at.split(separator: ",", omittingEmptySubsequences: false).map {
        guard let number = Int($0.trimmingCharacters(in: .whitespaces)) else {
          throw CommandError(
            "--at is '\(at)', and '\($0)' is no number", status: .usage,
            remedy: "expected one for each trace, as in 0,500,1000")
        }
        return number
      }
    }
    link.copies = copy
    link.program = "asura-trace"
    link.commandLine = CommandLine.arguments.joined(separator: " ")
    for trace in traces where FileManager.default.fileExists(atPath: trace) {
      try TraceExamination.check(URL(fileURLWithPath: trace))
    }
    let progress = copy ? reporting.progress("copying", total: nil, unit: "KiB") : nil
    try withInterrupts {
      try link.write(to: url, overwriting: output.force) { bytes in
        progress?.update(bytes >> 10)
        try checkInterrupt()
      }
    }
    progress?.finish()
    if reporting.json {
      try JSONOutput.print(Report(linked: url.relativePath, axis: axis, traces: traces))
    } else {
      print("Wrote \(url.relativePath): \(traces.count) traces along '\(axis)'.")
    }
  }
}
