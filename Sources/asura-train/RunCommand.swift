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

  @OptionGroup var seed: SeedOptions
  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: ReportingOptions

  func run() throws {
    let url = URL(fileURLWithPath: recipe)
    let overrides = overrides + (seed.seed.map { ["seed=\($0)"] } ?? [])
    let recipe = try Recipe(contentsOf: url, overrides: overrides)
    let trainer = try Trainer<Float>(recipe)
    let folder = RunFolder(
      URL(
        fileURLWithPath: output ?? "runs/" + url.deletingPathExtension().lastPathComponent,
        isDirectory: true))
    try folder.create(recipe, overwriting: force)
    var training = Training(trainer: trainer, folder: folder, reporting: reporting)
    try training.run(threads.workers)
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
    let trainer = try folder.resume(Float.self)
    var training = Training(trainer: trainer, folder: folder, reporting: reporting)
    try training.run(threads.workers)
  }
}
