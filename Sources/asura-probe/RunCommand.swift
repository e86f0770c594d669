import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Answer a question: train, capture and analyse as a file says.",
    discussion: """
      An investigation is a YAML file of one question, the model and the trace it is asked of, the \
      analyses that answer it, and the numbers to tell. All of it is checked before anything is \
      run; then asura-train, asura-trace and asura-probe are run as one would by hand, and the \
      answer is a page of numbers and charts, answer.md, with the commands it comes from.

        asura-probe run Probes/where-is-the-carry.yaml
        asura-probe run Probes/where-is-the-carry.yaml --dry-run
        asura-probe run Probes/is-the-state-a-flow.yaml --model runs/mine

      Results are kept in runs/investigations, a folder each; models in its folder models. What is \
      there and still what the file asks for is used again, so that what was interrupted goes on, \
      and a changed file costs no more than what changed. The article Investigations tells how to \
      write one.
      """)

  @Argument(help: "The investigation, a YAML file.")
  var file: String

  @Option(
    help: ArgumentHelp(
      "Ask it of this model instead: a run's folder or a model.safetensors.", valueName: "path"))
  var model: String?

  @Option(
    name: [.customShort("o"), .long],
    help: ArgumentHelp("The folder of all investigations' results.", valueName: "folder"))
  var output = "runs/investigations"

  @Flag(help: "Capture and analyse anew; a trained model is kept.")
  var force = false

  @Flag(help: "Say what would be run, and stop.")
  var dryRun = false

  @OptionGroup var threads: ThreadOptions
  @OptionGroup var reporting: ReportingOptions

  private struct Step: Encodable {
    let name: String
    let command: String
    let isDone: Bool
  }

  func run() throws {
    var root = output
    while root.count > 1, root.hasSuffix("/") { root.removeLast() }
    var plan = try InvestigationPlan(file, root: root, run: model)
    let steps = plan.commands.map {
      let isKept = !force || $0.name == "model"
      return Step(name: $0.name, command: $0.command.line, isDone: $0.isDone && isKept)
    }
    if dryRun {
      if reporting.json { return try JSONOutput.print(steps) }
      for step in steps {
        print("\(step.isDone ? "done before:" : "to be run:  ") \(step.command)")
      }
      return
    }
    try perform(&plan, steps)

    let answer = try InvestigationAnswer(plan)
    let page = plan.folder + "/answer.md"
    try OutputFile(page, force: true).write(answer.page(showingCharts: true))
    try OutputFile(plan.folder + "/answer.json", force: true).write(JSONOutput.text(answer))
    if reporting.json {
      try JSONOutput.print(answer)
    } else {
      print(answer.page(showingCharts: false))
      print("Wrote \(page) and answer.json beside it.")
    }
    guard answer.missing.isEmpty else {
      answer.missing.forEach(warn)
      throw CommandError(
        "\(file): its reports ask for what the results lack", status: .nothingMatched,
        remedy: "result.json in each analysis's folder is the whole result")
    }
  }

  /// Runs what is not done yet.
  private func perform(_ plan: inout InvestigationPlan, _ steps: [Step]) throws {
    do {
      try FileManager.default.createDirectory(
        atPath: plan.folder, withIntermediateDirectories: true)
    } catch {
      throw CommandError("cannot make the folder \(plan.folder): \(error.localizedDescription)")
    }
    Interrupt.install()
    let options =
      (threads.threads.map { ["--threads", "\($0)"] } ?? []) + (reporting.quiet ? ["--quiet"] : [])
    func announce(_ index: Int) {
      guard !reporting.quiet else { return }
      let step = steps[index]
      printError(
        "\(index + 1) of \(steps.count): \(step.isDone ? "done before: " : "")\(step.command)")
    }
    var index = 0
    if plan.model.training != nil {
      announce(index)
      try plan.model.make(options + ["--json"], log: plan.folder + "/training.json")
      index += 1
    }
    guard let hash = plan.model.hash else {
      throw CommandError(
        "training was stopped: there is no model in \(plan.model.path)", status: .incompleteInput)
    }
    for step in [plan.trace] + plan.analyses {
      announce(index)
      if !steps[index].isDone { try step.run(model: hash, options: options) }
      index += 1
    }
  }
}
