import Asura
import AsuraCommandLine
import AsuraModel
import AsuraTraining
import Foundation

/// A reference shape: the weights, tokens and targets that both sides load.
struct Workload<S: Scalar> {
  let model: RecurrentTransformer<S>
  let input: ModelInput
  let targets: [Int32]
  /// Latents `[start, position, width]` to look for fixed points from; nil where the file has none.
  let starts: Tensor<S>?

  /// Reads `NAME.json` and `NAME.safetensors`, which holds `input.tokens` and `input.targets` beside the weights.
  init(_ folder: URL, _ name: String) throws {
    let json = folder.appendingPathComponent("\(name).json")
    let file = try Safetensors(contentsOf: folder.appendingPathComponent("\(name).safetensors"))
    guard let text = try? Data(contentsOf: json), let shape = file.entries["input.targets"]?.shape,
      shape.count == 2
    else {
      throw CommandError(
        "\(folder.path) lacks \(name).json or its input",
        remedy: "Run `peer.py make-weights` on it.")
    }
    var parameters: [String: Tensor<S>] = [:]
    for entry in file.entries.keys where !entry.hasPrefix("input.") {
      parameters[entry] = try file.tensor(entry)
    }
    model = try RecurrentTransformer(
      ModelConfiguration(json: text, source: json.path), parameters: parameters)
    input = try ModelInput(
      tokens: file.integers("input.tokens").map { Int32($0) }, batch: shape[0],
      positions: shape[1],
      rows: try file.entries["input.rows"].map { _ in try file.integers("input.rows") }?.first ?? 1)
    targets = try file.integers("input.targets").map { Int32($0) }
    starts = try file.entries["input.starts"].map { _ in try file.tensor("input.starts") }
  }

  /// The mean cross-entropy of logits `[batch, position, class]`.
  func loss(_ logits: Tensor<S>) -> Double {
    let classes = logits.rowLength
    let elements = logits.elements
    var total = 0.0
    for (row, target) in targets.enumerated() {
      let logits = elements[row * classes..<(row + 1) * classes].map { Double($0) }
      let largest = logits.max() ?? 0
      let sum = logits.reduce(0) { $0 + exp($1 - largest) }
      total += largest + log(sum) - logits[Int(target)]
    }
    return total / Double(targets.count)
  }

  /// Floating-point operations in the matrix products of one forward run, two a multiplication and addition.
  ///
  /// With R = batch·positions rows, width w, feed-forward width f, P positions and B blocks, an iteration takes
  /// `2R(w² + B(4w² + 2wf))` in linear layers (the recall's share of the embedded input is made once) and
  /// `4RKwB` in attention, where every query sees K keys; around the iterations come `2R(w² + w·classes)`. A training
  /// step takes three times that.
  var forwardOperations: Double {
    let c = model.configuration
    let (rows, w, f) = (Double(input.batch * input.positions), Double(c.width), Double(c.mlp.width))
    let blocks = Double(c.core)
    let iteration =
      2 * rows * (w * w + blocks * (4 * w * w + 2 * w * f))
      + 4 * rows * Double(model.neighbours(for: input)?.width ?? input.positions) * w * blocks
    return Double(c.iterations) * iteration + 2 * rows * (w * w + w * Double(c.classes))
  }
}

/// Training as `Trainer` does it: gradients, then AdamW, on the same batch again and again.
final class TrainingSteps {
  private let workload: Workload<Float>
  private let gradient: GradientComputation<Float>
  private var model: RecurrentTransformer<Float>
  private var optimizer: AdamW<Float>

  init(_ workload: Workload<Float>) {
    self.workload = workload
    gradient = GradientComputation(
      plans: [DepthPlan(graded: workload.model.configuration.iterations)])
    model = workload.model
    optimizer = AdamW(workload.model)
  }

  func restart() {
    model = workload.model
    optimizer = AdamW(workload.model)
  }

  /// One step; its loss is that before the update.
  func step() throws -> Outcome {
    let result = try gradient(
      model, workload.input, targets: workload.targets, random: Random(seed: 0))
    optimizer.update(&model, result.gradients, learningRate: 1e-3)
    return .loss(result.loss)
  }
}
