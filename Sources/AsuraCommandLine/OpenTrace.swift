import Asura
import Foundation

/// Opens a trace that may come from anywhere: a child process looks at it first
/// (`TraceExamination`).
/// - Parameter run: which of the traces, counted from 0, in a file that links several.
public func openTrace(_ path: String, run: Int? = nil) throws -> TraceReader {
  let url = URL(fileURLWithPath: path)
  let linked = try openLinkedTraces(path)
  guard let linked else {
    guard (run ?? 0) == 0 else {
      throw CommandError("--run \(run ?? 0): \(path) holds one trace", status: .usage)
    }
    return try TraceReader(url)
  }
  guard let run else {
    throw CommandError(
      "\(path) links \(linked.sources.count) traces along '\(linked.axis)'", status: .usage,
      remedy: linked.isStandalone
        ? "choose one where there is --run, which counts from 0"
        : "open one of them itself, such as \(linked.sources[0])")
  }
  if linked.sources.indices.contains(run), !linked.isStandalone {
    let source = url.deletingLastPathComponent().appendingPathComponent(linked.sources[run])
    // A missing one is told of by the link, which knows its place.
    if FileManager.default.fileExists(atPath: source.path) { try TraceExamination.check(source) }
  }
  return try linked.open(run)
}

/// Opens a file of linked traces, as `openTrace` does; nil if it holds a single one.
public func openLinkedTraces(_ path: String) throws -> LinkedTraces? {
  let url = URL(fileURLWithPath: path)
  if FileManager.default.fileExists(atPath: url.path) { try TraceExamination.check(url) }
  return try LinkedTraces.isLinked(url) ? LinkedTraces(url) : nil
}
