import ArgumentParser
import Asura
import AsuraCommandLine
import AsuraModel
import AsuraProbe
import AsuraReport
import Foundation

struct PathsCommand: CircuitAnalysis {
  static let configuration = CommandConfiguration(
    commandName: "paths",
    abstract: "Patch single paths: what goes straight from one head or perceptron to another?",
    discussion: """
      Path patching: a sender's value is replaced by the other run's, while what all later heads and \
      perceptrons add is held as in the unpatched run. What then comes to a receiver came straight from \
      the sender; the run is made again with only the receiver changed to that, and everything after it \
      free. The logits as receiver show what a sender does to the answer by itself.

        asura-probe paths runs/addition
        asura-probe paths runs/addition --from 'core.*.attn.z' --to 'core.*.attn.v' \\
          --lag 1...3
        asura-probe paths runs/addition --from 'core.*.mlp_out' --positions all \\
          --relative
        asura-probe paths runs/addition --from latent --to recall,logits --lag 1

      Senders are sites of the core's attention and perceptrons, recall and latent; receivers attn.q, \
      attn.k, attn.v, attn.z and so on, mlp.pre, recall, latent and logits. Between iterations a path \
      leads through latent and recall. The article Circuits tells what the numbers mean.
      """)

  @OptionGroup(title: "What is run") var common: CircuitSubject

  @Option(
    help: ArgumentHelp("Names or patterns of the senders, parted by commas.", valueName: "list"))
  var from = "core.*.attn.z,core.*.mlp_out"

  @Option(
    help: ArgumentHelp(
      """
      Names or patterns of the receivers, parted by commas. (default: core.*.attn.q, core.*.attn.k, \
      core.*.attn.v, core.*.mlp.pre and logits)
      """, valueName: "list"))
  var to: String?

  @Option(
    help: ArgumentHelp(
      "The senders' iterations, such as 1...12. (default: all)", valueName: "range"),
    transform: IterationRange.init(parsing:))
  var iter: IterationRange?

  @Option(
    help: ArgumentHelp(
      "How many iterations a receiver may be after its sender; the logits always may. (default: 0...1)",
      valueName: "range"), transform: IterationRange.init(parsing:))
  var lag: IterationRange?

  @Option(
    help: ArgumentHelp(
      "Heads at both ends, each by itself: all, 0,2 or 0...3; or together.", valueName: "list"),
    transform: { try PatchChoice(parsing: $0, "heads") })
  var heads = PatchChoice(.each)

  @Option(
    help: ArgumentHelp(
      "The senders' positions, each by itself: all, 0,5 or 0...7; or together.", valueName: "list"),
    transform: { try PatchChoice(parsing: $0, "positions") })
  var positions = PatchChoice(.together)

  @Flag(
    help: "Count positions from the first where a pair's inputs differ, before it below 0.")
  var relative = false

  @OptionGroup(title: "What is measured") var measure: PatchMeasureOptions

  @Option(
    help: ArgumentHelp(
      "Also write each path's values of each pair, a row each, as comma-separated text.",
      valueName: "file"))
  var csv: String?

  @OptionGroup var results: ResultOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: ReportingOptions

  func run<S: Scalar>(
    _ subject: PatchSubject.Loaded, _ model: RecurrentTransformer<S>
  ) throws {
    let experiment = try common.experiment(subject, model)
    let last = experiment.iterations
    let lags = try lag?.resolve(available: 0...last, reason: "a receiver is not before its sender")
    let sweep = try PathSweep(
      experiment, from: siteNames(from, "--from"),
      to: siteNames(
        to ?? "core.*.attn.q,core.*.attn.k,core.*.attn.v,core.*.mlp.pre,logits", "--to"),
      iterations: try iter?.resolve(
        available: 0...last, reason: "latents exist at t = 0, sites inside an iteration from 1"),
      lags: (lags?.first ?? 0)...(lags?.last ?? 1), heads: heads.choice,
      positions: positions.choice, isRelative: relative)
    let outputs = try results.outputs(of: "paths", trace: subject.url, charts: ["kinds"])
    let table = try csv.map { try OutputFile($0, force: results.force) }
    var result = PatchResult(experiment, patches: sweep.paths.count)
    result.smallestDifference = measure.minDifference
    result.average = measure.average

    let progress = reporting.progress("paths", total: result.total, unit: "path")
    try experiment.run(sweep.paths, isCancelled: common.stopper()) { cells in
      result.add(cells)
      progress.advance(by: cells.count)
    }
    progress.finish()
    guard result.done > 0 else {
      throw CommandError("interrupted before anything was run: nothing was written")
    }
    let study = PathStudy(
      experiment, sweep, result, metric: measure.metric, resamples: measure.resamples,
      seed: common.seed)
    let numbers = experiment.pairs.map(\.number)
    var files = try outputs.write(
      study.analysis(pairNumbers: numbers), trace: subject.name, isCut: !result.isComplete,
      charts: [("kinds", { map(study, subject.name)?.svg })])
    if let table {
      try table.write(rows(study, numbers))
      files.append(table.path)
    }
    let report = PathsReport(study, subject: common.subject.model, files: files)
    if reporting.json { try JSONOutput.print(report) } else { report.show() }
    if !result.isComplete {
      warn("\(common.reason): \(result.done) of \(result.total) paths were patched")
    }
  }

  /// The kinds of path with the strongest effects, by the sender's iteration.
  private func map(_ study: PathStudy, _ name: String) -> HeatMap? {
    let groups = study.groups.prefix(24)
    let iterations = Set(study.sweep.entries.map(\.sender.iteration)).sorted()
    guard !groups.isEmpty else { return nil }
    let hasPositions = study.sweep.entries.contains { $0.sender.position != nil }
    return HeatMap(
      ChartTitle(
        "What goes straight from a sender to a receiver",
        subtitle: "\(name), \(study.direction.rawValue), \(study.result.baselines.count) pairs"
          + (study.groups.count > groups.count ? "; the strongest kinds" : "")
          + (hasPositions ? "; of all positions the strongest" : "")),
      xLabel: "sender's iteration t",
      values: groups.map { group in iterations.map { group.effects[$0] ?? .nan } },
      columnNames: iterations.map(String.init), rowNames: groups.map(\.group.description),
      palette: .diverging, valueLabel: "effect on \(study.metric.rawValue)")
  }

  private func rows(_ study: PathStudy, _ numbers: [Int]) -> String {
    let metrics = PatchMetric.allCases.flatMap { metric in
      ["", "base_", "source_"].map { $0 + metric.seriesName }
    }
    func end(_ entry: PatchSweep.Entry) -> String {
      "\(entry.name),\(entry.iteration),\(entry.head.map(String.init) ?? "")"
    }
    var lines = [
      ([
        "sender", "sender_iteration", "sender_head", "sender_position", "receiver",
        "receiver_iteration", "receiver_head", "pair",
      ] + metrics).joined(separator: ",")
    ]
    for (entry, row) in zip(study.sweep.entries, study.result.cells) {
      let place =
        "\(end(entry.sender)),\(entry.sender.position.map(String.init) ?? ""),\(end(entry.receiver))"
      for (pair, cell) in row.enumerated() {
        guard let cell else { continue }
        let baseline = study.result.baselines[pair]
        let values = PatchMetric.allCases.flatMap {
          [cell.values[$0], baseline.base[$0], baseline.source[$0]].map { "\($0)" }
        }
        lines.append("\(place),\(numbers[pair]),\(values.joined(separator: ","))")
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
