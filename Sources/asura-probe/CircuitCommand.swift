import ArgumentParser
import Asura
import AsuraCommandLine
import AsuraModel
import AsuraProbe
import AsuraReport
import Foundation

struct CircuitCommand: CircuitAnalysis {
  static let configuration = CommandConfiguration(
    commandName: "circuit",
    abstract: "Find the smallest set of patches that keeps a share of the effect of all of them.",
    discussion: """
      The units are all (iteration, block, head, position) of the sites asked for. All patched at once \
      have some effect; the search keeps as few as have a share of it: first the strongest by themselves, \
      by attribution or exactly, then, set by set with runs of its own, without every unit that can be \
      spared. It tells how much of the effect the circuit has by itself (faithfulness), how much all the \
      rest has without it (completeness), what each unit's absence costs (minimality), and what random \
      sets of equal size have.

        asura-probe circuit runs/addition
        asura-probe circuit runs/addition --keep 0.8 --positions together
        asura-probe circuit runs/addition --sites 'core.*.mlp_out' --scores exact
        asura-probe circuit runs/addition --direction noise

      Ctrl-C or --max-minutes end the search with the smallest set found so far. The article Circuits \
      tells what the numbers mean.
      """)

  enum Scores: String, CaseIterable, ExpressibleByArgument {
    case attribution, exact
  }

  @OptionGroup(title: "What is run") var common: CircuitSubject
  @OptionGroup(title: "What is patched") var places: PatchPlaces

  @Option(help: ArgumentHelp("The share of the whole effect to keep.", valueName: "share"))
  var keep = 0.9

  @Option(
    help:
      "What units are ranked by at first: attribution, estimated by gradients, or exact, each patched by itself."
  )
  var scores = Scores.attribution

  @Option(
    help: ArgumentHelp("How many random sets of equal size to compare with.", valueName: "n"))
  var random = 20

  @OptionGroup(title: "What is measured") var measure: PatchMeasureOptions

  @Option(
    help: ArgumentHelp(
      "Also write the circuit's units, a row each, as comma-separated text.", valueName: "file"))
  var csv: String?

  @OptionGroup var results: ResultOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: ReportingOptions

  func validate() throws {
    guard keep > 0, keep <= 1 else {
      throw ValidationError("--keep is \(keep), expected more than 0 and up to 1")
    }
    guard (0...100_000).contains(random) else {
      throw ValidationError("--random is \(random), expected 0 to 100000")
    }
    if measure.metric == .exactMatch, scores == .attribution {
      throw ValidationError("--metric exact-match has no gradient: add --scores exact")
    }
  }

  func run<S: Scalar>(
    _ subject: PatchSubject.Loaded, _ model: RecurrentTransformer<S>
  ) throws {
    let experiment = try common.experiment(subject, model)
    let sweep = try places.sweep(experiment)
    let outputs = try results.outputs(
      of: "circuit", trace: subject.url, charts: ["search"] + PatchHeatMaps.names(sweep))
    let table = try csv.map { try OutputFile($0, force: results.force) }
    let isStopped = common.stopper()
    let ranks = try ranks(experiment, sweep, isStopped)
    var options = Circuit.Options()
    options.metric = measure.metric
    options.keep = keep
    options.randomSets = random
    options.average = measure.average
    options.smallestDifference = measure.minDifference
    options.resamples = measure.resamples
    options.seed = common.seed
    let progress = reporting.progress("pruning", total: nil, unit: "run")
    let circuit = try Circuit(
      experiment, sweep, scores: ranks, options, isCancelled: isStopped
    ) { runs, _ in progress.advance(by: runs) }
    progress.finish()

    let members = Set(circuit.units)
    let maps = PatchHeatMaps(
      sweep,
      values: sweep.entries.indices.map { index in
        guard members.contains(index) else { return .nan }
        return circuit.isComplete ? circuit.loss(index) : 1
      }, labels: subject.pairs.labels, what: "The circuit in",
      valueLabel: circuit.isComplete ? "loss without the unit" : "in the circuit",
      subtitle: "\(subject.name), \(common.direction.rawValue), \(members.count) of "
        + "\(sweep.entries.count) units, \(experiment.pairs.count) pairs")
    var files = try outputs.write(
      circuit.analysis, trace: subject.name, isCut: !circuit.isComplete,
      charts: [("search", { search(circuit, subject.name).svg })] + maps.drawings)
    if let table {
      try table.write(rows(circuit))
      files.append(table.path)
    }
    let report = CircuitReport(circuit, subject: common.subject.model, files: files)
    if reporting.json { try JSONOutput.print(report) } else { report.show() }
    if !circuit.isComplete {
      warn("\(common.reason): the search had come down to \(circuit.units.count) units")
    }
  }

  private func ranks<S: Scalar>(
    _ experiment: PatchExperiment<S>, _ sweep: PatchSweep, _ isStopped: () -> Bool
  ) throws -> [Double] {
    var result = PatchResult(experiment, patches: sweep.patches.count)
    result.average = measure.average
    result.smallestDifference = measure.minDifference
    let progress = reporting.progress("ranking", total: result.total, unit: "patch")
    func add(_ cells: [PatchCell]) {
      result.add(cells)
      progress.advance(by: cells.count)
    }
    switch scores {
    case .attribution:
      try experiment.attribute(
        sweep.patches, metric: measure.metric, isCancelled: isStopped, receive: add)
    case .exact: try experiment.run(sweep.patches, isCancelled: isStopped, receive: add)
    }
    progress.finish()
    return result.effects(measure.metric, resamples: 0).map(\.value)
  }

  private func search(_ circuit: Circuit, _ name: String) -> LineChart {
    let steps = circuit.steps.sorted { $0.units < $1.units }
    var chart = LineChart(
      ChartTitle(
        "What fewer units keep",
        subtitle: "\(name), \(circuit.direction.rawValue), \(circuit.pairs) pairs"),
      xLabel: "units patched", yLabel: "share of the whole effect",
      series: [
        LineChart.Series(
          "sets the search kept", x: steps.map { Double($0.units) }, y: steps.map(\.share))
      ],
      references: [.init(circuit.keep, "to keep")]
        + (circuit.randomMean.isFinite
          ? [.init(circuit.randomMean, "random sets of \(circuit.units.count)")] : []))
    chart.isLogarithmicAcross = (steps.first?.units ?? 0) > 0
    return chart
  }

  private func rows(_ circuit: Circuit) -> String {
    var lines = ["name,iteration,head,position,score,loss"]
    for unit in circuit.units {
      let entry = circuit.sweep.entries[unit]
      lines.append(
        "\(entry.name),\(entry.iteration),\(entry.head.map(String.init) ?? ""),"
          + "\(entry.position.map(String.init) ?? ""),\(circuit.scores[unit]),\(circuit.loss(unit))"
      )
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
