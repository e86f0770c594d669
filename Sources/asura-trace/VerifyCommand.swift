import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Read all of a trace and check it.",
    discussion: """
      Checks that the capture ended well, that the file agrees with itself, that
      every chunk is there and fits its checksum, that values are finite, that they
      sum to what they summed to when they were written, and that weights inside fit
      their hash. Damage is named with dataset, chunk, iteration and file offset.

      The exit code is 0 for a sound trace, 4 where only numbers are wrong (not
      finite, other sums, another hash), 5 for one that is damaged or incomplete. Of
      a file that links several traces each is read.
      """)

  @OptionGroup var source: TraceOptions
  @OptionGroup var reporting: ReportingOptions

  private struct Report: Encodable {
    let trace: String
    let isSound: Bool
    let verification: TraceVerification
    /// What is wrong with the weights.
    let weights: String?
  }

  func run() throws {
    let linked = source.run == nil ? try openLinkedTraces(source.trace) : nil
    let runs: [Int?] = linked?.sources.indices.map { $0 } ?? [source.run]
    let reports = try withInterrupts {
      try runs.map { run in
        let reader = try openTrace(source.trace, run: run)
        let name = linked.flatMap { linked in run.map { "\(source.trace), \(linked.sources[$0])" } }
        return try verify(reader, name: name ?? source.trace)
      }
    }
    if reporting.json {
      if linked == nil { try JSONOutput.print(reports[0]) } else { try JSONOutput.print(reports) }
    } else {
      for report in reports { print(text(report)) }
    }
    for stray in try linked?.strayFiles() ?? [] {
      printError("\(source.trace): its arrays show '\(stray)', which it does not list as a source")
      throw ExitCode(CommandStatus.incompleteInput.rawValue)
    }
    if reports.contains(where: \.verification.isDamaged) {
      throw ExitCode(CommandStatus.incompleteInput.rawValue)
    }
    if reports.contains(where: { !$0.isSound }) {
      throw ExitCode(CommandStatus.checkFailed.rawValue)
    }
  }

  private func verify(_ reader: TraceReader, name: String) throws -> Report {
    var progress: ProgressBar?
    let result = try reader.verify { bytes, total in
      let bar = progress ?? reporting.progress("verifying", total: total >> 10, unit: "KiB")
      progress = bar
      bar.update(bytes >> 10)
      try checkInterrupt()
    }
    progress?.finish()
    // Weights that cannot be read are among the findings already.
    let weights = result.isDamaged ? nil : try Self.weightsFault(reader)
    return Report(
      trace: name, isSound: result.isSound && weights == nil, verification: result,
      weights: weights)
  }

  /// How the weights inside a trace contradict its hash of them; nil if they fit.
  private static func weightsFault(_ reader: TraceReader) throws -> String? {
    let (names, hash) = (try reader.weightNames(), try reader.weightsHash())
    guard !names.isEmpty, !hash.isEmpty else { return nil }
    let text = try reader.configuration()
    guard
      let configuration = try? ModelConfiguration(
        json: Data(text.utf8), source: "the model in the trace")
    else { return "the model's configuration cannot be read" }
    func found<S: Scalar>(_: S.Type) throws -> String? {
      let parameters = try names.map { ($0, try reader.weight($0).tensor(as: S.self)) }
      return try? RecurrentTransformer<S>(
        configuration, parameters: Dictionary(uniqueKeysWithValues: parameters)
      ).weightsHash
    }
    let isDouble = if case .float64 = try reader.weight(names[0]) { true } else { false }
    guard let found = try isDouble ? found(Double.self) : found(Float.self) else {
      return "the weights do not fit the model's configuration"
    }
    return found == hash ? nil : "the weights have the hash \(found), not \(hash)"
  }

  private func text(_ report: Report) -> String {
    let result = report.verification
    let read =
      "\(result.datasets) datasets, \(result.chunks) chunks, \(byteText(result.bytes)), "
      + "\(result.sums) sums compared"
    guard !report.isSound else { return "\(report.trace): sound (\(read))" }
    let count = result.findingCount + (report.weights == nil ? 0 : 1)
    var lines = ["\(report.trace): \(count) \(count == 1 ? "fault" : "faults") (\(read))"]
    for finding in result.findings {
      var place: [String] = []
      if let path = finding.path { place.append(path) }
      if let iteration = finding.iteration { place.append("iteration \(iteration)") }
      if let chunk = finding.chunk { place.append("chunk \(chunk)") }
      if let offset = finding.offset { place.append("at byte \(offset)") }
      let spelled = place.isEmpty ? "" : place.joined(separator: ", ") + ": "
      lines.append("  \(spelled)\(finding.message)")
    }
    if result.findingCount > result.findings.count {
      lines.append("  … and \(result.findingCount - result.findings.count) more")
    }
    if let weights = report.weights { lines.append("  /run/model/weights: \(weights)") }
    return lines.joined(separator: "\n")
  }
}
