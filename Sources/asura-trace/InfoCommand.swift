import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

struct InfoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info", abstract: "Say what is in a trace.")

  @Argument(help: "The trace.")
  var trace: String

  @OptionGroup var reporting: ReportingOptions

  private struct Report: Encodable {
    struct Entry: Encodable {
      let site: String
      let axes: [String]
      let shape: [Int]
      let iterations: [Int]
    }
    let trace: String
    let status: String
    let reason: String?
    let commandLine: String
    let task: String
    let lastIteration: Int?
    let sites: [Entry]
    let facts: [String]
    let hasWeights: Bool
    let relativeStep: [Double]
  }

  func run() throws {
    let reader = try TraceReader(URL(fileURLWithPath: trace))
    let input = try reader.input()
    let summary = try reader.summary()
    let report = Report(
      trace: trace, status: reader.status.rawValue, reason: reader.reason,
      commandLine: reader.commandLine, task: input.task, lastIteration: reader.lastIteration,
      sites: reader.sites.map {
        .init(
          site: $0.name, axes: $0.axes.map(\.name), shape: $0.shape, iterations: $0.iterations)
      }, facts: try reader.factNames(), hasWeights: try !reader.weightNames().isEmpty,
      relativeStep: summary.series["relative_step"] ?? [])
    if reporting.json { return try JSONOutput.print(report) }

    print("\(trace): \(report.status)\(report.reason.map { " (\($0))" } ?? "")")
    print("made by: \(report.commandLine)")
    print("task: \(report.task); facts: \(report.facts.joined(separator: ", "))")
    print("model: \(report.hasWeights ? "inside, with its weights" : "without weights")\n")
    var table = TextTable([("site", .left), ("shape", .left), ("iterations", .left)])
    for site in report.sites {
      let shape = zip(site.axes, site.shape).map { "\($0) \($1)" }.joined(separator: " × ")
      table.append([site.site, shape, IterationRange.spelled(site.iterations)])
    }
    print(table)
    let steps = report.relativeStep.map { $0 > 0 ? log10($0) : .nan }
    if let last = report.relativeStep.last(where: \.isFinite) {
      print("\nrelative step, logarithmic: \(Sparkline(steps, width: 60))")
      print("‖z_t − z_{t−1}‖ / ‖z_t‖ ends at \(String(format: "%.2g", last)).")
    }
    if let first = input.text.first { print("\nexample 0: \(first)") }
  }
}
