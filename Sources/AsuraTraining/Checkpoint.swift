import AsuraModel
import AsuraTensor
import Foundation

/// The state of a training run between two updates, in one safetensors file: weights (`model.…`),
/// AdamW's moments (`first.…`, `second.…`), the averaged weights (`average.…`), the pooled latents (`pool.POSITIONS`)
/// and the step.
extension Trainer {
  private static var format: String { "asura-checkpoint-1" }

  /// Refuses to save what no run could go on from.
  func checkFinite() throws {
    for (part, values) in [
      ("model", model.parameters), ("first", optimizer.firstMoments),
      ("second", optimizer.secondMoments), ("average", average ?? []),
    ] {
      for (name, value) in zip(model.parameterNames, values) where !value.isFinite {
        throw TrainingError.stateNotFinite("\(part).\(name)", step: step)
      }
    }
  }

  func checkpoint() throws -> Data {
    try checkFinite()
    var tensors: [(name: String, tensor: Tensor<S>)] = []
    func add(_ prefix: String, _ values: [Tensor<S>]) {
      for (name, value) in zip(model.parameterNames, values) {
        tensors.append(("\(prefix).\(name)", value))
      }
    }
    add("model", model.parameters)
    add("first", optimizer.firstMoments)
    add("second", optimizer.secondMoments)
    if let average { add("average", average) }
    for (positions, latents) in (pool?.latents ?? [:]).sorted(by: { $0.key < $1.key }) {
      tensors.append(("pool.\(positions)", latents))
    }
    return try Safetensors.encode(
      tensors, metadata: ["format": Self.format, "step": "\(step)", "seed": "\(recipe.seed)"])
  }

  /// Takes up the state in a checkpoint of this recipe.
  mutating func restore(from url: URL) throws {
    let file = try Safetensors(contentsOf: url)
    guard file.metadata["format"] == Self.format, let text = file.metadata["step"],
      let step = Int(text), (0...recipe.training.steps).contains(step),
      file.metadata["seed"] == "\(recipe.seed)"
    else {
      throw TrainingError.folder(
        "\(url.path) is not a checkpoint of this run: its header says \(file.metadata)",
        remedy: "Resume a folder whose recipe.yaml and checkpoint belong together.")
    }
    func read(_ prefix: String) throws -> [Tensor<S>] {
      try zip(model.parameterNames, model.parameters).map { name, parameter in
        let tensor: Tensor<S> = try file.tensor("\(prefix).\(name)")
        guard tensor.shape == parameter.shape else {
          throw TrainingError.folder(
            "\(prefix).\(name) in \(url.path) has shape \(tensor.shape), expected \(parameter.shape)",
            remedy: "Resume a folder whose recipe.yaml and checkpoint belong together.")
        }
        guard tensor.isFinite else {
          throw TrainingError.folder(
            "\(prefix).\(name) in \(url.path) holds NaN or infinite values",
            remedy: "The checkpoint is damaged: put a copy of it back, or train anew.")
        }
        return tensor
      }
    }
    model.setParameters(try read("model"))
    optimizer.firstMoments = try read("first")
    optimizer.secondMoments = try read("second")
    optimizer.step = step
    if average != nil { average = try read("average") }
    guard pool != nil else { return }
    for name in file.entries.keys {
      guard name.hasPrefix("pool."), let positions = Int(name.dropFirst("pool.".count)) else {
        continue
      }
      let latents: Tensor<S> = try file.tensor(name)
      guard latents.rank == 3, latents.shape[0] > 0, latents.shape[1] == positions,
        latents.shape[2] == model.configuration.width, latents.isFinite
      else {
        throw TrainingError.folder(
          "\(name) in \(url.path) has shape \(latents.shape), or holds NaN or infinite values",
          remedy: "The checkpoint is damaged: put a copy of it back, or train anew.")
      }
      pool?.restore(latents, positions: positions)
    }
  }
}
