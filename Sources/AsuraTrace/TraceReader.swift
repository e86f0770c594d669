import Foundation

/// Reads a trace: what is in it, and slices of it by site and iteration, never the whole file.
///
/// Files are checked before they are believed: a missing, truncated, foreign or lying file gives a
/// `TraceError`. A trace whose capture was interrupted reads up to its last committed iteration.
public struct TraceReader: Sendable {
  /// How a capture ended.
  public enum Status: String, Sendable {
    /// It still runs, or was killed.
    case running
    /// It recorded everything it meant to.
    case complete
    /// It was ended early, for `reason`.
    case incomplete
  }

  public let url: URL
  public let status: Status
  /// Why the trace is incomplete.
  public let reason: String?
  /// The program that made the trace, with its version.
  public let program: String
  /// The command as it was given.
  public let commandLine: String
  /// When the capture began and ended, in ISO 8601; nil where it never ended.
  public let startTime: String?
  public let endTime: String?
  /// How many iterations were committed, and the last of them.
  public let committedIterations: Int
  public let lastIteration: Int?
  /// How many iterations the run was to have, recorded or not; nil where the trace does not say.
  public let iterations: Int?
  /// What was recorded, in order of the sites' names.
  public let sites: [RecordedSite]
  /// The series of the readout that were recorded, named `readout.loss` and the like: `values` and
  /// the other ways to read sites take these names too.
  public let readouts: [RecordedSite]

  let file: H5File
  let run: H5Group
  let arrays: [String: RecordedArray]

  /// Opens a trace.
  /// - Throws: `TraceError`: `missing`, `inaccessible`, `foreign` (not a trace), `version`,
  ///   `damaged`.
  public init(_ url: URL) throws {
    let file: H5File
    let run: H5Group
    (file, run) = try Self.locating(url) {
      let file = try H5File.open(url)
      try Self.check(file)
      if let axis = try file.root.text(LinkedTraces.mark) {
        throw TraceError(
          .foreign, "this file links several traces along '\(axis)'",
          advice: "Open one of them: its own file, or by its number")
      }
      return (file, try file.root.group("run"))
    }
    try self.init(url, file, run)
  }

  /// Reads what is in the run `run` of a file.
  init(_ url: URL, _ file: H5File, _ run: H5Group) throws {
    self.url = url
    self.file = file
    self.run = run
    let found = try Self.locating(url) {
      do { return try RecordedArray.all(in: run) } catch let error as TraceError
        where error.kind == .notFound
      {
        throw TraceError(.damaged, "its groups are not those of a trace: \(error.message)")
      }
    }
    arrays = found.sites.merging(found.readouts) { site, _ in site }
    sites = found.sites.values.map(\.site).sorted { $0.name < $1.name }
    readouts = found.readouts.values.map(\.site).sorted { $0.name < $1.name }
    (status, reason, program, commandLine) = try Self.locating(url) {
      let text = try run.text("status") ?? ""
      guard let status = Status(rawValue: text) else {
        throw TraceError(.damaged, "the trace has the unknown status '\(text)'")
      }
      return (
        status, try run.text("reason"), try run.text("program") ?? "",
        try run.text("command_line") ?? ""
      )
    }
    (startTime, endTime) = try Self.locating(url) {
      (try run.text("start_time"), try run.text("end_time"))
    }
    (committedIterations, lastIteration) = try Self.locating(url) {
      let (count, last) = try RecordedArray.committed(in: run)
      return (count, last < 0 ? nil : last)
    }
    iterations = try Self.locating(url) {
      let total = try run.integer("iterations")
      if let total, total < 0 {
        throw TraceError(.damaged, "the trace is of \(total) iterations")
      }
      return total
    }
  }

  /// Refuses files that are no traces, or of another schema.
  static func check(_ file: H5File) throws {
    guard case .integer(let schema)? = try file.root.attribute("asura_schema") else {
      throw TraceError(
        .foreign, "this HDF5 file is not a trace: its root has no integer 'asura_schema'",
        advice: "Traces are made by asura-trace capture")
    }
    guard schema == TraceHeader.schema else {
      throw TraceError(
        .version, "the trace has schema \(schema), this program reads \(TraceHeader.schema)",
        advice: schema > TraceHeader.schema ? "Use a newer version of ASURA" : "")
    }
  }

  static func locating<R>(_ url: URL, _ body: () throws -> R) throws -> R {
    try TraceError.locating(
      url, .damaged, advice: "The file may be truncated or damaged; capture it again", body)
  }

  func locating<R>(_ body: () throws -> R) throws -> R { try Self.locating(url, body) }
}
