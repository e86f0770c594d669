import Asura
import AsuraCommandLine
import Foundation

/// The loop of a training run as a person follows it: progress, metrics, checkpoints, interruption.
struct Training {
  var trainer: Trainer<Float>
  let folder: RunFolder
  /// How the run is followed; nil when it is not.
  let tracing: TrainingTraces?
  let reporting: ReportingOptions

  /// What a finished or interrupted run reports.
  private struct Summary: Encodable {
    let folder: String
    let finished: Bool
    let step: Int
    let steps: Int
    let loss: Double?
    let exactMatch: Double?
    let symbolAccuracy: Double?
    let seconds: Double
  }

  mutating func run(_ workers: Workers) throws {
    // A run that was finished before is only reported.
    let isTraced =
      tracing == nil || FileManager.default.fileExists(atPath: folder.linkedTraces.path)
    if trainer.isDone, isTraced, FileManager.default.fileExists(atPath: folder.model.path) {
      return try report(nil, seconds: 0)
    }
    Interrupt.install()
    let begin = Date()
    let progress = reporting.progress(
      "training \(trainer.task.name)", total: trainer.recipe.training.steps,
      completed: trainer.step, unit: "step")
    var message: String?
    let last = try Workers.$current.withValue(workers) {
      try train { step, text in
        progress.update(step, text)
        message = text
      }
    }
    progress.finish(message)
    try report(last, seconds: Date().timeIntervalSince(begin))
  }

  /// Trains to the end, or until it is interrupted, and saves what there is then.
  ///
  /// - Parameter progress: is called after each step with its number and how it goes, in a few words.
  /// - Returns: the last step made; nil when none was left.
  mutating func train(
    progress: (_ step: Int, _ message: String) -> Void
  ) throws -> Trainer<Float>.StepReport? {
    let options = trainer.recipe.training
    let metrics = try MetricsFile(folder.metrics)
    let board = try TensorBoardWriter(
      directory: folder.tensorBoard, resumingAfter: trainer.step)
    var last: Trainer<Float>.StepReport?
    var saved = trainer.step
    // Smoothed as people read curves; the metrics hold each step's own numbers.
    var loss = Smoothed()
    var exact = Smoothed()
    // The first, or one that a run cut short did not come to.
    try trace()
    while !trainer.isDone && !Interrupt.isRequested {
      let start = Date()
      let report: Trainer<Float>.StepReport
      do { report = try trainer.update() } catch { throw advised(error, saved: saved) }
      last = report
      loss.add(report.loss)
      exact.add(report.accuracy.exactMatch)
      if report.step % options.logEvery == 0 || trainer.isDone {
        try metrics.append(
          report, seconds: Date().timeIntervalSince(start), examples: options.batch)
        try board.add(
          [
            "loss": report.loss, "accuracy/exact": report.accuracy.exactMatch,
            "accuracy/symbol": report.accuracy.perSymbol, "gradient/norm": report.gradientNorm,
            "learning_rate": report.learningRate, "batch/length": Double(report.length),
            "batch/iterations": Double(report.iterations),
          ], step: report.step)
        if let unconverged = report.unconverged {
          try board.add(["batch/unconverged": Double(unconverged)], step: report.step)
        }
      }
      if report.step % options.checkpointEvery == 0 {
        // The curves up to it first: after a kill they are not drawn again.
        try board.flush()
        do { try folder.save(trainer) } catch { throw advised(error, saved: saved) }
        saved = report.step
      }
      // The last waits until the run is safe.
      if !trainer.isDone { try trace() }
      progress(
        report.step, String(format: "loss %.4f  exact %5.1f%%", loss.value, 100 * exact.value))
    }
    do { try folder.save(trainer) } catch { throw advised(error, saved: saved) }
    try board.close()
    if trainer.isDone {
      try folder.saveResult(trainer)
      try trace()
    }
    return last
  }

  /// Says how far the run is; `last` is the last step made now.
  private func report(_ last: Trainer<Float>.StepReport?, seconds: Double) throws {
    let steps = trainer.recipe.training.steps
    let summary = Summary(
      folder: folder.url.path, finished: trainer.isDone, step: trainer.step, steps: steps,
      loss: last?.loss, exactMatch: last?.accuracy.exactMatch,
      symbolAccuracy: last?.accuracy.perSymbol, seconds: seconds)
    if reporting.json {
      try JSONOutput.print(summary)
    } else if trainer.isDone {
      print("Trained \(trainer.step) steps. The model is \(folder.model.relativePath).")
      if tracing != nil { print("Its traces are linked in \(folder.linkedTraces.relativePath).") }
    } else {
      print("Stopped at step \(trainer.step) of \(steps); nothing is lost.")
      let path = folder.url.relativePath
      print("Go on with: asura-train resume \(path.contains(" ") ? "'\(path)'" : path)")
    }
  }
}

extension Training {
  /// Traces the step the run stands at, if it is one to trace.
  private func trace() throws {
    guard let tracing else { return }
    try folder.trace(
      trainer, tracing, program: "asura-train",
      commandLine: CommandLine.arguments.joined(separator: " "))
  }

  /// Numbers that are not finite, with what the run can be taken up from.
  fileprivate func advised(_ error: any Error, saved: Int) -> any Error {
    switch error as? TrainingError {
    case .notFinite, .stateNotFinite: break
    default: return error
    }
    let checkpoint =
      saved > 0
      ? "The last good checkpoint is \(folder.checkpoint.path), step \(saved)."
      : "There is no checkpoint yet."
    return CommandError(
      "\(error)", status: .checkFailed,
      remedy: "\(checkpoint) Try a lower optimizer.learningRate or optimizer.clip: 1.")
  }
}

/// An exponential moving average that starts without bias.
private struct Smoothed {
  private var sum = 0.0
  private var weight = 0.0

  mutating func add(_ value: Double) {
    sum = 0.95 * sum + 0.05 * value
    weight = 0.95 * weight + 0.05
  }

  var value: Double { weight == 0 ? .nan : sum / weight }
}
