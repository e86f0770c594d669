import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

struct StudyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "study",
    abstract: "Train variants of a recipe with several seeds, and compare them.",
    discussion: """
      A study file says what is asked: a recipe, the ways it is varied, the seeds,
      and the tests, with the numbers of iterations laid down beforehand:
        asura-train study Examples/Studies/addition.yaml -o runs/study
      Each run has a folder of its own in the study's. Ctrl-C stops in order, and
      the same command goes on from there; once all is done it only shows the
      results again. They are in results.json and results.csv too.
      """)

  @Argument(help: "The study, a YAML file.")
  var study: String

  @Option(
    name: [.customShort("o"), .long],
    help: ArgumentHelp(
      "The folder for its runs. (default: runs/ and the study's name)", valueName: "folder"))
  var output: String?

  @Flag(help: "Train runs anew that were made by another recipe.")
  var force = false

  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: ReportingOptions

  func run() throws {
    let url = URL(fileURLWithPath: study)
    let study = try Study(contentsOf: url)
    let folder = URL(
      fileURLWithPath: output ?? "runs/" + url.deletingPathExtension().lastPathComponent,
      isDirectory: true)
    let runs = try study.runs(besideFile: url.deletingLastPathComponent(), in: folder)
    var outcomes = try runs.map { run in
      do { return try run.outcome() } catch TrainingError.exists where force { return nil }
    }
    var progress = StudyProgress(study, runs, outcomes, reporting)
    Interrupt.install()
    try Workers.$current.withValue(threads.workers) {
      for (i, run) in runs.enumerated() where !Interrupt.isRequested {
        progress.begin(i)
        outcomes[i] = try StudyTraining(run: run, reporting: reporting)
          .outcome(from: outcomes[i], progress)
        try save(StudyResults(study, zip(runs, outcomes).map { ($0, $1) }), in: folder)
      }
    }
    progress.finish()
    let results = StudyResults(study, zip(runs, outcomes).map { ($0, $1) })
    if reporting.json { return try JSONOutput.print(results) }
    show(results, reach: study.reach)
    if Interrupt.isRequested {
      print("\nStopped; nothing is lost. The same command goes on from here.")
    } else {
      print("\nresults.json and results.csv are in \(folder.relativePath).")
    }
  }

  private func save(_ results: StudyResults, in folder: URL) throws {
    try OutputFile(folder.appendingPathComponent("results.json").path, force: true)
      .write(JSONOutput.text(results))
    try OutputFile(folder.appendingPathComponent("results.csv").path, force: true)
      .write(results.csv)
  }

  private func show(_ results: StudyResults, reach: Double?) {
    print("\(results.question)\n")
    func percent(_ share: Double) -> String {
      share.isNaN ? "–" : String(format: "%.2f", 100 * share)
    }
    /// The mean over seeds.
    func mean(_ values: [Double?]) -> String {
      let known = values.compactMap { $0 }
      return known.isEmpty
        ? "–" : String(format: "%.1f", known.reduce(0, +) / Double(known.count))
    }
    // Columns that only some studies have something to put in.
    let extra: [(header: String, values: (StudyResults.Row) -> [Double?])] = [
      ("on average", { $0.meanIterations }), ("dense passes", { $0.passes }),
    ].filter { column in results.rows.contains { row in column.1(row).contains { $0 != nil } } }
    var table = TextTable(
      ["variant", "kind", "length", "iterations"] + extra.map(\.header)
        + ["mean", "±", "each seed"])
    for row in results.rows {
      let asked = row.stop.map { "\(row.iterations), \($0)" } ?? row.iterations
      table.append(
        [row.variant, row.kind, "\(row.length)", asked] + extra.map { mean($0.values(row)) }
          + [
            percent(row.mean), percent(row.deviation),
            row.exactMatch.map { $0.map(percent) ?? "·" }.joined(separator: " "),
          ])
    }
    print(table)
    print(
      "\nWhole answers right in %, of fresh examples the same for every run; ± is the deviation over seeds "
        + results.seeds.map { "\($0)" }.joined(separator: ", ") + ".")
    for training in results.training {
      let seconds = training.seconds.compactMap { $0 }
      guard !seconds.isEmpty else { continue }
      let mean = seconds.reduce(0, +) / Double(seconds.count)
      print("Training \(training.variant): \(String(format: "%.0f", mean)) s a run.")
      if let reach {
        let steps = training.reached.map { $0.map { "\($0)" } ?? "–" }.joined(separator: " ")
        print("  \(String(format: "%g", 100 * reach))% of the answers right by step \(steps).")
      }
      for (seed, failure) in zip(results.seeds, training.failures) {
        if let failure { print("  Seed \(seed) failed, and counts as 0: \(failure)") }
      }
    }
  }
}

