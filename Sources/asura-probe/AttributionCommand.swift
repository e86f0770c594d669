import ArgumentParser
import Asura
import AsuraCommandLine
import AsuraModel
import AsuraProbe
import AsuraReport
import Foundation

struct AttributionCommand: CircuitAnalysis {
  static let configuration = CommandConfiguration(
    commandName: "attribution",
    abstract: "Estimate what every patch would do from gradients, and say how well it agrees.",
    discussion: """
      Attribution patching: the effect of putting the other run's value at a place is estimated by the \
      gradient there times the change of the value, for all places by one run forwards and back a pair. \
      It is a first-order estimate and can be far off. So a random sample of the patches, and the \
      strongest estimates, are run exactly too, and the agreement is told.

        asura-probe attribution runs/addition
        asura-probe attribution runs/addition --steps 10
        asura-probe attribution runs/addition --sites 'core.*.attn.pattern,latent' \\
          --sample 300
        asura-probe attribution runs/addition --sites embed --iter 0 --steps 50

      With --steps N, it takes the gradient's mean over N inputs on the line between the two embedded ones: \
      integrated gradients. The article Circuits tells what the numbers mean.
      """)

  @OptionGroup(title: "What is run") var common: CircuitSubject
  @OptionGroup(title: "What is patched") var places: PatchPlaces

  @Flag(
    help: "Count positions from the first where a pair's inputs differ, before it below 0.")
  var relative = false

  @Option(
    help: ArgumentHelp(
      "Integrated gradients in so many steps. (default: the gradient at the unpatched run)",
      valueName: "n"))
  var steps: Int?

  @Option(
    help: ArgumentHelp("How many patches, drawn at random, to run exactly.", valueName: "n"))
  var sample = 100

  @OptionGroup(title: "What is measured") var measure: PatchMeasureOptions

  @Option(
    help: ArgumentHelp(
      "Also write each place's estimate and exact effect, a row each, as comma-separated text.",
      valueName: "file"))
  var csv: String?

  @OptionGroup var results: ResultOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: ReportingOptions

  func validate() throws {
    if let steps, !(1...10_000).contains(steps) {
      throw ValidationError("--steps is \(steps), expected 1 to 10000")
    }
    if sample < 2 { throw ValidationError("--sample is \(sample), expected 2 or more") }
    if measure.metric == .exactMatch {
      throw ValidationError("--metric exact-match has no gradient: take one of the others")
    }
  }

  func run<S: Scalar>(
    _ subject: PatchSubject.Loaded, _ model: RecurrentTransformer<S>
  ) throws {
    let experiment = try common.experiment(subject, model)
    let sweep = try places.sweep(experiment, isRelative: relative)
    let outputs = try results.outputs(
      of: "attribution", trace: subject.url, charts: ["agreement"] + PatchHeatMaps.names(sweep))
    let table = try csv.map { try OutputFile($0, force: results.force) }
    var options = AttributionStudy.Options()
    options.metric = measure.metric
    options.method = steps.map { .integratedGradients(steps: $0) } ?? .gradient
    options.sampleCount = sample
    options.average = measure.average
    options.smallestDifference = measure.minDifference
    options.resamples = measure.resamples
    options.seed = common.seed

    let progress = reporting.progress(
      "gradients", total: experiment.pairs.count, unit: "pair")
    let isStopped = common.stopper()
    var runs: ProgressBar?
    var estimated = 0
    let study = try AttributionStudy(
      experiment, sweep, options, isCancelled: isStopped
    ) { pairs, count in
      estimated += pairs
      progress.advance(by: pairs)
      if estimated == experiment.pairs.count, runs == nil {
        progress.finish()
        runs = reporting.progress("exact patches", total: nil, unit: "run")
      }
      runs?.advance(by: count)
    }
    (runs ?? progress).finish()
    let numbers = experiment.pairs.map(\.number)
    let maps = PatchHeatMaps(
      sweep, values: study.estimated.map(\.value), labels: subject.pairs.labels,
      what: "Estimated effect of patching", valueLabel: "estimated effect",
      subtitle: "\(subject.name), \(common.direction.rawValue), \(numbers.count) pairs")
    var files = try outputs.write(
      study.analysis(pairNumbers: numbers), trace: subject.name, isCut: !study.isComplete,
      charts: [("agreement", { scatter(study, subject.name).svg })] + maps.drawings)
    if let table {
      try table.write(rows(study))
      files.append(table.path)
    }
    let report = AttributionReport(study, subject: common.subject.model, files: files)
    if reporting.json { try JSONOutput.print(report) } else { report.show() }
    if !study.isComplete {
      warn(
        "\(common.reason): \(study.agreement.count) of \(study.sample.count) sampled patches were run"
      )
    }
  }

  private func scatter(_ study: AttributionStudy, _ name: String) -> ScatterChart {
    func group(_ name: String, _ entries: [Int]) -> ScatterChart.Group {
      let run = entries.filter { study.exact[$0].value.isFinite }
      return ScatterChart.Group(
        name, run.map { (study.exact[$0].value, study.estimated[$0].value) },
        labels: run.map { placeText(study.sweep.entries[$0]) })
    }
    return ScatterChart(
      ChartTitle(
        "Estimates against exact patches",
        subtitle: "\(name); sample: correlation \(significant(study.agreement.correlation, 3)), "
          + "of ranks \(significant(study.agreement.rankCorrelation, 3))"),
      xLabel: "effect of the patch", yLabel: "estimate",
      groups: [group("random sample", study.sample), group("strongest estimates", study.strongest)])
  }

  private func rows(_ study: AttributionStudy) -> String {
    let drawn = Set(study.sample)
    var lines = ["name,iteration,head,position,estimate,estimate_low,estimate_high,exact,sample"]
    for (index, entry) in study.sweep.entries.enumerated() {
      let (estimate, exact) = (study.estimated[index], study.exact[index].value)
      lines.append(
        "\(entry.name),\(entry.iteration),\(entry.head.map(String.init) ?? ""),"
          + "\(entry.position.map(String.init) ?? ""),\(estimate.value),\(estimate.low),"
          + "\(estimate.high),\(exact.isFinite ? "\(exact)" : ""),\(drawn.contains(index) ? 1 : 0)")
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
