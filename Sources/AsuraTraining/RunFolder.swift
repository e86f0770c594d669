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
public struct RunFolder: Sendable {
  public let url: URL

  public init(_ url: URL) { self.url = url }

  public var recipe: URL { url.appendingPathComponent("recipe.yaml") }
  public var checkpoint: URL { url.appendingPathComponent("checkpoint.safetensors") }
  public var metrics: URL { url.appendingPathComponent("metrics.jsonl") }
  public var tensorBoard: URL { url.appendingPathComponent("tensorboard", isDirectory: true) }
  public var model: URL { url.appendingPathComponent("model.safetensors") }
  public var task: URL { url.appendingPathComponent("task.json") }

  /// Makes the folder and writes the recipe into it. An existing folder is an error unless `overwriting`, which first
  /// removes the files a run writes, and only those.
  public func create(_ recipe: Recipe, overwriting: Bool) throws {
    let files = FileManager.default
    if files.fileExists(atPath: url.path) {
      let there = (try? files.contentsOfDirectory(atPath: url.path)) ?? []
      guard there.isEmpty || overwriting else {
        throw TrainingError.folder(
          "\(url.path) exists and is not empty",
          remedy: "Choose another folder with -o, resume it, or overwrite it with --force.")
      }
      for file in [checkpoint, metrics, tensorBoard, model, task, configuration, self.recipe]
      where files.fileExists(atPath: file.path) {
        try files.removeItem(at: file)
      }
    }
    try files.createDirectory(at: url, withIntermediateDirectories: true)
    try write(Data(try recipe.yaml.utf8), to: self.recipe)
    try write(try Self.json(recipe.task), to: task)
  }

  var configuration: URL { url.appendingPathComponent("model.json") }

  /// Takes up a run where its checkpoint left it.
  public func resume<S: Scalar>(_: S.Type = S.self) throws -> Trainer<S> {
    guard FileManager.default.fileExists(atPath: recipe.path) else {
      throw TrainingError.folder(
        "\(url.path) has no recipe.yaml", remedy: "Give the folder of a training run.")
    }
    var trainer = try Trainer<S>(try Recipe(contentsOf: recipe))
    if FileManager.default.fileExists(atPath: checkpoint.path) {
      try trainer.restore(from: checkpoint)
    }
    try truncateMetrics(after: trainer.step)
    return trainer
  }

  /// Writes the state to resume from, whole or not at all.
  public func save<S: Scalar>(_ trainer: Trainer<S>) throws {
    try write(try trainer.checkpoint(), to: checkpoint)
  }

  /// Writes the trained model.
  public func saveResult<S: Scalar>(_ trainer: Trainer<S>) throws {
    do { try trainer.result.save(to: model) } catch { throw Self.cannotWrite(model, error) }
  }

  /// The task of a trained model: `task.json` beside it.
  public static func task(besideModel url: URL) throws -> TaskConfiguration {
    var isDirectory: ObjCBool = false
    let isFolder =
      FileManager.default.fileExists(atPath: url.path, isDirectory: &isDirectory)
      && isDirectory.boolValue
    let file = (isFolder ? url : url.deletingLastPathComponent()).appendingPathComponent(
      "task.json")
    guard let data = try? Data(contentsOf: file) else {
      throw TrainingError.folder(
        "cannot read the task \(file.path)",
        remedy: "Training leaves it beside the model; or name the task with --task.")
    }
    return try JSONDecoder().decode(TaskConfiguration.self, from: data)
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

  private func write(_ data: Data, to file: URL) throws {
    do { try data.write(to: file, options: .atomic) } catch { throw Self.cannotWrite(file, error) }
  }

  private static func cannotWrite(_ file: URL, _ error: any Error) -> TrainingError {
    .folder(
      "cannot write \(file.path): \(error.localizedDescription)",
      remedy:
        "Check the disk's space and the folder's permissions; what was there before is intact.")
  }
}

/// Appends lines of metrics to a run's `metrics.jsonl`.
public final class MetricsFile {
  private let handle: FileHandle

  public init(_ url: URL) throws {
    if !FileManager.default.fileExists(atPath: url.path) {
      guard FileManager.default.createFile(atPath: url.path, contents: nil) else {
        throw TrainingError.folder(
          "cannot create \(url.path)", remedy: "Check the folder's permissions.")
      }
    }
    handle = try FileHandle(forWritingTo: url)
    try handle.seekToEnd()
  }

  /// Appends one step's line.
  public func append<S>(_ report: Trainer<S>.StepReport, seconds: Double, examples: Int) throws {
    let fields: [(String, String)] = [
      ("step", "\(report.step)"), ("loss", "\(report.loss)"),
      ("symbolAccuracy", "\(report.accuracy.perSymbol)"),
      ("exactMatch", "\(report.accuracy.exactMatch)"),
      ("gradientNorm", "\(report.gradientNorm)"), ("learningRate", "\(report.learningRate)"),
      ("length", "\(report.length)"), ("iterations", "\(report.iterations)"),
      ("seconds", "\(seconds)"), ("examplesPerSecond", "\(Double(examples) / max(seconds, 1e-9))"),
    ]
    let line = fields.map { "\"\($0.0)\":\($0.1 == "nan" ? "null" : $0.1)" }.joined(separator: ",")
    try handle.write(contentsOf: Data("{\(line)}\n".utf8))
  }

  deinit { try? handle.close() }
}