/// One progress bar over all runs of a study, counted in training steps.
private struct StudyProgress {
  private let runs: [StudyRun]
  private let bar: ProgressBar
  private var current = 0

  init(
    _ study: Study, _ runs: [StudyRun], _ outcomes: [StudyOutcome?], _ reporting: ReportingOptions
  ) {
    self.runs = runs
    let total = runs.reduce(0) { $0 + $1.recipe.training.steps }
    let done = zip(runs, outcomes).reduce(0) {
      $0 + ($1.1?.isTrained == true ? $1.0.recipe.training.steps : 0)
    }
    bar = reporting.progress("study", total: total, completed: done, unit: "step")
  }

  mutating func begin(_ run: Int) { current = run }

  /// The current run has made so many of its steps.
  func update(_ step: Int, _ message: String) {
    let before = runs[..<current].reduce(0) { $0 + $1.recipe.training.steps }
    let run = runs[current]
    bar.update(
      before + step,
      "\(current + 1) of \(runs.count): \(run.variant), seed \(run.seed)  \(message)")
  }

  func finish() { bar.finish() }
}

/// Takes one run of a study as far as it goes.
private struct StudyTraining {
  let run: StudyRun
  let reporting: ReportingOptions

  func outcome(from found: StudyOutcome?, _ progress: StudyProgress) throws -> StudyOutcome {
    var outcome = found ?? StudyOutcome()
    if found == nil {
      try run.folder.create(run.recipe, overwriting: true)
    }
    if !outcome.isTrained { try train(&outcome, progress) }
    guard outcome.isTrained, outcome.failure == nil else { return outcome }
    let missing = run.tests.filter { test in !outcome.tests.contains { $0.test == test } }
    guard !missing.isEmpty else { return outcome }
    let model: RecurrentTransformer<Float> = try RunFolder.trainedModel(at: run.folder.url)
    let task = try run.recipe.task.makeTask()
    for test in missing {
      let begin = Date()
      do {
        let evaluation = try Evaluation(of: model, on: task, try test.options(for: task)) {
          done, total in
          progress.update(run.recipe.training.steps, "testing \(done)/\(total)")
          if Interrupt.isRequested { throw Stopped() }
        }
        outcome.tests.append(
          .init(test: test, evaluation: evaluation, seconds: Date().timeIntervalSince(begin)))
        try run.save(outcome)
      } catch is Stopped { return outcome }
    }
    return outcome
  }

  private struct Stopped: Error {}

  /// Trains to the end, until it fails, or until it is interrupted.
  private func train(_ outcome: inout StudyOutcome, _ progress: StudyProgress) throws {
    let begin = Date()
    var training = Training(
      trainer: try run.folder.resume(), folder: run.folder, tracing: nil, reporting: reporting)
    do {
      _ = try training.train { progress.update($0, $1) }
      outcome.isTrained = training.trainer.isDone
    } catch let error as CommandError where error.status == .checkFailed {
      outcome.isTrained = true
      outcome.failure = error.message
    }
    outcome.trainingSeconds += Date().timeIntervalSince(begin)
    try run.save(outcome)
  }
}
