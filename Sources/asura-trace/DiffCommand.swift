import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

struct DiffCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff", abstract: "Say where and by how much two traces part.",
    discussion: """
      Compares every recorded value of the two, site by site and iteration by
      iteration, and names what else differs: configuration, inputs, weights, and
      what was recorded. Values part when |a − b| exceeds --tolerance plus --relative
      times the larger of |a| and |b|; by default, when they differ at all. NaN
      equals NaN.

        asura-trace diff before.h5 after.h5
        asura-trace diff cpu.h5 gpu.h5 --relative 1e-5 \\
          --sites 'latent,*.attn.pattern'

      The exit code is 0 for equal traces and 4 for others.
      """)

  @Argument(help: "The first trace.")
  var first: String

  @Argument(help: "The second trace.")
  var second: String

  @Option(help: ArgumentHelp("How far apart equal values may be.", valueName: "difference"))
  var tolerance = 0.0

  @Option(help: ArgumentHelp("The same, relative to the larger value.", valueName: "difference"))
  var relative = 0.0

  @Option(
    help: ArgumentHelp(
      "Sites to compare: names or patterns, separated by commas.", valueName: "sites"))
  var sites: String?

  @Option(
    name: .customLong("run"),
    help: ArgumentHelp(
      "Which trace of a file that links several: one number for both, or two with a comma.",
      valueName: "number"))
  var chosenRuns: String?

  @OptionGroup var reporting: ReportingOptions

  func validate() throws {
    for (name, value) in [("tolerance", tolerance), ("relative", relative)] where !(value >= 0) {
      throw ValidationError("--\(name) is \(value), expected 0 or more")
    }
    _ = try runs()
  }

  private func runs() throws -> (Int?, Int?) {
    guard let run = chosenRuns else { return (nil, nil) }
    let numbers = run.split(separator: ",").map { Int($0) }
    guard (1...2).contains(numbers.count), let first = numbers[0],
      let second = numbers[numbers.count - 1]
    else { throw ValidationError("--run is '\(run)', expected a number, or two as in 0,3") }
    return (first, second)
  }

  private struct Report: Encodable {
    let first: String
    let second: String
    let isEqual: Bool
    let comparison: TraceComparison
  }

  func run() throws {
    let numbers = try runs()
    let (a, b) = (try openTrace(first, run: numbers.0), try openTrace(second, run: numbers.1))
    var chosen = try chosenSites(sites, of: a)
    if let more = try? chosenSites(sites, of: b) { chosen = chosen.map { $0 + more } }
    var progress: ProgressBar?
    let comparison = try withInterrupts {
      try TraceComparison(
        a, b, sites: chosen, tolerance: .init(absolute: tolerance, relative: relative)
      ) { done, total in
        let bar = progress ?? reporting.progress("comparing", total: total, unit: "iteration")
        progress = bar
        bar.update(done)
        try checkInterrupt()
      }
    }
    progress?.finish()
    if reporting.json {
      try JSONOutput.print(
        Report(
          first: first, second: second, isEqual: comparison.isEqual, comparison: comparison))
    } else {
      show(comparison)
    }
    if !comparison.isEqual { throw ExitCode(CommandStatus.checkFailed.rawValue) }
  }

  private func show(_ comparison: TraceComparison) {
    for remark in comparison.remarks { print(remark) }
    if !comparison.remarks.isEmpty { print("") }
    var table = TextTable([
      ("site", .left), ("iterations", .left), ("max |a−b|", .right), ("relative", .right),
      ("log |a−b| by iteration", .left), ("parts first at", .left),
    ])
    for site in comparison.sites {
      let steps = site.steps.map { $0.absolute > 0 ? log10($0.absolute) : .nan }
      let place = site.parting.map { parting in
        "iteration \(parting.iteration), "
          + parting.coordinates.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
          .joined(separator: ", ") + ": \(parting.first) against \(parting.second)"
      }
      table.append([
        site.site, IterationRange.spelled(site.steps.map(\.iteration)), number(site.absolute),
        number(site.relative), "\(Sparkline(steps, width: 24))", place ?? "nowhere",
      ])
    }
    print(table)
    let parted = comparison.sites.filter { $0.parting != nil }
    let iteration = parted.compactMap { $0.parting?.iteration }.min()
    print(
      comparison.isEqual
        ? "\nThe traces are equal."
        : iteration.map { "\nThe traces part at iteration \($0)." }
          ?? "\nThe traces differ, though not in the values compared.")
  }

  private func number(_ value: Double) -> String {
    value == 0 ? "0" : String(format: "%.3g", value)
  }
}
