import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

struct LinearCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "linear",
    abstract: "Where and when a fact can be read off the latent by a linear probe.",
    discussion: """
      At every iteration and position of a recorded site a linear probe is fitted to a fact: one \
      that the task published (carry, column, sum, …), or labels of a file. Probes are tested on \
      examples they were not fitted to, at a penalty chosen on examples they are not tested on. \
      Beside the accuracy stand what answering the commonest class gets, the same probe with \
      shuffled labels, and with random labels for tokens (a control task). The article \
      LinearProbes tells what each number can and cannot tell.

        asura-probe linear addition.h5                           # lists the facts
        asura-probe linear addition.h5 --fact carry --transfer
        asura-probe linear addition.h5 --fact carry --erase leace --at 5
        asura-probe linear addition.h5 --fact carry --push 3 --toward carry \\
          --at 5...10
        asura-probe linear addition.h5 --labels mine.csv --pool

      A file of labels has a line for each example: comma-separated with a first line of names, or \
      JSON objects. Columns example and position say whose label it is.

      The columns of the table, means over positions; the interval is the mean's:
        accuracy     of held-out examples; of numbers R², the share of variance
                     explained
        balanced     the mean over classes of the share of a class that is right
        AUC          the chance that a row of a class scores above one of another
        commonest    what answering the commonest class gets
        shuffled     the accuracy with labels shuffled among examples
        selectivity  the balanced accuracy less that at the control task
        code         a uniform code's length over that of an online code of the labels
      """)

  @Argument(help: "The trace, made by asura-trace capture.")
  var trace: String

  @OptionGroup(title: "What is probed") var subject: LinearSubjectOptions
  @OptionGroup(title: "How") var method: LinearMethodOptions
  @OptionGroup(title: "What it does") var changes: LinearChangeOptions
  @OptionGroup var results: ResultOptions
  @OptionGroup var seed: SeedOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: ReportingOptions

  func run() throws {
    let url = URL(fileURLWithPath: trace)
    let reader = try openTrace(trace)
    let whole = try ProbedSite(reader, site: subject.site)
    let site = whole.selecting(
      examples: try subject.example.resolve(count: whole.examples.count))
    let iterations = try subject.iter.resolve(available: site.iterations)
    let positions = try subject.positions?.resolve(
      available: site.positions, option: "--positions")
    let input = try reader.input()
    let labels = try subject.labels(reader, input)
    let followUps = try changes.followUps(iterations, labels, seed: seed.seed ?? 0)
    guard followUps.isEmpty || site.examples.count == whole.examples.count else {
      throw CommandError(
        "--erase and --push run all examples of the trace", status: .usage,
        remedy: "leave --example out")
    }
    let run =
      followUps.isEmpty
      ? nil : try TracedRun(reader, model: changes.model.map { URL(fileURLWithPath: $0) })

    var probe = method.probe
    probe.isPooled = subject.pool
    probe.seed = seed.seed ?? 0
    let name = LinearFindings.analysisName(fact: labels.name, site: site.name)
    let outputs = try results.outputs(
      of: name, trace: url,
      charts: LinearCharts.names(transfer: probe.hasTransfer, effects: !followUps.isEmpty))
    let weightsFile = try weightsFile(name, trace: url)

    let progress = reporting.progress(
      "linear",
      total: probe.work(
        iterations: iterations.count, positions: positions?.count ?? site.positions.count)
        + followUps.reduce(0) { $0 + $1.work }, unit: "probe")
    Interrupt.install()
    let found = try Workers.$current.withValue(threads.workers) { () throws -> LinearFindings? in
      var found = try probe.run(
        on: site, labels: labels, tokens: Self.tokens(input, labels), iterations: iterations,
        positions: positions, isCancelled: { Interrupt.isRequested },
        progress: { progress.advance(by: $0, $1) })
      guard let run, let probed = found, probed.failure == nil else { return found }
      for followUp in followUps where !Interrupt.isRequested {
        let effect = try followUp.run(
          run, site, probed, labels: labels, isCancelled: { Interrupt.isRequested },
          progress: { progress.advance(by: 1, $0) })
        if let effect { found?.effects.append(effect) }
      }
      return found
    }
    progress.finish()
    guard let findings = found else {
      throw CommandError("interrupted before an iteration was probed: nothing was written")
    }
    let isComplete = findings.isComplete && findings.effects.count == followUps.count
    let charts = LinearCharts(findings, subject: url.lastPathComponent)
    var files = try outputs.write(
      findings.analysis(), trace: url.lastPathComponent, isCut: !isComplete,
      charts: [
        "map": { charts.map.svg }, "scores": { charts.scores.svg },
        "transfer": { charts.transfer?.svg }, "effects": { charts.effects?.svg },
      ])
    try findings.weights.write(to: weightsFile, overwriting: results.force)
    files.append(weightsFile.relativePath)
    let report = LinearReport(findings, trace: trace, reader: reader, files: files, isComplete)
    if reporting.json { try JSONOutput.print(report) } else { report.show() }
    if !isComplete, findings.failure == nil {
      warn("interrupted: what was done by then was written")
    }
    for note in findings.notes where note.hasPrefix("warning: ") {
      warn(String(note.dropFirst("warning: ".count)))
    }
    if let failure = findings.failure {
      warn(
        "ended by an error: \(findings.iterations.count) of \(iterations.count) iterations were probed"
      )
      let cause = explainedProbe(failure)
      throw CommandError(
        cause?.message ?? "\(failure)", status: .checkFailed, remedy: cause?.remedy)
    }
  }

  /// The tokens by which a control task tells types apart; nil where the trace has none.
  private static func tokens(
    _ input: TraceInput, _ labels: ProbeLabels
  ) -> (ids: [Int32], channels: Int)? {
    guard let tokens = input.tokens, tokens.shape.count == 3,
      Array(tokens.shape.prefix(2)) == [labels.examples, labels.positions]
    else { return nil }
    return (tokens.elements, tokens.shape[2])
  }

  /// Where the weights go, checked before the work.
  private func weightsFile(_ name: String, trace: URL) throws -> URL {
    let companion =
      results.output.map { URL(fileURLWithPath: $0) } ?? CompanionFile(ofTrace: trace).url
    var base = companion.path
    for ending in [".h5", ".probe"] where base.hasSuffix(ending) {
      base.removeLast(ending.count)
    }
    let path = method.weights ?? "\(base).\(name).npz"
    return URL(fileURLWithPath: try OutputFile(path, force: results.force).path)
  }
}
