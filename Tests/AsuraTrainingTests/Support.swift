import AsuraModel
import AsuraTasks
import AsuraTensor
import AsuraTraining
import Foundation

/// A model and task that train in milliseconds.
let smallRecipe = """
  seed: 3
  task: {kind: copy, alphabet: 4, lengths: 2...5}
  model: {width: 16, iterations: 4, attention: {heads: 2, positions: alibi}, mlp: {width: 24}}
  depth: 4
  training: {steps: 8, batch: 80}
  """

func small(_ overrides: String...) throws -> Recipe {
  try Recipe(yaml: smallRecipe, source: "small", overrides: overrides)
}

func small(_ overrides: [String]) throws -> Recipe {
  try Recipe(yaml: smallRecipe, source: "small", overrides: overrides)
}

extension Trainer {
  mutating func train(_ count: Int) throws -> [StepReport] {
    try (0..<count).map { _ in try update() }
  }
}

/// Whether two lists of tensors have the same bits.
func isIdentical<S: Scalar>(_ a: [Tensor<S>], _ b: [Tensor<S>]) -> Bool {
  a.count == b.count && zip(a, b).allSatisfy { $0.isIdentical(to: $1) }
}

/// The largest difference relative to the largest element of each tensor.
func largestError<S: Scalar>(_ a: [Tensor<S>], _ b: [Tensor<S>]) -> Double {
  zip(a, b).map { a, b in
    let scale = b.elements.map { abs(Double($0)) }.max() ?? 0
    let difference = zip(a.elements, b.elements).map { abs(Double($0) - Double($1)) }.max() ?? 0
    return difference / max(scale, 1e-9)
  }.max() ?? 0
}

func withFolder<R>(_ body: (URL) throws -> R) throws -> R {
  let url = FileManager.default.temporaryDirectory.appending(path: "asura-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: url) }
  return try body(url)
}

/// Mean cross-entropy over scored positions, straight from its definition.
func crossEntropy(_ logits: Tensor<Double>, _ targets: [Int32], smoothing: Double = 0) -> Double {
  let classes = logits.shape[2]
  let elements = logits.elements
  var sum = 0.0
  var scored = 0
  for (row, target) in targets.enumerated() where target >= 0 {
    let values = Array(elements[row * classes..<(row + 1) * classes])
    let top = values.max() ?? 0
    let total = top + log(values.reduce(0) { $0 + exp($1 - top) })
    let nll = total - values[Int(target)]
    let uniform = total - values.reduce(0, +) / Double(classes)
    sum += (1 - smoothing) * nll + smoothing * uniform
    scored += 1
  }
  return sum / Double(scored)
}
