import AsuraModel
import AsuraTasks
import AsuraTensor
import Foundation
import Yams

/// The folder a training run lives in.
///
/// | file | holds |
/// |---|---|
/// | `recipe.yaml` | the whole recipe, defaults and overrides spelled out |
/// | `checkpoint.safetensors` | the newest state, to resume from |
/// | `metrics.jsonl` | one line of JSON every `logEvery` steps |
/// | `tensorboard/` | the same as TensorBoard event files |
/// | `model.safetensors`, `model.json` | the trained model, once training is done |
/// | `task.json` | the task it was trained on |
/// | `study.json` | what came of the run, if it is one of a study's |
/// | `traces.json`, `traces/`, `traces.h5` | how the run is followed, a trace a step, and all linked in one, if it is |
public struct RunFolder: Sendable {
  /// The folder.
  public let url: URL

  /// The run in a folder, which need not exist yet.
  public init(_ url: URL) { self.url = url }

  public var recipe: URL { url.appendingPathComponent("recipe.yaml") }
  public var checkpoint: URL { url.appendingPathComponent("checkpoint.safetensors") }
  public var metrics: URL { url.appendingPathComponent("metrics.jsonl") }
  public var tensorBoard: URL { url.appendingPathComponent("tensorboard", isDirectory: true) }
  public var model: URL { url.appendingPathComponent("model.safetensors") }
  public var task: URL { url.appendingPathComponent("task.json") }
  var outcome: URL { url.appendingPathComponent("study.json") }

  /// Makes the folder and writes the recipe into it. An existing folder is an error unless
  /// `overwriting`, which removes the files a run writes, and only those, once the new ones are on
  /// the disk.
  public func create(
    _ recipe: Recipe, tracing: TrainingTraces? = nil, overwriting: Bool
  ) throws {
    let yaml = Data(try recipe.yaml.utf8)
    let task = try Self.json(recipe.task)
    let files = FileManager.default
    var isFolder: ObjCBool = false
    if files.fileExists(atPath: url.path, isDirectory: &isFolder) {
      guard isFolder.boolValue else {
        throw TrainingError.exists(
          "\(url.path) is a file", remedy: "Give the name of a folder with -o.")
      }
      let there = try contents()
      guard there.isEmpty || overwriting else {
        throw TrainingError.exists(
          "\(url.path) exists and is not empty",
          remedy: "Choose another folder with -o, resume it, or overwrite it with --force.")
      }
    }
    do { try files.createDirectory(at: url, withIntermediateDirectories: true) } catch {
      throw Self.cannotWrite(url, error)
    }
    // A full disk shows here, while the old run is whole.
    let newTask = try stage(task, for: self.task)
    let newRecipe: URL
    do { newRecipe = try stage(yaml, for: self.recipe) } catch {
      try? files.removeItem(at: newTask)
      throw error
    }
    do {
      // The recipe goes first and comes last: where it is, a run can be resumed and lacks nothing.
      for file in [
        self.recipe, checkpoint, metrics, tensorBoard, model, configuration, self.task, outcome,
        self.tracing, traces, linkedTraces,
      ] where files.fileExists(atPath: file.path) {
        try files.removeItem(at: file)
      }
      if let tracing { try write(try Self.json(tracing), to: self.tracing) }
      try Self.move(newTask, to: self.task)
      try Self.move(newRecipe, to: self.recipe)
    } catch {
      for file in [newTask, newRecipe] { try? files.removeItem(at: file) }
      throw TrainingError.cannotWrite(
        "cannot replace the run in \(url.path): \(error.localizedDescription)",
        remedy: "Some of its files may be gone. Check the permissions of the folder and of what is "
          + "in it, then start again with --force.")
    }
  }

  private func contents() throws -> [String] {
    do { return try FileManager.default.contentsOfDirectory(atPath: url.path) } catch {
      throw Self.cannotWrite(url, error)
    }
  }

  var configuration: URL { url.appendingPathComponent("model.json") }

  /// Takes up a run where its checkpoint left it, and drops the metrics it will write again.
  public func resume<S: Scalar>(_: S.Type = S.self) throws -> Trainer<S> {
    let trainer: Trainer<S> = try load()
    try truncateMetrics(after: trainer.step)
    return trainer
  }

  /// The run as its checkpoint has it; changes nothing.
  public func load<S: Scalar>(_: S.Type = S.self) throws -> Trainer<S> {
    guard FileManager.default.fileExists(atPath: recipe.path) else {
      throw TrainingError.folder(
        "\(url.path) has no recipe.yaml", remedy: "Give the folder of a training run.")
    }
    var trainer = try Trainer<S>(try Recipe(contentsOf: recipe))
    if FileManager.default.fileExists(atPath: checkpoint.path) {
      try trainer.restore(from: checkpoint)
    }
    return trainer
  }

  /// Writes the state to resume from, whole or not at all. One that holds NaN or infinite values is an
  /// error, and the file stays as it was.
  public func save<S: Scalar>(_ trainer: Trainer<S>) throws {
    try write(try trainer.checkpoint(), to: checkpoint)
  }

  /// Writes the trained model, under the same condition.
  public func saveResult<S: Scalar>(_ trainer: Trainer<S>) throws {
    try trainer.checkFinite()
    let result = trainer.result
    try write(try result.configuration.json, to: configuration)
    try write(try result.safetensors(), to: model)
  }

  /// The trained model in a run's folder or a safetensors file.
  public static func trainedModel<S: Scalar>(
    at url: URL, as _: S.Type = S.self
  ) throws -> RecurrentTransformer<S> {
    let folder = RunFolder(url)
    let files = FileManager.default
    if files.fileExists(atPath: folder.recipe.path), !files.fileExists(atPath: folder.model.path) {
      throw TrainingError.folder(
        "\(url.path) holds a run that is not finished",
        remedy: "Finish it with asura-train resume, or give what asura-train export makes of it.")
    }
    return try RecurrentTransformer(contentsOf: url)
  }

