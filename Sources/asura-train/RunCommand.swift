import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Train a model by a recipe.",
    discussion: """
      Any key of the recipe can be changed with --set, as in
        asura-train run recipe.yaml --set training.steps=500 --set optimizer.clip=1
      Ctrl-C saves a checkpoint and stops; asura-train resume goes on from it.

      With --trace-every the run is followed: the same examples are recorded before
      the first step, every so many, and after the last, to traces/step-000500.h5
      and so on in the run's folder, linked into traces.h5 with an axis step.
      """)

  @Argument(help: "The recipe, a YAML file.")
  var recipe: String

  @Option(
    name: [.customShort("o"), .long],
    help: ArgumentHelp(
      "The folder for the run. (default: runs/ and the recipe's name)", valueName: "folder"))
  var output: String?

  @Flag(help: "Overwrite a run that is in the folder.")
  var force = false

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp("Change a key of the recipe; may be repeated.", valueName: "key=value"))
  var overrides: [String] = []

  @OptionGroup(title: "Following the run") var tracing: TracingOptions
  @OptionGroup var seed: SeedOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: ReportingOptions

  func run() throws {
    let url = URL(fileURLWithPath: recipe)
    let overrides = overrides + (seed.seed.map { ["seed=\($0)"] } ?? [])
    let recipe = try Recipe(contentsOf: url, overrides: overrides)
    let trainer = try Trainer<Float>(recipe)
    if let warning = try trainer.warning() { printError("warning: \(warning)") }
    let folder = RunFolder(
      URL(
        fileURLWithPath: output ?? "runs/" + url.deletingPathExtension().lastPathComponent,
        isDirectory: true))
    let traces = try tracing.traces(of: recipe)
    try traces?.check(trainer)
    try folder.create(recipe, tracing: traces, overwriting: force)
    var training = Training(
      trainer: trainer, folder: folder, tracing: traces, reporting: reporting)
    try training.run(threads.workers)
  }
}

/// What of a run to trace.
struct TracingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Record chosen examples every so many steps.", valueName: "steps"))
  var traceEvery: Int?

  @Option(
    help: ArgumentHelp(
      "Sites to record: names or patterns, separated by commas. (default: latent,logits)",
      valueName: "sites"))
  var traceSites: String?

  @Option(
    help: ArgumentHelp(
      "How many iterations to run. (default: the model's own number)", valueName: "n"))
  var traceIterations: Int?

  @Option(
    help: ArgumentHelp(
      "How many examples to follow, of the longest length of training. (default: 8)",
      valueName: "n"))
  var traceExamples: Int?

  func validate() throws {
    guard traceEvery == nil else { return }
    for (name, isThere) in [
      ("--trace-sites", traceSites != nil), ("--trace-iterations", traceIterations != nil),
      ("--trace-examples", traceExamples != nil),
    ] where isThere {
      throw ValidationError("\(name) says what to trace, but not how often: add --trace-every 500")
    }
  }

  /// What was asked for; nil when nothing was.
  func traces(of recipe: Recipe) throws -> TrainingTraces? {
    guard let traceEvery else { return nil }
    return try TrainingTraces(
      every: traceEvery,
      sites: (traceSites ?? "latent,logits").split(separator: ",").map {
        $0.trimmingCharacters(in: .whitespaces)
      }, iterations: traceIterations, examples: traceExamples ?? 8, of: recipe)
  }
}

struct ResumeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume", abstract: "Go on with a run that was stopped.",
    discussion: "The result has the same bits as that of a run that was never stopped.")

  @Argument(help: "The run's folder.")
  var folder: String

  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: ReportingOptions

  func run() throws {
    let folder = RunFolder(URL(fileURLWithPath: folder, isDirectory: true))
    let tracing = try folder.readTracing()
    let trainer = try folder.resume(Float.self)
    var training = Training(
      trainer: trainer, folder: folder, tracing: tracing, reporting: reporting)
    try training.run(threads.workers)
  }
}
