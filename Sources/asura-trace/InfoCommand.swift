import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

struct InfoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info", abstract: "Say what is in a trace.",
    discussion: """
      Reads what the file says of itself and the summary, not the values: quick on a
      trace of any size. Of a file that links several traces it lists them.
      """)

  @OptionGroup var source: TraceOptions
  @OptionGroup var reporting: ReportingOptions

  private struct Report: Encodable {
    struct Entry: Encodable {
      let site: String
      let axes: [String]
      let shape: [Int]
      let type: String
      let iterations: [Int]
      let bytes: Int

      init(_ site: RecordedSite) {
        self.site = site.name
        axes = site.axes.map(\.name)
        shape = site.shape
        type = site.elements.rawValue
        iterations = site.iterations
        bytes = site.count * site.elements.size * site.iterations.count
      }
    }
    let trace: String
    let bytes: Int
    let status: String
    let reason: String?
    let program: String
    let commandLine: String
    let startTime: String?
    let endTime: String?
    let task: String
    let examples: Int?
    let iterations: Int?
    let committedIterations: Int
    let lastIteration: Int?
    let sites: [Entry]
    let readouts: [Entry]
    let facts: [String]
    let weightsHash: String
    let hasWeights: Bool
    let relativeStep: [Double]
  }

  func run() throws {
    if source.run == nil, let linked = try openLinkedTraces(source.trace) {
      return try report(linked)
    }
    let reader = try source.open()
    let input = try reader.input()
    let summary = try reader.summary()
    let attributes = try FileManager.default.attributesOfItem(atPath: reader.url.path)
    let report = Report(
      trace: source.trace, bytes: attributes[.size] as? Int ?? 0, status: reader.status.rawValue,
      reason: reader.reason, program: reader.program, commandLine: reader.commandLine,
      startTime: reader.startTime, endTime: reader.endTime, task: input.task,
      examples: input.tokens?.shape.first, iterations: reader.iterations,
      committedIterations: reader.committedIterations, lastIteration: reader.lastIteration,
      sites: reader.sites.map { .init($0) }, readouts: reader.readouts.map { .init($0) },
      facts: input.facts.keys.sorted(), weightsHash: try reader.weightsHash(),
      hasWeights: try !reader.weightNames().isEmpty,
      relativeStep: summary.series["relative_step"] ?? [])
    if reporting.json { return try JSONOutput.print(report) }
    print(head(report, reader))
    print(table(report))
    if let steps = sparkline(report, summary.iterations) { print("\n\(steps)") }
    if let first = input.text.first { print("\nexample 0: \(first)") }
  }

  private func head(_ report: Report, _ reader: TraceReader) -> String {
    var lines = [
      "\(report.trace): \(report.status)\(report.reason.map { " (\($0))" } ?? ""), "
        + "\(report.committedIterations) iterations, \(byteText(report.bytes))"
    ]
    if reader.status == .running {
      lines.append(
        "its capture still runs, or was killed; asura-trace recover makes a valid trace of it")
    }
    lines.append("made by: \(report.commandLine.isEmpty ? report.program : report.commandLine)")
    if let start = report.startTime {
      lines.append("when: \(start)\(report.endTime.map { " to \($0)" } ?? "")")
    }
    let facts = report.facts.isEmpty ? "" : "; facts: \(report.facts.joined(separator: ", "))"
    lines.append("task: \(report.task.isEmpty ? "not said" : report.task)\(facts)")
    let hash = report.weightsHash.isEmpty ? "" : ", \(report.weightsHash)"
    lines.append(
      "model: \(report.hasWeights ? "inside, with its weights" : "without weights")\(hash)")
    return lines.joined(separator: "\n") + "\n"
  }

  private func table(_ report: Report) -> TextTable {
    var table = TextTable([
      ("site", .left), ("shape", .left), ("type", .left), ("iterations", .left), ("size", .right),
    ])
    for site in report.sites + report.readouts {
      let shape = zip(site.axes, site.shape).map { "\($0) \($1)" }.joined(separator: " × ")
      table.append([
        site.site, shape, site.type, IterationRange.spelled(site.iterations), byteText(site.bytes),
      ])
    }
    return table
  }

  private func sparkline(_ report: Report, _ iterations: [Int]) -> String? {
    let steps = report.relativeStep.map { $0 > 0 ? log10($0) : .nan }
    guard let last = report.relativeStep.last(where: \.isFinite),
      let low = steps.filter(\.isFinite).min(), let high = steps.filter(\.isFinite).max()
    else { return nil }
    return """
      relative step, logarithmic: \(Sparkline(steps, width: 60))
      ‖z_t − z_{t−1}‖ / ‖z_t‖ lies between \(String(format: "%.2g", pow(10, low))) and \
      \(String(format: "%.2g", pow(10, high))), and ends at \(String(format: "%.2g", last)).
      """
  }

  // MARK: - Linked traces

  private struct LinkReport: Encodable {
    struct Entry: Encodable {
      let coordinate: Int
      let source: String
      let status: String
      let lastIteration: Int?
      let relativeStep: [Double]
      /// Why it cannot be opened.
      let error: String?
    }
    let linked: String
    let axis: String
    let isStandalone: Bool
    let traces: [Entry]
  }

  private func report(_ linked: LinkedTraces) throws {
    let entries = linked.sources.indices.map { index -> LinkReport.Entry in
      let (coordinate, source) = (linked.coordinates[index], linked.sources[index])
      do {
        let reader = try openTrace(self.source.trace, run: index)
        return .init(
          coordinate: coordinate, source: source, status: reader.status.rawValue,
          lastIteration: reader.lastIteration,
          relativeStep: try reader.summary().series["relative_step"] ?? [], error: nil)
      } catch {
        return .init(
          coordinate: coordinate, source: source, status: "not readable", lastIteration: nil,
          relativeStep: [], error: explained(error)?.message ?? "\(error)")
      }
    }
    if reporting.json {
      try JSONOutput.print(
        LinkReport(
          linked: source.trace, axis: linked.axis, isStandalone: linked.isStandalone,
          traces: entries))
    } else {
      let place = linked.isStandalone ? "inside" : "in files of their own"
      print("\(source.trace): \(entries.count) traces along '\(linked.axis)', \(place)\n")
      var table = TextTable([
        (linked.axis, .right), ("source", .left), ("status", .left), ("last iteration", .right),
        ("relative step, logarithmic", .left),
      ])
      for entry in entries {
        let steps = entry.relativeStep.map { $0 > 0 ? log10($0) : .nan }
        table.append([
          "\(entry.coordinate)", entry.source, entry.status,
          entry.lastIteration.map { "\($0)" } ?? "-", "\(Sparkline(steps, width: 30))",
        ])
      }
      print(table)
      for entry in entries { if let error = entry.error { printError(error) } }
    }
    if entries.contains(where: { $0.error != nil }) {
      throw ExitCode(CommandStatus.incompleteInput.rawValue)
    }
  }
}

/// A number of bytes as a person reads it: `12.3 MB`.
func byteText(_ bytes: Int) -> String {
  let units = ["kB", "MB", "GB", "TB", "PB"]
  guard bytes >= 1000 else { return "\(bytes) B" }
  var (value, unit) = (Double(bytes) / 1000, 0)
  while value >= 999.5, unit + 1 < units.count { (value, unit) = (value / 1000, unit + 1) }
  return String(format: value < 9.95 ? "%.1f " : "%.0f ", value) + units[unit]
}