  /// The task of a trained model: `task.json` beside it.
  public static func task(besideModel url: URL) throws -> TaskConfiguration {
    let folder = url.isExistingFolder ? url : url.deletingLastPathComponent()
    let file = folder.appendingPathComponent("task.json")
    guard let data = try? Data(contentsOf: file) else {
      throw TrainingError.folder(
        "cannot read the task \(file.path)",
        remedy: "Training leaves it beside the model: keep the two together.")
    }
    do { return try JSONDecoder().decode(TaskConfiguration.self, from: data) } catch {
      let reason = error is TaskError ? "\(error)" : "not valid JSON"
      throw TrainingError.folder(
        "\(file.path) does not describe a task: \(reason)",
        remedy: "Copy it again from the run's folder.")
    }
  }

  private static func json(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    return try encoder.encode(value)
  }

  /// Drops lines of metrics that a resumed run will write again, and a last one cut short.
  private func truncateMetrics(after step: Int) throws {
    guard let text = try? String(contentsOf: metrics, encoding: .utf8) else { return }
    let kept = text.split(separator: "\n").prefix { line in
      let fields = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      return (fields?["step"] as? Int).map { $0 <= step } ?? false
    }
    try write(Data(kept.map { $0 + "\n" }.joined().utf8), to: metrics)
  }

  /// The first step by which five logged batches in a row had that share of whole answers right on average; nil when
  /// none was.
  func step(reaching share: Double) -> Int? {
    struct Line: Decodable {
      let step: Int
      let exactMatch: Double?
    }
    guard let text = try? String(contentsOf: metrics, encoding: .utf8) else { return nil }
    let lines = text.split(separator: "\n").compactMap {
      try? JSONDecoder().decode(Line.self, from: Data($0.utf8))
    }
    return lines.indices.dropFirst(4).first { last in
      lines[last - 4...last].reduce(0) { $0 + ($1.exactMatch ?? 0) } >= 5 * share
    }.map { lines[$0].step }
  }

  /// Writes a value as JSON, whole or not at all.
  func write(_ value: some Encodable, to file: URL) throws {
    try write(try Self.json(value), to: file)
  }

  private func write(_ data: Data, to file: URL) throws {
    // Under another name first, and on the disk before it gets its own: neither a kill nor a power cut leaves half a
    // file.
    let partial = try stage(data, for: file)
    do { try Self.move(partial, to: file) } catch {
      try? FileManager.default.removeItem(at: partial)
      throw Self.cannotWrite(file, error)
    }
  }

  /// Puts a file's new contents on the disk under a name of their own; always the same, so that what a
  /// kill leaves is gone with the next.
  private func stage(_ data: Data, for file: URL) throws -> URL {
    let partial = URL(fileURLWithPath: file.path + ".partial")
    do {
      try data.write(to: partial)
      let handle = try FileHandle(forUpdating: partial)
      try handle.synchronize()
      try handle.close()
      return partial
    } catch {
      try? FileManager.default.removeItem(at: partial)
      throw Self.cannotWrite(file, error)
    }
  }

  private static func move(_ partial: URL, to file: URL) throws {
    guard rename(partial.path, file.path) == 0 else {
      throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
    }
  }

  fileprivate static func cannotWrite(_ file: URL, _ error: any Error) -> TrainingError {
    .cannotWrite(
      "cannot write \(file.path): \(error.localizedDescription)",
      remedy:
        "Check the disk's space and the folder's permissions; what was there before is intact.")
  }
}

extension URL {
  /// Whether there is a folder at this path.
  var isExistingFolder: Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
      && isFolder.boolValue
  }
}

/// Appends lines of metrics to a run's `metrics.jsonl`.
public final class MetricsFile {
  private let url: URL
  private let handle: FileHandle

  /// Opens the file to append to; makes it when it is missing.
  public init(_ url: URL) throws {
    self.url = url
    if !FileManager.default.fileExists(atPath: url.path) {
      guard FileManager.default.createFile(atPath: url.path, contents: nil) else {
        throw TrainingError.cannotWrite(
          "cannot create \(url.path)", remedy: "Check the folder's permissions.")
      }
    }
    handle = try FileHandle(forWritingTo: url)
    try handle.seekToEnd()
  }

  /// Appends one step's line.
  public func append<S>(_ report: Trainer<S>.StepReport, seconds: Double, examples: Int) throws {
    var fields: [(String, String)] = [
      ("step", "\(report.step)"), ("loss", "\(report.loss)"),
      ("symbolAccuracy", "\(report.accuracy.perSymbol)"),
      ("exactMatch", "\(report.accuracy.exactMatch)"),
      ("gradientNorm", "\(report.gradientNorm)"), ("learningRate", "\(report.learningRate)"),
      ("length", "\(report.length)"), ("iterations", "\(report.iterations)"),
      ("seconds", "\(seconds)"), ("examplesPerSecond", "\(Double(examples) / max(seconds, 1e-9))"),
    ]
    if let unconverged = report.unconverged { fields.append(("unconverged", "\(unconverged)")) }
    let line = fields.map { "\"\($0.0)\":\($0.1 == "nan" ? "null" : $0.1)" }.joined(separator: ",")
    do { try handle.write(contentsOf: Data("{\(line)}\n".utf8)) } catch {
      throw RunFolder.cannotWrite(url, error)
    }
  }

  deinit { try? handle.close() }
}
