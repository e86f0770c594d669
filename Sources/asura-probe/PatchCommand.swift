import ArgumentParser
import Asura
import AsuraCommandLine
import AsuraModel
import AsuraProbe
import Foundation

struct PatchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "patch",
    abstract:
      "Put values of one run into another: which site, at which iteration, causes the answer?",
    discussion: """
      Runs pairs of a clean and a corrupted input that differ little and have different answers, \
      and the corrupted one again and again with one value of the clean run in the place of its own \
      (--direction noise: the other way round). An effect of 1 means that the patch gave the other \
      run's answer, 0 that it changed nothing.

        asura-probe patch runs/addition
        asura-probe patch runs/addition --sites latent --positions together \\
          --iter 0...20
        asura-probe patch runs/addition --sites 'core.*.attn.z' --hold \\
          --direction noise
        asura-probe patch runs/addition --sites embed --kind zero
        asura-probe patch runs/addition --order skip-iteration
        echo '{"clean": "99 + 1 =", "corrupted": "99 + 0 ="}' > pairs.jsonl
        asura-probe patch runs/addition --input pairs.jsonl

      Every run starts from the unpatched one's latent before its first change, and ends where its \
      latent is, to the bit, the unpatched one's again. Sites before the recurrence, such as embed, \
      are read by every iteration: patching embed at t changes the input from iteration t on, and \
      --kind zero cuts recall there. What was interrupted, by Ctrl-C or --max-minutes, is stored as \
      far as it came and goes on with the same command and --resume. The article Patching tells \
      what the numbers mean.
      """)

  @OptionGroup(title: "What is run") var subject: PatchSubject

  @Option(help: "How many iterations to run. (default: the model's own number)")
  var iterations: Int?

  @OptionGroup(title: "What is patched") var options: PatchOptions
  @OptionGroup(title: "What is measured") var measure: PatchMeasureOptions

  @Option(
    help: ArgumentHelp(
      "Stop after so many minutes, and store what was done.", valueName: "minutes"))
  var maxMinutes: Double?

  @Flag(help: "Go on with the same sweep, which was interrupted.")
  var resume = false

  @Flag(help: "Compute in 64 bits; twice the time.")
  var double = false

  @Option(
    help: ArgumentHelp(
      "How much memory recorded values may take, as in 512MB. (default: 512MiB)",
      valueName: "size"), transform: ByteCount.init(parsing:))
  var memory: ByteCount?

  @Option(
    help: ArgumentHelp(
      "Also write each patch's values of each pair, a row each, as comma-separated text.",
      valueName: "file"))
  var csv: String?

  @OptionGroup var results: ResultOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: ReportingOptions

  func validate() throws {
    if let maxMinutes, !(maxMinutes > 0) {
      throw ValidationError("--max-minutes is \(maxMinutes), expected more than 0")
    }
    if let iterations, !(1...1_000_000).contains(iterations) {
      throw ValidationError("--iterations is \(iterations), expected 1 to 1000000")
    }
  }

  func run() throws {
    let subject = try subject.load()
    if double {
      try run(subject, subject.model)
    } else {
      try run(subject, subject.model.converted(to: Float.self))
    }
  }

  private func run<S: Scalar>(
    _ subject: PatchSubject.Loaded, _ model: RecurrentTransformer<S>
  ) throws {
    let seed = self.subject.seed.seed ?? 0
    var experiment = try Workers.$current.withValue(threads.workers) {
      try PatchExperiment(
        model, subject.pairs, direction: options.direction, iterations: iterations, seed: seed)
    }
    if let memory { experiment.memory = memory.bytes }
    let sweep = try options.sweep(experiment)
    let charts = PatchCharts.names(sweep)
    // What is gone on with stands there already; what was ended is not begun anew unasked.
    var results = results
    let journalURL = URL(
      fileURLWithPath: results.companion(ofTrace: subject.url).url.relativePath + ".patch-journal")
    if resume, FileManager.default.fileExists(atPath: journalURL.path) { results.force = true }
    let outputs = try results.outputs(of: "patch", trace: subject.url, charts: charts)
    let table = try csv.map { try OutputFile($0, force: results.force) }

    let (journal, done) = try PatchJournal.open(
      journalURL, identity: identity(model.weightsHash, subject.pairs),
      patches: sweep.patches.count, pairs: experiment.pairs.count, resuming: resume)
    var result = PatchResult(experiment, patches: sweep.patches.count)
    result.smallestDifference = measure.minDifference
    result.average = measure.average
    result.add(done)

    let progress = reporting.progress(
      "patching", total: result.total, completed: result.done, unit: "run")
    Interrupt.install()
    let end = maxMinutes.map { Date() + 60 * $0 }
    try Workers.$current.withValue(threads.workers) {
      try experiment.run(
        sweep.patches, isDone: { result.cells[$0][$1] != nil },
        // However short the time, some runs are made: a sweep that is resumed again and again comes to its end.
        isCancelled: {
          Interrupt.isRequested || (result.done > done.count && end.map { Date() > $0 } == true)
        },
        receive: { cells in
          try journal.append(cells)
          result.add(cells)
          progress.advance(by: cells.count)
        })
    }
    progress.finish()
    guard result.done > 0 else {
      throw CommandError("interrupted before anything was run: nothing was written")
    }
    let study = Workers.$current.withValue(threads.workers) {
      PatchStudy(experiment, sweep, result, resamples: measure.resamples, seed: seed)
    }
    var files = try outputs.write(
      study.analysis(measure.metric, pairNumbers: experiment.pairs.map(\.number)),
      trace: subject.name, isCut: !result.isComplete,
      charts: PatchCharts(
        study, measure.metric, subject: subject.name, labels: subject.pairs.labels
      )
      .drawings)
    if let table {
      try table.write(PatchTable(study, numbers: experiment.pairs.map(\.number)).csv)
      files.append(table.path)
    }
    if result.isComplete { try? FileManager.default.removeItem(at: journalURL) }
    let report = PatchReport(
      study, measure.metric, subject: self.subject.model, pairs: subject.pairs,
      numbers: experiment.pairs.map(\.number), what: options.what, files: files)
    if reporting.json { try JSONOutput.print(report) } else { report.show() }
    if !result.isComplete {
      warn(
        "\(Interrupt.isRequested ? "interrupted" : "out of time"): \(result.done) of \(result.total) runs "
          + "were made; the same command with --resume goes on")
    }
  }

  /// What makes a sweep the same as an interrupted one: all that its cells depend on.
  private func identity(_ weights: String, _ pairs: ContrastPairs) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    let parts =
      pairs.clean.tokens + pairs.corrupted.tokens + (pairs.cleanAnswers ?? [])
      + (pairs.corruptedAnswers ?? []) + (pairs.alignment ?? []).joined().map { Int32($0 ?? -1) }
    for part in parts { hash = (hash ^ UInt64(UInt32(bitPattern: part))) &* 0x100_0000_01b3 }
    let directions = options.basis.flatMap { try? Data(contentsOf: URL(fileURLWithPath: $0)) }
    for byte in Data("\(options.identity) \(double)".utf8) + (directions ?? Data()) {
      hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
    }
    return "\(weights) \(iterations.map(String.init) ?? "all") \(subject.seed.seed ?? 0) "
      + String(hash, radix: 16)
  }
}
