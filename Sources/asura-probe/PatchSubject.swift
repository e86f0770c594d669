import ArgumentParser
import Asura
import AsuraCommandLine
import AsuraModel
import AsuraProbe
import AsuraTasks
import AsuraTraining
import Foundation

/// Which model is patched, on which pairs.
struct PatchSubject: ParsableArguments {
  @Argument(
    help:
      "A run's folder, a model.safetensors with its model.json beside it, or a trace with its model."
  )
  var model: String

  @Option(
    help: ArgumentHelp(
      "The task, by name or by a recipe's file. (default: the one the model was trained on)",
      valueName: "task"))
  var task: String?

  @Option(help: ArgumentHelp("How many pairs the task is to make. (default: 20)", valueName: "n"))
  var pairs: Int?

  @Option(
    help: ArgumentHelp(
      "The kind of pairs, such as carry or digit of addition. (default: the task's first)",
      valueName: "name"))
  var pairKind: String?

  @Option(help: "The length of the examples. (default: the longest of training)")
  var length: Int?

  @Option(
    help: ArgumentHelp(
      """
      Pairs of your own, JSON lines {"clean": "12 + 9 =", "corrupted": "12 + 7 ="}, or lists of tokens for \
      either, with "positions": [[clean, corrupted], …] where lengths differ.
      """, valueName: "file"))
  var input: String?

  @OptionGroup var seed: SeedOptions

  func validate() throws {
    if let pairs, pairs < 1 {
      throw ValidationError("--pairs is \(pairs), expected 1 or more")
    }
    guard input != nil else { return }
    for (name, isThere) in [("--pairs", pairs != nil), ("--pair-kind", pairKind != nil)]
    where isThere {
      throw ValidationError(
        "\(name) is about pairs the task makes, but --input gives them: leave one out")
    }
  }

  /// What a subject comes to.
  struct Loaded {
    let model: RecurrentTransformer<Double>
    let pairs: ContrastPairs
    /// What the charts call it.
    let name: String
    /// The file the companion is named after.
    let url: URL
  }

  private var url: URL { URL(fileURLWithPath: model) }
  private var isTrace: Bool { url.pathExtension == "h5" }

  func load() throws -> Loaded {
    let (model, named): (RecurrentTransformer<Double>, (any LearningTask)?)
    if isTrace {
      let reader = try openTrace(self.model)
      model = try TracedRun(reader).model
      named = Self.task(named: try reader.input().task, fitting: model.configuration)
    } else {
      model = try RunFolder.trainedModel(at: url, as: Double.self)
      named = try? RunFolder.task(besideModel: url).makeTask()
    }
    let task = try task.map { try TaskConfiguration(named: $0).makeTask() } ?? named
    var pairs: ContrastPairs
    if let input {
      pairs = try PatchPairsInput(input).pairs(of: task, model.configuration, length: length)
    } else {
      guard let task else {
        throw CommandError(
          "\(self.model) does not say of which task it is", status: .usage,
          remedy: "name it with --task, or give pairs of your own with --input")
      }
      pairs = try made(of: task)
    }
    if let task { pairs.labels = labels(of: pairs, task) }
    let isFolder = url.hasDirectoryPath || isDirectory(url)
    return Loaded(
      model: model, pairs: pairs, name: url.lastPathComponent,
      url: isTrace
        ? url
        : (isFolder ? url.appending(path: "model") : url.deletingPathExtension())
          .appendingPathExtension("h5"))
  }

  /// The task of a trace, which knows its name only: with its usual options, if they make inputs of the model's kind.
  private static func task(
    named name: String, fitting configuration: ModelConfiguration
  ) -> (any LearningTask)? {
    guard let task = try? TaskConfiguration(named: name).makeTask(),
      task.vocabulary.count == configuration.vocabulary, task.channels == configuration.channels
    else { return nil }
    return task
  }

  private func isDirectory(_ url: URL) -> Bool {
    (try? url.resourceValues(forKeys: [.isDirectoryKey]).isDirectory) ?? false
  }

  private func made(of task: any LearningTask) throws -> ContrastPairs {
    var random = Random(seed: seed.seed ?? 0, for: "pairs")
    let made = try task.makePairs(
      length: length ?? task.lengths.upperBound, count: pairs ?? 20,
      kind: task.pairKind(named: pairKind), random: &random)
    var result = try ContrastPairs(
      clean: ModelInput(made.clean), corrupted: ModelInput(made.corrupted),
      cleanAnswers: made.clean.targets, corruptedAnswers: made.corrupted.targets)
    result.names = (0..<made.clean.examples).map {
      "\(task.question(made.clean, example: $0)) | \(task.question(made.corrupted, example: $0))"
    }
    return result
  }

  /// What stands at each position, where it is the same in all pairs' inputs; of one pair always, the clean one's first.
  private func labels(of pairs: ContrastPairs, _ task: any LearningTask) -> [String] {
    func symbols(_ input: ModelInput, _ pair: Int, _ position: Int) -> String {
      let first = (pair * input.positions + position) * input.channels
      return input.tokens[first..<first + input.channels].map { token in
        task.vocabulary.indices.contains(Int(token)) ? task.vocabulary[Int(token)] : "?"
      }.joined(separator: "/")
    }
    let positions = min(pairs.clean.positions, pairs.corrupted.positions)
    return (0..<positions).map { position in
      let clean = Set((0..<pairs.count).map { symbols(pairs.clean, $0, position) })
      let corrupted = Set((0..<pairs.count).map { symbols(pairs.corrupted, $0, position) })
      guard clean.count == 1, corrupted.count == 1, let a = clean.first, let b = corrupted.first
      else { return "" }
      return a == b ? a : "\(a)→\(b)"
    }
  }
}
