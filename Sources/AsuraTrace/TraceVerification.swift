import Foundation

/// What reading all of a trace has shown: whether it is whole, undamaged, finite, and still holds the
/// numbers that were written.
public struct TraceVerification: Sendable, Encodable {
  /// Something that is not as it should be.
  public struct Finding: Sendable, Encodable, Equatable {
    public enum Kind: String, Sendable, Encodable, CaseIterable {
      /// The capture never ended, or ended early.
      case incomplete
      /// What the file says of itself contradicts itself.
      case schema
      /// A chunk cannot be read: its checksum does not fit, or it is not all there.
      case chunk
      /// A chunk was never written.
      case missing
      /// A value is NaN or infinite where the schema has none.
      case notFinite
      /// Values are not those that were written, by the sums taken then.
      case selfCheck
    }
    public let kind: Kind
    /// What was found, in words.
    public let message: String
    /// The dataset.
    public var path: String?
    /// The number of the chunk, in row-major order of chunks, and where it lies in the file.
    public var chunk: Int?
    public var offset: Int?
    public var iteration: Int?
  }

  /// What was found, in the order of the file; at most `mostFindings`.
  public internal(set) var findings: [Finding] = []
  /// How many findings there were.
  public internal(set) var findingCount = 0
  /// How many datasets, chunks and bytes of values were read.
  public internal(set) var datasets = 0
  public internal(set) var chunks = 0
  public internal(set) var bytes = 0
  /// How many sums were compared with those taken at capture.
  public internal(set) var sums = 0

  /// More findings than this are only counted.
  public static let mostFindings = 50

  /// Whether nothing is wrong.
  public var isSound: Bool { findingCount == 0 }

  /// Whether the file is damaged or not all there, as against sound but with numbers that are wrong.
  public var isDamaged: Bool {
    findings.contains { ![.notFinite, .selfCheck].contains($0.kind) }
  }

  mutating func add(_ finding: Finding) {
    findingCount += 1
    if findings.count < Self.mostFindings { findings.append(finding) }
  }
}

extension TraceReader {
  /// Reads every dataset of the trace and checks it.
  /// - Parameter progress: called with the bytes of values read, and how many there are; may throw
  ///   to stop.
  /// - Throws: what `progress` throws; damage is a finding, not an error.
  public func verify(
    progress: (_ bytes: Int, _ total: Int) throws -> Void = { _, _ in }
  ) throws -> TraceVerification {
    var result = TraceVerification()
    checkStatus(&result)
    var check = DatasetCheck(last: lastIteration ?? -1)
    do {
      try locating { check.sums = try SelfCheck(run) }
      try locating { try check.list(run) }
    } catch let error as TraceError {
      result.add(.init(kind: .schema, message: error.message))
      return result
    }
    // What is absurd is found out when it is read.
    let total = check.items.reduce(0) { $0 + min($1.bytes, 1 << 50) }
    for item in check.items {
      try check.read(item, &result) { try progress($0, total) }
    }
    return result
  }

  private func checkStatus(_ result: inout TraceVerification) {
    if status != .complete {
      let why = reason.map { ": \($0)" } ?? ""
      result.add(
        .init(
          kind: .incomplete,
          message: status == .running
            ? "the capture still runs, or was killed, after \(committedIterations) iterations"
            : "the capture ended early, after \(committedIterations) iterations\(why)"))
    }
    let recorded = Set((sites + readouts).flatMap(\.iterations))
    var seen = recorded
    if let summary = try? summary() { seen.formUnion(summary.iterations) }
    if seen.count != committedIterations || seen.max() != lastIteration {
      let last = lastIteration.map { "\($0)" } ?? "none"
      result.add(
        .init(
          kind: .schema,
          message: "the trace says that \(committedIterations) iterations were committed, the last "
            + "\(last), but holds \(seen.count), the last \(seen.max().map { "\($0)" } ?? "none")"))
    }
    if let iterations, let last = lastIteration, last > iterations {
      result.add(
        .init(
          kind: .schema,
          message: "the trace holds iteration \(last) of a run of \(iterations)"))
    }
  }
}
