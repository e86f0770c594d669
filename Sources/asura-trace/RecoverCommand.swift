import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

struct RecoverCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recover", abstract: "Make a valid trace of what a killed capture left.",
    discussion: """
      A capture writes NAME.partial until it ends. If it is killed, every iteration
      it had committed is in that file: this makes the trace NAME of it, marked
      incomplete, and removes NAME.partial. To go on with the capture instead, give
      its command again with --resume.
      """)

  @Argument(help: ArgumentHelp("The trace that was being captured, with or without .partial."))
  var trace: String

  @OptionGroup var output: OutputOptions
  @OptionGroup var reporting: ReportingOptions

  private struct Report: Encodable {
    let trace: String
    let committed: Int
    let lastIteration: Int?
  }

  func run() throws {
    let given = URL(fileURLWithPath: trace)
    let name =
      given.pathExtension == "partial" ? given.deletingPathExtension() : given
    let partial = TraceRecovery.partial(of: name)
    let target = output.output.map { URL(fileURLWithPath: $0) } ?? name
    let source = FileManager.default.fileExists(atPath: partial.path) ? partial : given
    if FileManager.default.fileExists(atPath: source.path) {
      // What its writer did not close, or only began, cannot be examined: it has yet to be recovered. One that was
      // killed may also lack bytes that its beginning speaks of.
      do { try TraceExamination.check(source) } catch let error as TraceError
        where error.message.contains("did not close it") || error.kind == .foreign
        || (source == partial && "\(error)".contains("truncated file"))
      {}
    }
    let result = try TraceRecovery.recover(
      source, to: target, overwriting: output.force || source == target)
    // All of it is in the trace now, which would be in the way of another capture otherwise.
    if output.output == nil && source == partial {
      try? FileManager.default.removeItem(at: partial)
    }
    if reporting.json {
      return try JSONOutput.print(
        Report(
          trace: target.relativePath, committed: result.committed, lastIteration: result.last))
    }
    if let last = result.last {
      print(
        "\(target.relativePath) holds the \(result.committed) iterations that had been committed, "
          + "the last being \(last).")
    } else {
      print(
        "\(target.relativePath) is valid, but no iteration had been committed when the capture was "
          + "killed.")
    }
  }
}
