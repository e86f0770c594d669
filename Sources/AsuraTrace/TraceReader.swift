import AsuraTensor
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

  private let file: H5File
  private let run: H5Group
  private let arrays: [String: RecordedArray]

  /// Opens a trace.
  /// - Throws: `TraceError`: `missing`, `inaccessible`, `foreign` (not a trace), `version`,
  ///   `damaged`.
  public init(_ url: URL) throws {
    self.url = url
    (file, run, arrays) = try Self.locating(url) {
      let file = try H5File.open(url)
      guard let schema = try Self.schema(of: file) else {
        throw TraceError(
          .foreign, "this HDF5 file is not a trace: its root has no integer 'asura_schema'",
          advice: "Traces are made by asura-trace capture")
      }
      guard schema == TraceHeader.schema else {
        throw TraceError(
          .version, "the trace has schema \(schema), this program reads \(TraceHeader.schema)",
          advice: schema > TraceHeader.schema ? "Use a newer version of ASURA" : "")
      }
      let run = try file.root.group("run")
      return (file, run, try RecordedArray.all(in: run))
    }
    sites = arrays.values.map(\.site).sorted { $0.name < $1.name }

    let run = run
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
      let last = try run.integer("last_iteration") ?? -1
      return (try run.integer("committed_iterations") ?? 0, last < 0 ? nil : last)
    }
    iterations = try Self.locating(url) {
      let total = try run.integer("iterations")
      if let total, total < 0 {
        throw TraceError(.damaged, "the trace is of \(total) iterations")
      }
      return total
    }
  }

  private static func schema(of file: H5File) throws -> Int? {
    switch try file.root.attribute("asura_schema") {
    case .integer(let schema)?: Int(schema)
    default: nil
    }
  }

  private static func locating<R>(_ url: URL, _ body: () throws -> R) throws -> R {
    try TraceError.locating(
      url, .damaged, advice: "The file may be truncated or damaged; capture it again", body)
  }

  private func locating<R>(_ body: () throws -> R) throws -> R { try Self.locating(url, body) }
}

// MARK: - Recorded values

extension TraceReader {
  /// What was recorded of a site.
  /// - Throws: `TraceError` of kind `notFound`, listing what there is.
  public func site(_ name: String) throws -> RecordedSite { try array(name).site }

  /// A site's values at one iteration, converted to `S`; the shape is `site(name).shape`.
  public func values<S: Scalar>(
    _ name: String, iteration: Int, as _: S.Type = S.self
  ) throws -> Tensor<S> {
    let array = try array(name)
    return try locating {
      let row = try Self.row(of: iteration, in: array.site.iterations, name)
      let lead = [row] + (array.block.map { [$0] } ?? [])
      let shape = array.site.shape
      let values = try array.dataset.tensor(
        S.self, start: lead + shape.map { _ in 0 }, count: lead.map { _ in 1 } + shape)
      return values.reshaped(shape)
    }
  }

  /// The latent `[batch, position, width]` after an iteration; iteration 0 is the initial latent.
  public func latent<S: Scalar>(iteration: Int, as _: S.Type = S.self) throws -> Tensor<S> {
    try values("latent", iteration: iteration)
  }

  /// A core block's attention pattern `[batch, head, query, key]` (or `neighbour`) at an iteration.
  public func pattern<S: Scalar>(
    block: Int, iteration: Int, as _: S.Type = S.self
  ) throws -> Tensor<S> {
    try values("core.\(block).attn.pattern", iteration: iteration)
  }

  /// The key positions `[query, neighbour]` of windowed attention, −1 for none; nil where patterns
  /// cover all keys.
  public func neighbours() throws -> IntegerArray? {
    try locating {
      guard try run.contains("attention") else { return nil }
      let attention = try run.group("attention")
      guard try attention.contains("neighbour_key") else { return nil }
      return try attention.dataset("neighbour_key").integers()
    }
  }

  private func array(_ name: String) throws -> RecordedArray {
    guard let array = arrays[name] else {
      let known = sites.map(\.name).joined(separator: ", ")
      throw TraceError(
        .notFound, "the trace has no site '\(name)'", advice: "It has: \(known)", file: url)
    }
    return array
  }

  private static func row(of iteration: Int, in iterations: [Int], _ name: String) throws -> Int {
    guard let row = iterations.firstIndex(of: iteration) else {
      let range = iterations.first.map { "\($0)…\(iterations.last ?? $0)" } ?? "none"
      throw TraceError(
        .notFound, "'\(name)' was not recorded at iteration \(iteration)",
        advice: "It has \(iterations.count) iterations: \(range)")
    }
    return row
  }
}

