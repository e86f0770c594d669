import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

struct RepackCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "repack",
    abstract: "Write a trace anew for programs that follow single trajectories.",
    discussion: """
      A capture stores iteration after iteration. The new file stores together all
      iterations of one example's positions, so that one trajectory is read in a few
      pieces. The content is the same, and every reader opens it as before.

        asura-trace repack addition.h5 -o addition-by-example.h5 --deflate 1
      """)

  @OptionGroup var source: TraceOptions

  @Option(help: ArgumentHelp("Compression from 0, none, to 9.", valueName: "level"))
  var deflate = 0

  @Option(
    help: ArgumentHelp("Memory for values, in MiB; more makes it faster.", valueName: "MiB"))
  var memory = 256

  @OptionGroup var output: OutputOptions
  @OptionGroup var reporting: ReportingOptions

  func validate() throws {
    guard (0...9).contains(deflate) else {
      throw ValidationError("--deflate is \(deflate), expected 0 to 9")
    }
    guard (1...1_048_576).contains(memory) else {
      throw ValidationError("--memory is \(memory), expected 1 or more")
    }
  }

  private struct Report: Encodable {
    let trace: String
    let bytes: Int
  }

  func run() throws {
    guard let name = output.output else {
      throw CommandError("no file to write is named", status: .usage, remedy: "give one with -o")
    }
    let url = URL(fileURLWithPath: name)
    var repack = TraceRepack(try source.open(), deflate: deflate)
    repack.memory = memory << 20
    var progress: ProgressBar?
    try withInterrupts {
      try repack.write(to: url, overwriting: output.force) { bytes, total in
        let bar = progress ?? reporting.progress("repacking", total: total >> 10, unit: "KiB")
        progress = bar
        bar.update(bytes >> 10)
        try checkInterrupt()
      }
    }
    progress?.finish()
    let bytes = try FileManager.default.attributesOfItem(atPath: url.path)[.size] as? Int ?? 0
    if reporting.json {
      try JSONOutput.print(Report(trace: url.relativePath, bytes: bytes))
    } else {
      print("Wrote \(url.relativePath), \(byteText(bytes)).")
    }
  }
}
