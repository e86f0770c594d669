import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

struct GeometryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "geometry",
    abstract:
      "How alike latents of iterations, sites and runs are, and how many dimensions they use.",
    discussion: """
      Each position of each example is a point; a view is all points of a site at an iteration. \
      Views are compared whichever way they are turned: by linear CKA, also debiased, and by \
      Procrustes distance. Their principal components tell how many dimensions they use. No \
      model is needed. The article Geometry tells what each number means.

        asura-probe geometry addition.h5
        asura-probe geometry addition.h5 --sites 'latent,core.*.mlp.post' \\
          --iter 1...20
        asura-probe geometry seed1.h5 --with seed2.h5

      The columns of the table, a row an iteration of each site:
        like last     linear CKA with the last iteration looked at: 1 when it is the
                      same but for a turn and a scale; debiased beside it
        like before   CKA with the iteration before
        from last     Procrustes distance, 0 to 1.41
        PR, entropy   effective dimensions: participation ratio, exp of the entropy
        90%, 99%      how many principal components hold so much of the variance
      """)

  @Argument(help: "The trace, made by asura-trace capture.")
  var trace: String

  @Option(
    name: .customLong("with"),
    help: ArgumentHelp("Another trace, of the same input, to compare with.", valueName: "file"))
  var other: String?

  @Option(
    help: ArgumentHelp(
      "Sites with a vector at each position, by name or pattern.",
      valueName: "list"))
  var sites = "latent"

  @Option(
    help: ArgumentHelp(
      "Iterations, such as 0...20. (default: all; fewer, evenly spaced, if that would take long)",
      valueName: "range"), transform: IterationRange.init(parsing:))
  var iter: IterationRange?

  @Option(
    help: ArgumentHelp("Examples: 0, 0,3, 0...7 or all. (default: all)", valueName: "list"),
    transform: ExampleSelection.init(parsing:))
  var example = ExampleSelection.all

  @Flag(
    name: .customLong("no-procrustes"),
    help: "Leave out Procrustes distances, which take most of the time.")
  var skipsProcrustes = false

  @OptionGroup var results: ResultOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: ReportingOptions

  func run() throws {
    let url = URL(fileURLWithPath: trace)
    let paths = [trace] + (other.map { [$0] } ?? [])
    let readers = try paths.map { try openTrace($0) }
    let patterns = sites.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
    var probe = GeometryProbe()
    probe.hasProcrustes = !skipsProcrustes
    let views = try views(of: readers, patterns, probe)
    let examples = try example.resolve(count: views.examples.count)
    let names = paths.map { URL(fileURLWithPath: $0).lastPathComponent }
    let outputs = try results.outputs(
      of: "geometry", trace: url, charts: GeometryCharts.names(procrustes: !skipsProcrustes))

    let progress = reporting.progress(
      "geometry", total: examples.count + views.views.count, unit: "step")
    Interrupt.install()
    let found = try Workers.$current.withValue(threads.workers) {
      try probe.run(
        on: views, runs: names[0] == names.last && names.count > 1 ? paths : names,
        examples: examples, isCancelled: { Interrupt.isRequested },
        progress: { progress.advance(by: $0, $1) })
    }
    progress.finish()
    guard let study = found else {
      throw CommandError("interrupted before anything was read: nothing was written")
    }
    let charts = GeometryCharts(study)
    let files = try outputs.write(
      study.analysis(), trace: url.lastPathComponent, isCut: !study.isComplete,
      charts: [
        "cka": { charts.cka.svg }, "procrustes": { charts.procrustes.svg },
        "dimension": { charts.dimension.svg }, "variance": { charts.variance.svg },
      ])
    let report = GeometryReport(study, trace: trace, status: readers[0].status, files: files)
    if reporting.json { try JSONOutput.print(report) } else { report.show() }
    if let failure = study.failure {
      warn("ended by an error: \(study.examples.count) of \(examples.count) examples were read")
      let cause = explainedProbe(failure)
      throw CommandError(
        cause?.message ?? "\(failure)", status: .checkFailed, remedy: cause?.remedy)
    }
    if !study.isComplete { warn("interrupted: what was done by then was written") }
  }

  /// The views asked for; of all iterations as many, evenly spaced, as do not take too long.
  private func views(
    of readers: [TraceReader], _ patterns: [String], _ probe: GeometryProbe
  ) throws -> StateViews {
    let available = Set(
      try StateViews.sites(readers[0], matching: patterns).flatMap(\.iterations)
    ).sorted()
    if let iter {
      let chosen = try iter.resolve(available: available)
      return try StateViews(readers, sites: patterns, iterations: chosen)
    }
    var step = 1
    while true {
      let last = available.count - 1
      let chosen = available.indices.filter { (last - $0) % step == 0 }.map { available[$0] }
      let views = try StateViews(readers, sites: patterns, iterations: chosen)
      if chosen.count <= 2 || !probe.isCostly(widths: views.views.map(\.width)) {
        if step > 1 {
          warn(
            "one iteration in \(step) is compared, since all would take long: --iter chooses others"
          )
        }
        return views
      }
      step += 1
    }
  }
}
