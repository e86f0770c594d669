import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

/// Which model is run on which examples.
struct SubjectOptions: ParsableArguments {
  @Argument(help: "A run's folder, or a model.safetensors with its model.json beside it.")
  var model: String

  @Option(
    help: ArgumentHelp(
      "The task, by name or by a recipe's file. (default: the one the model was trained on)",
      valueName: "task"))
  var task: String?

  @Option(
    help: ArgumentHelp(
      """
      Examples from a file of JSON lines, or - for standard input: {"tokens": [3, 1, 4]} with, if there are \
      any, targets, position_ids, text and facts; or {"text": "12 + 345 ="}, which the task reads.
      """, valueName: "file"))
  var input: String?

  @Option(help: "The length of the examples. (default: the longest of training)")
  var length: Int?

  @Option(help: "How many examples. (default: 16)")
  var examples: Int?

  @Option(help: "The kind of examples, as asura-train tasks lists them. (default: training)")
  var kind: String?

  @OptionGroup var seed: SeedOptions

  func validate() throws {
    guard input != nil else { return }
    for (name, isThere) in [("--examples", examples != nil), ("--kind", kind != nil)]
    where isThere {
      throw ValidationError(
        "\(name) chooses examples of the task, but --input gives them: leave one out")
    }
  }

  func load() throws -> (model: RecurrentTransformer<Float>, input: CaptureInput) {
    let url = URL(fileURLWithPath: model)
    let model = try RunFolder.trainedModel(at: url, as: Float.self)
    guard let input else {
      let task = try namedTask() ?? RunFolder.task(besideModel: url).makeTask()
      var random = Random(seed: seed.seed ?? 0, for: "capture")
      let batch = try task.makeBatch(
        length: length ?? task.lengths.upperBound, examples: examples ?? 16,
        kind: try task.kind(named: kind ?? ExampleKind.training.name), random: &random)
      return (model, try CaptureInput(batch, of: task))
    }
    // Token ids need no task.
    let task = try namedTask() ?? (try? RunFolder.task(besideModel: url).makeTask())
    let isStandard = input == "-"
    let handle: FileHandle
    do {
      handle =
        isStandard
        ? .standardInput : try FileHandle(forReadingFrom: URL(fileURLWithPath: input))
    } catch {
      throw CommandError(
        "cannot read \(input): \(error.localizedDescription)", status: .incompleteInput,
        remedy: "check the path; - reads standard input")
    }
    return (
      model,
      try JSONLinesInput.read(
        handle, source: isStandard ? "standard input" : input, of: task,
        vocabulary: model.configuration.vocabulary, length: length)
    )
  }

  private func namedTask() throws -> (any LearningTask)? {
    try task.map { try TaskConfiguration(named: $0).makeTask() }
  }
}
