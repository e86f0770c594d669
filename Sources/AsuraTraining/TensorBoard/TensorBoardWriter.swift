import Foundation
internal import SwiftProtobuf

/// Writes scalars for TensorBoard: `tensorboard --logdir DIRECTORY` shows them, `wandb sync`
/// uploads them.
///
///     let board = try TensorBoardWriter(directory: runFolder)
///     try board.add(["loss": 0.52, "accuracy": 0.91], step: 100)
///     try board.close()
///
/// Every writer begins a file of its own, as TensorBoard's own do. A run that resumes gives the
/// step it resumes after, and readers then drop what the interrupted run wrote beyond it.
///
/// Values are kept in memory for up to five seconds; `flush`, `close` and the writer's end write
/// them out.
public final class TensorBoardWriter {
  /// The file being written.
  public let url: URL
  private let file: FileHandle
  private var pending: [UInt8] = []
  private var written: UInt64 = 0
  private var lastFlush: Date
  private let clock: () -> Date

  /// Begins a new event file `events.out.tfevents.TIME.HOST` in `directory`, which is made if need
  /// be.
  ///
  /// - Parameters:
  ///   - step: the last step that stands from before, for a run that resumes; values of later steps
  ///     in the directory's earlier files are superseded.
  ///   - clock: tells the time of events.
  /// - Throws: `TensorBoardError` when the directory or the file can't be made.
  public init(
    directory: URL, resumingAfter step: Int? = nil, clock: @escaping () -> Date = { Date() }
  ) throws {
    self.clock = clock
    let now = clock()
    lastFlush = now
    do {
      try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
      url = try Self.newFile(in: directory, at: now)
      file = try FileHandle(forWritingTo: url)
    } catch {
      throw TensorBoardError(path: directory.path, underlying: error)
    }
    try append { $0.fileVersion = "brain.Event:2" }
    if let step {
      try append {
        $0.step = Int64(step + 1)
        $0.sessionLog.status = .start
      }
    }
    try flush()
  }

  deinit { try? close() }

  /// Adds one scalar at a step. NaN and infinities are kept, and TensorBoard marks them.
  public func add(_ tag: String, _ value: Double, step: Int) throws {
    try add([tag: value], step: step)
  }

  /// Adds several scalars at a step, in order. A `/` in a tag groups charts: `loss/train`,
  /// `loss/eval`.
  ///
  /// - Throws: `TensorBoardError` when writing fails; what was pending is kept for another try.
  public func add(_ values: KeyValuePairs<String, Double>, step: Int) throws {
    try append { event in
      event.step = Int64(step)
      event.summary.value = values.map { tag, value in
        TensorBoardSummary.Value.with {
          $0.tag = tag
          $0.simpleValue = Float(value)
        }
      }
    }
    if pending.count > 1 << 16 || clock().timeIntervalSince(lastFlush) >= 5 { try flush() }
  }

  /// Writes out what was added.
  public func flush() throws {
    do {
      try file.write(contentsOf: pending)
    } catch {
      // Half a record would hide all that follows it.
      try? file.truncate(atOffset: written)
      throw TensorBoardError(path: url.path, underlying: error)
    }
    written += UInt64(pending.count)
    pending.removeAll(keepingCapacity: true)
    lastFlush = clock()
  }

  /// Writes out what was added and closes the file; adding more is an error.
  public func close() throws {
    if !pending.isEmpty { try flush() }
    try file.close()
  }

  private func append(_ fill: (inout TensorBoardEvent) -> Void) throws {
    var event = TensorBoardEvent()
    event.wallTime = clock().timeIntervalSince1970
    fill(&event)
    TFRecord.append(try event.serializedBytes(), to: &pending)
  }

  /// Makes the file. Readers go through a directory's files by name: a new one must sort last, even
  /// when a run resumes within the second or the clock was set back.
  private static func newFile(in directory: URL, at now: Date) throws -> URL {
    let prefix = "events.out.tfevents."
    let times = try FileManager.default.contentsOfDirectory(atPath: directory.path)
      .filter { $0.hasPrefix(prefix) }
      .compactMap { Int64($0.dropFirst(prefix.count).prefix { $0 != "." }) }
    let latest = times.max().map { $0 < .max ? $0 + 1 : $0 } ?? 0
    let time = max(Int64(now.timeIntervalSince1970), latest)
    let digits = String(time)
    let padded = String(repeating: "0", count: max(0, 10 - digits.count)) + digits
    let url = directory.appending(path: "\(prefix)\(padded).\(host)")
    try Data().write(to: url, options: .withoutOverwriting)
    return url
  }
}

/// This machine's name as it knows it itself: `ProcessInfo.hostName` may ask the network.
private var host: String {
  var name = [CChar](repeating: 0, count: 256)
  guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
  return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}

/// An event file that could not be made or written.
public struct TensorBoardError: Error, CustomStringConvertible {
  public let path: String
  public let underlying: any Error

  public var description: String {
    """
    cannot write TensorBoard events to \(path): \(underlying.localizedDescription)
      check that the directory can be written to and that the disk has space
    """
  }
}
