import Asura
import AsuraCommandLine
import Foundation

/// The model an investigation is about, and how it comes to be.
struct InvestigationModel {
  /// The run's folder or the model's file.
  let path: String
  /// What trains it; nil for one that was trained before, not by an investigation.
  let training: Child?
  /// What has to be run for it now: the training or, where that was interrupted, the rest of it.
  private let pending: Child?
  /// Its weights' hash; nil before it is trained.
  private(set) var hash: String?

  /// Finds the model, or where it will be trained, and checks that the trace can be made of it.
  ///
  /// A recipe's model is kept in `models` and found there again; one of another recipe of the same
  /// name stays beside it.
  init(_ subject: InvestigatedModel, in folder: String, models: String, trace: InvestigationTrace)
    throws
  {
    if let run = subject.run {
      path = located(run, in: folder)
      let url = URL(fileURLWithPath: path)
      let model = try RunFolder.trainedModel(at: url, as: Float.self)
      (training, pending) = (nil, nil)
      hash = model.weightsHash
      try Self.check(trace, model, RunFolder.task(besideModel: url))
      return
    }
    let file = located(subject.recipe ?? "", in: folder)
    let recipe = try Recipe(contentsOf: URL(fileURLWithPath: file), overrides: subject.changes)
    let stem = URL(fileURLWithPath: file).deletingPathExtension().lastPathComponent
    let (place, isBegun) = Self.place(models + "/" + stem, for: recipe)
    let run = RunFolder(URL(fileURLWithPath: place, isDirectory: true))
    path = place
    let training = Child(
      program: "asura-train",
      arguments: ["run", file, "-o", place] + subject.changes.flatMap { ["--set", $0] })
    self.training = training
    if isBegun, FileManager.default.fileExists(atPath: run.model.path) {
      let model = try RunFolder.trainedModel(at: run.url, as: Float.self)
      pending = nil
      hash = model.weightsHash
      try Self.check(trace, model, recipe.task)
      return
    }
    pending =
      isBegun ? Child(program: "asura-train", arguments: ["resume", place]) : training
    try Self.check(trace, RecurrentTransformer(recipe.model, seed: recipe.seed), recipe.task)
  }

  /// Trains it, if it must be.
  mutating func make(_ options: [String], log: String) throws {
    guard let pending else { return }
    try Child(program: pending.program, arguments: pending.arguments + options)
      .run(printingTo: log)
    hash = try RunFolder.trainedModel(at: URL(fileURLWithPath: path), as: Float.self).weightsHash
  }

  private static func check(
    _ trace: InvestigationTrace, _ model: RecurrentTransformer<Float>, _ task: TaskConfiguration
  ) throws {
    do { try trace.check(model, task: task.makeTask()) } catch {
      guard let cause = explainedProbe(error) else { throw error }
      throw CommandError("trace: \(cause.message)", status: cause.status, remedy: cause.remedy)
    }
  }

  /// The folder that holds a run of this very recipe, or the first that is free: `path`, `path-2`, …
  private static func place(_ path: String, for recipe: Recipe) -> (path: String, isBegun: Bool) {
    var number = 1
    while true {
      let place = number == 1 ? path : "\(path)-\(number)"
      let run = RunFolder(URL(fileURLWithPath: place, isDirectory: true))
      if !FileManager.default.fileExists(atPath: place) { return (place, false) }
      if (try? Recipe(contentsOf: run.recipe)) == recipe { return (place, true) }
      number += 1
    }
  }
}
