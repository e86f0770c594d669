import Foundation

/// What was saved of a capture that was killed.
public struct TraceRecovery: Sendable, Equatable {
  /// How many iterations it had committed, and the last of them; all are in the new trace.
  public let committed: Int
  public let last: Int?

  /// The file that a capture of the trace `url` writes until its end.
  public static func partial(of url: URL) -> URL {
    OutputFile(url: url, overwrites: false).partial
  }

  /// Makes a valid trace of a file that a killed capture left, marked incomplete unless the capture had ended and only
  /// lacked its name.
  ///
  /// It works on a copy, which takes its name when it is whole: whenever this is killed itself, nothing is lost.
  /// - Parameters:
  ///   - source: what the capture left, `NAME.partial`. It stays.
  ///   - overwriting: whether a file called `target` is replaced.
  /// - Throws: `TraceError`: `missing`; `exists`; `misuse` for a file that is being written, or ended in order;
  ///   `damaged` for one that has no iterations since its capture was killed while setting it up.
  @discardableResult
  public static func recover(
    _ source: URL, to target: URL, overwriting: Bool = false
  ) throws -> TraceRecovery {
    let output = OutputFile(url: target, overwrites: overwriting, suffix: ".recovering")
    guard FileManager.default.fileExists(atPath: source.path) else {
      throw TraceError(.missing, "there is no such file", file: source)
    }
    guard !WriterLock.isHeld(source) else {
      throw TraceError(
        .misuse, "the capture that writes this file is still running",
        advice: "Wait for it, or stop it with Ctrl-C", file: source)
    }
    output.discard()
    try output.checkFree()
    do {
      try FileManager.default.copyItem(at: source, to: output.partial)
    } catch {
      throw TraceError(
        .inaccessible, "could not be copied: \(error.localizedDescription)",
        advice: "Check the permissions and the free space", file: source)
    }
    defer { output.discard() }
    let advice = "The capture was killed while it set the file up: there is nothing to recover"
    let result = try TraceError.locating(source, .damaged, advice: advice) {
      do {
        return try end(output.partial, source)
      } catch let error as TraceError where error.kind == .foreign {
        throw TraceError(.damaged, "no trace has been begun in it", advice: advice, file: source)
      }
    }
    try output.publish()
    return result
  }

  /// Brings a copy to its end as its writer would have.
  private static func end(_ url: URL, _ source: URL) throws -> TraceRecovery {
    let file = try H5File.openAbandoned(url)
    do {
      try TraceReader.check(file)
      let run = try file.root.group("run")
      let (count, last) = try RecordedArray.committed(in: run)
      guard try run.text("status") == TraceReader.Status.running.rawValue else {
        guard source.pathExtension == "partial" else {
          throw TraceError(
            .misuse, "this trace was ended in order: there is nothing to recover", file: source)
        }
        // Killed after it had ended, just before it took its name: all it lacks is that.
        try file.close()
        return TraceRecovery(committed: count, last: last < 0 ? nil : last)
      }
      try file.root.walk { _, member in
        guard case .group(let group) = member, try group.contains("iteration") else { return }
        let rows = try RecordedArray.iterations(of: group, upTo: last).count
        try group.cut(toRows: rows)
      }
      try TraceEnding(
        status: "incomplete", reason: "the capture was killed", count: count,
        last: last < 0 ? nil : last
      ).write(to: file.root)
      try file.flush()
      try file.close()
      return TraceRecovery(committed: count, last: last < 0 ? nil : last)
    } catch {
      try? file.close()
      throw error
    }
  }
}