// MARK: - Series

/// A series of the readout, one value at each `[batch, position]`.
public enum ReadoutSeries: String, Sendable, CaseIterable {
  /// Cross-entropy with the target in nat; NaN without target.
  case loss
  /// 1 where the likeliest class is the target, else 0.
  case correct
  /// Entropy of the class probabilities in nat.
  case entropy
}

extension TraceReader {
  /// The iterations of the summary and its series by name: `relative_step`, `latent_norm`,
  /// `readout_change`, as far as they were recorded.
  public func summary() throws -> (iterations: [Int], series: [String: [Double]]) {
    try locating {
      guard try run.contains("summary") else { return ([], [:]) }
      let group = try run.group("summary")
      let iterations = try RecordedArray.iterations(of: group, upTo: lastIteration ?? -1)
      var series: [String: [Double]] = [:]
      for name in try group.names() where name != "iteration" {
        let dataset = try group.dataset(name)
        guard try dataset.shape().count == 1, try dataset.shape()[0] >= iterations.count else {
          throw TraceError(.damaged, "summary '\(name)' has the shape \(try dataset.shape())")
        }
        series[name] = try dataset.tensor(Double.self, start: [0], count: [iterations.count])
          .elements
      }
      return (iterations, series)
    }
  }

  /// A series of the readout `[batch, position]` at an iteration.
  public func readout<S: Scalar>(
    _ series: ReadoutSeries, iteration: Int, as _: S.Type = S.self
  ) throws -> Tensor<S> {
    try locating {
      guard try run.contains("readout"),
        case let group = try run.group("readout"), try group.contains(series.rawValue)
      else { throw TraceError(.notFound, "the trace has no readout '\(series.rawValue)'") }
      let iterations = try RecordedArray.iterations(of: group, upTo: lastIteration ?? -1)
      let row = try Self.row(of: iteration, in: iterations, series.rawValue)
      let dataset = try group.dataset(series.rawValue)
      let shape = try dataset.shape()
      guard shape.count == 3, shape[0] >= iterations.count else {
        throw TraceError(.damaged, "readout '\(series.rawValue)' has the shape \(shape)")
      }
      return try dataset.tensor(S.self, start: [row, 0, 0], count: [1, shape[1], shape[2]])
        .reshaped([shape[1], shape[2]])
    }
  }
}

// MARK: - Model and input

extension TraceReader {
  /// The model's configuration as JSON; empty if it was left out.
  public func configuration() throws -> String {
    try locating { try run.group("model").dataset("configuration").texts().first ?? "" }
  }

  /// The hash of the weights; empty if it was left out.
  public func weightsHash() throws -> String {
    try locating { try run.group("model").text("weights_hash") ?? "" }
  }

  /// The names of the weights in the trace; none if they were left out.
  public func weightNames() throws -> [String] {
    try locating {
      let model = try run.group("model")
      return try model.contains("weights") ? model.group("weights").names() : []
    }
  }

  /// One weight in its stored type.
  public func weight(_ name: String) throws -> TraceArray {
    try locating {
      let model = try run.group("model")
      guard try model.contains("weights") else {
        throw TraceError(.notFound, "the trace was made without weights")
      }
      return try model.group("weights").dataset(name).array()
    }
  }

  /// The names of the facts, in alphabetical order.
  public func factNames() throws -> [String] { try input().facts.keys.sorted() }

  /// What the model was run on.
  public func input() throws -> TraceInput {
    try locating {
      let group = try run.group("input")
      func array(_ name: String) throws -> IntegerArray? {
        try group.contains(name) ? group.dataset(name).integers() : nil
      }
      var input = TraceInput(
        task: try group.text("task") ?? "", tokens: try array("tokens"),
        targets: try array("targets"), mask: try array("mask"),
        positionIDs: try array("position_ids"),
        text: try group.contains("text") ? group.dataset("text").texts() : [])
      guard try group.contains("facts") else { return input }
      let facts = try group.group("facts")
      for name in try facts.names() where name != "batch" && name != "position" {
        let dataset = try facts.dataset(name)
        var labels: [String] = []
        if case .texts(let texts)? = try dataset.attribute("labels") { labels = texts }
        input.facts[name] = TraceFact(try dataset.integers(), labels: labels)
      }
      return input
    }
  }
}
