import Asura
import AsuraCommandLine
import Foundation

/// What an investigation found: the numbers it asks for, with where each stands, and where the charts are.
struct InvestigationAnswer: Encodable {
  struct Finding: Encodable {
    let say: String
    /// Absent where the result has no such value.
    let value: ResultValue?
    let of: String
    let path: String
  }
  struct Part: Encodable {
    let name: String
    let probe: String
    let findings: [Finding]
    /// What the analysis says of its own result.
    let reading: [String]
    let charts: [String]
    let files: [String]
    /// The whole result.
    let result: String
    let command: String
  }
  let question: String
  let investigation: String
  let model: String
  let weights: String
  let trace: String
  let parts: [Part]
  let caution: String?
  /// What does the same by hand, in order.
  let commands: [String]
  /// What the reports ask for and the results lack.
  let missing: [String]

  /// The answer from the results of a plan all of whose steps are done.
  init(_ plan: InvestigationPlan) throws {
    question = plan.investigation.question
    investigation = plan.source
    model = plan.model.path
    weights = plan.model.hash ?? ""
    trace = plan.trace.product
    caution = plan.investigation.caution
    commands = plan.commands.map(\.command.line)
    var missing: [String] = []
    parts = try zip(plan.investigation.analyses, plan.analyses).map { analysis, step in
      let result = try step.read()
      let findings = analysis.report.map { report in
        var value: ResultValue?
        do throws(CommandError) {
          value = try report.summary.of(report.value.values(in: result))
        } catch {
          missing.append("\(analysis.name): \(error.description.replacing("\n  ", with: "; "))")
        }
        return Finding(
          say: report.say, value: value, of: report.summary.rawValue, path: report.value.text)
      }
      // All are in the analysis's folder; commands tell them by their full paths.
      let files = (result["files"]?.texts ?? []).map {
        step.folder + "/" + URL(fileURLWithPath: $0).lastPathComponent
      }
      return Part(
        name: analysis.name, probe: analysis.probe.name, findings: findings,
        reading: result["reading"]?.texts ?? [], charts: files.filter { $0.hasSuffix(".svg") },
        files: files, result: step.result, command: step.command.line)
    }
    self.missing = missing
  }

  /// The answer as Markdown: charts are shown, for a page in the investigation's folder, or named.
  func page(showingCharts: Bool) -> String {
    var lines = ["# \(question)", ""]
    for part in parts {
      lines += ["## \(part.name == part.probe ? part.name : "\(part.name) (\(part.probe))")", ""]
      lines += part.findings.map { "- \($0.say): \($0.value?.shown ?? "not in the result")" }
      if !part.findings.isEmpty { lines.append("") }
      if !part.reading.isEmpty {
        lines += ["What the analysis says of it:", ""] + part.reading.map { "> - \($0)" } + [""]
      }
      if showingCharts {
        lines += part.charts.flatMap { chart -> [String] in
          let name = URL(fileURLWithPath: chart).lastPathComponent
          return ["![\(name)](\(part.name)/\(name))", ""]
        }
      } else if !part.charts.isEmpty {
        lines += ["Charts: \(part.charts.joined(separator: ", "))", ""]
      }
    }
    if let caution {
      lines += ["## What this does not show", "", caution.trimmingCharacters(in: .newlines), ""]
    }
    lines += ["## By hand", ""] + commands.map { "    \($0)" } + [""]
    return lines.joined(separator: "\n")
  }
}
