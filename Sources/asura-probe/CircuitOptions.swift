import ArgumentParser
import Asura
import AsuraCommandLine
import AsuraModel
import AsuraProbe
import Foundation

/// On what attribution, paths and circuits are made: the pairs' direction and length.
struct CircuitSubject: ParsableArguments {
  @OptionGroup var subject: PatchSubject

  @Option(help: "How many iterations to run. (default: the model's own number)")
  var iterations: Int?

  @Option(
    help:
      "denoise: clean values into the corrupted run; noise: corrupted ones into the clean run.")
  var direction = PatchDirection.denoise

  @Flag(help: "Compute in 64 bits; twice the time.")
  var double = false

  @Option(
    help: ArgumentHelp(
      "How much memory recorded values may take, as in 512MB. (default: 512MiB)",
      valueName: "size"), transform: ByteCount.init(parsing:))
  var memory: ByteCount?

  @Option(
    help: ArgumentHelp(
      "Stop after so many minutes, and store what was done.", valueName: "minutes"))
  var maxMinutes: Double?

  func validate() throws {
    if let maxMinutes, !(maxMinutes > 0) {
      throw ValidationError("--max-minutes is \(maxMinutes), expected more than 0")
    }
    if let iterations, !(1...1_000_000).contains(iterations) {
      throw ValidationError("--iterations is \(iterations), expected 1 to 1000000")
    }
  }

  var seed: UInt64 { subject.seed.seed ?? 0 }

  func experiment<S: Scalar>(
    _ subject: PatchSubject.Loaded, _ model: RecurrentTransformer<S>
  ) throws -> PatchExperiment<S> {
    var experiment = try PatchExperiment(
      model, subject.pairs, direction: direction, iterations: iterations, seed: seed)
    if let memory { experiment.memory = memory.bytes }
    return experiment
  }

  /// Whether to stop: Ctrl-C was pressed, or the time is up. Counted from now.
  func stopper() -> () -> Bool {
    Interrupt.install()
    let end = maxMinutes.map { Date() + 60 * $0 }
    return { Interrupt.isRequested || end.map { Date() > $0 } == true }
  }

  /// Why work that ended early did.
  var reason: String { Interrupt.isRequested ? "interrupted" : "out of time" }
}

/// A command that makes patched runs of a model in the precision asked for.
protocol CircuitAnalysis: ParsableCommand {
  var common: CircuitSubject { get }
  var threads: ThreadOptions { get }

  func run<S: Scalar>(_ subject: PatchSubject.Loaded, _ model: RecurrentTransformer<S>) throws
}

extension CircuitAnalysis {
  func run() throws {
    let subject = try common.subject.load()
    try Workers.$current.withValue(threads.workers) {
      if common.double {
        try run(subject, subject.model)
      } else {
        try run(subject, subject.model.converted(to: Float.self))
      }
    }
  }
}

/// An effect with three digits after the point.
func effectText(_ value: Double) -> String {
  guard value.isFinite else { return "–" }
  let text = String(format: "%.3f", value)
  return text == "-0.000" ? "0.000" : text
}

/// A place in few words, such as `core.0.attn.z t=7 head 2 position 3`.
func placeText(_ entry: PatchSweep.Entry) -> String {
  "\(entry.name) t=\(entry.iteration)" + (entry.head.map { " head \($0)" } ?? "")
    + (entry.position.map { " position \($0)" } ?? "")
}
