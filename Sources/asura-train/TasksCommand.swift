import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

struct TasksCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tasks", abstract: "List the tasks, or show samples as a person would read them.",
    discussion: """
        asura-train tasks
        asura-train tasks addition --length 6 --kind propagate
        asura-train tasks addition --set format=plain
        asura-train tasks file --set path=sums.jsonl --kind test
      """)

  @Argument(help: "The task, or a recipe whose task is meant; without it, all are listed.")
  var task: String?

  @Option(help: "The length of the samples.")
  var length: Int?

  @Option(help: "The kind of examples.")
  var kind = "training"

  @Option(help: "How many samples.")
  var count = 3

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp("Change an option of the task; may be repeated.", valueName: "key=value"))
  var overrides: [String] = []

  @OptionGroup var seed: SeedOptions

  func run() throws {
    guard let task else { return try listTasks() }
    let configuration = try TaskConfiguration(named: task, overrides: overrides)
    let made = try configuration.makeTask()
    guard (1...10_000).contains(count) else {
      throw CommandError("--count is \(count), expected 1 to 10000", status: .usage)
    }
    var random = Random(seed: seed.seed ?? 0, for: "samples")
    let batch = try made.makeBatch(
      length: length ?? made.lengths.upperBound, examples: count,
      kind: try made.kind(named: kind), random: &random)
    for example in 0..<batch.examples {
      if example > 0 { print() }
      print(made.render(batch, example: example))
    }
  }

  private func listTasks() throws {
    var table = TextTable([("task", .left), ("what it asks", .left), ("kinds of examples", .left)])
    for name in TaskConfiguration.Name.allCases {
      // There is no such task without a file.
      let task = name == .file ? nil : try TaskConfiguration(name).makeTask()
      table.append([
        name.rawValue, task?.summary ?? FileTask.summary,
        (task?.kinds ?? FileTask.kinds).map(\.name).joined(separator: ", "),
      ])
    }
    print(table)
  }
}
