import AsuraConfiguration
import AsuraModel
import AsuraTensor
import AsuraTrace
import Foundation

/// How a training run is followed: the same examples again and again, a trace every so many updates.
///
/// Traces lie in the run's folder under `traces/`, one a step such as `step-000500.h5`, and are linked into
/// `traces.h5` with an axis `step`. What they are made of is drawn from the recipe's seed alone and apart from
/// training, whose bits they do not change.
public struct TrainingTraces: Codable, Sendable, Equatable {
  /// How many updates lie between two traces; there is one before the first update and one after the last.
  public var every: Int
  /// The sites to record, by name or pattern.
  public var sites: [String]
  /// How many iterations to run.
  public var iterations: Int
  /// How many examples to follow, of the longest length of training.
  public var examples: Int

  /// Follows a run with the model's own number of iterations and 8 examples, unless others are given.
  public init(
    every: Int, sites: [String] = ["latent", "logits"], iterations: Int? = nil, examples: Int = 8,
    of recipe: Recipe
  ) throws {
    self.every = every
    self.sites = sites
    self.iterations = iterations ?? recipe.model.iterations
    self.examples = examples
    try validate()
  }

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case every, sites, iterations, examples
  }

  public init(from decoder: any Decoder) throws {
    let fields = try Fields<CodingKeys>(decoder)
    every = try fields.required(.every)
    sites = try fields.required(.sites)
    iterations = try fields.required(.iterations)
    examples = try fields.required(.examples)
    try validate()
  }

  private func validate() throws {
    for (name, value) in [("every", every), ("iterations", iterations), ("examples", examples)] {
      try ConfigurationError.check(
        "traces.\(name)", value, in: 1...10_000_000, remedy: "give a number from 1")
    }
  }

  /// The capture of a run at the step it stands at.
  func capture<S: Scalar>(of trainer: Trainer<S>) throws -> TraceCapture<S> {
    let seed = trainer.recipe.seed
    var random = Random(seed: seed, for: "traced examples")
    let batch = try trainer.task.makeBatch(
      length: trainer.task.lengths.upperBound, examples: examples, random: &random)
    var capture = try TraceCapture(
      trainer.result, on: batch, of: trainer.task, iterations: iterations)
    capture.record = [.sites(sites)]
    capture.seeds = ["examples": seed, "noise": seed, "training": seed]
    return capture
  }

  /// Finds out before the first update whether there is anything to trace.
  public func check<S: Scalar>(_ trainer: Trainer<S>) throws {
    _ = try capture(of: trainer).byteCount()
  }
}

extension RunFolder {
  /// How the run is followed, where it is.
  public var tracing: URL { url.appendingPathComponent("traces.json") }
  /// The folder of the traces.
  public var traces: URL { url.appendingPathComponent("traces", isDirectory: true) }
  /// All of them in one.
  public var linkedTraces: URL { url.appendingPathComponent("traces.h5") }

  /// The trace of a step.
  public func trace(at step: Int) -> URL {
    let digits = String(step)
    let zeros = String(repeating: "0", count: max(0, 6 - digits.count))
    return traces.appendingPathComponent("step-\(zeros)\(digits).h5")
  }

  /// How the run is followed; nil when it is not.
  public func readTracing() throws -> TrainingTraces? {
    guard FileManager.default.fileExists(atPath: tracing.path) else { return nil }
    do {
      return try JSONDecoder().decode(TrainingTraces.self, from: Data(contentsOf: tracing))
    } catch {
      throw TrainingError.folder(
        "cannot read how the run is traced in \(tracing.path): \(error)",
        remedy: "Mend the file; or remove it, and the run is no longer traced.")
    }
  }

  /// Writes the trace of the step a run stands at, if one is due, and, when it is the last, links all. A trace of
  /// the same step that is there is written anew: it has the same bits, or was cut short.
  ///
  /// - Returns: whether a trace was written.
  @discardableResult
  public func trace<S: Scalar>(
    _ trainer: Trainer<S>, _ tracing: TrainingTraces, program: String, commandLine: String
  ) throws -> Bool {
    guard trainer.step % tracing.every == 0 || trainer.isDone else { return false }
    try FileManager.default.createDirectory(at: traces, withIntermediateDirectories: true)
    var capture = try tracing.capture(of: trainer)
    (capture.program, capture.commandLine) = (program, commandLine)
    try capture.write(to: trace(at: trainer.step), overwriting: true)
    if trainer.isDone { try linkTraces(program: program, commandLine: commandLine) }
    return true
  }

  /// Links the traces there are into one file.
  private func linkTraces(program: String, commandLine: String) throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: traces.path)
    let steps = names.compactMap { name in
      name.wholeMatch(of: /step-([0-9]{6,})\.h5/).flatMap { Int($0.output.1) }
    }.sorted()
    var link = TraceLink(steps.map { trace(at: $0) }, axis: "step", coordinates: steps)
    (link.program, link.commandLine) = (program, commandLine)
    try link.write(to: linkedTraces, overwriting: true)
  }
}
