import AsuraDiff
import AsuraTensor

/// Keeps track of which examples have settled, and how they stood then.
struct Settling<S: Scalar> {
  private let rule: StoppingRule
  private(set) var iterations: [Int?]
  private var latents: [Tensor<S>?]
  private var readouts: [Tensor<S>?]
  private var previousLatent: Tensor<S>?
  private var previousProbabilities: Tensor<S>?

  init(_ rule: StoppingRule, examples: Int) {
    self.rule = rule
    iterations = Array(repeating: nil, count: examples)
    latents = Array(repeating: nil, count: examples)
    readouts = latents
  }

  var needsReadout: Bool {
    if case .readoutChange = rule { return true }
    return false
  }

  /// Takes in one iteration; returns whether some example has not settled. Examples that settle in it keep what
  /// `readout` gives, if anything, and so do all the others when it is the last.
  mutating func update(
    _ t: Int, latent: Tensor<S>, logits: Tensor<S>?, readout: (() throws -> Tensor<S>)?,
    isLast: Bool
  ) throws -> Bool {
    let probabilities = logits.map { Interpreter<S>.plain.softmax(Value($0)).tensor }
    for example in iterations.indices where iterations[example] == nil {
      let isSettled: Bool
      switch rule {
      case .relativeStep(let tolerance):
        guard let previous = previousLatent else { continue }
        let z = latent[example]
        isSettled =
          z.squaredDistance(to: previous[example]).squareRoot() <= tolerance * z.norm
      case .readoutChange(let tolerance):
        guard let now = probabilities, let before = previousProbabilities else { continue }
        isSettled = zip(now[example].elements, before[example].elements)
          .allSatisfy { abs($0 - $1) < S(tolerance) }
      }
      if isSettled {
        iterations[example] = t
        latents[example] = latent.slice(example..<example + 1)
      }
    }
    previousLatent = latent
    previousProbabilities = probabilities
    let finished = iterations.indices.filter {
      iterations[$0] == t || (isLast && iterations[$0] == nil)
    }
    if !finished.isEmpty, let logits = try readout?() {
      for example in finished { readouts[example] = logits.slice(example..<example + 1) }
    }
    return iterations.contains { $0 == nil }
  }

  /// Each example's logits as it settled, or its last; nil when none were wanted.
  var settledLogits: Tensor<S>? {
    let kept = readouts.compactMap { $0 }
    return kept.count == readouts.count ? .concatenating(kept) : nil
  }

  /// Each example's latent as it settled, or its last.
  func settledLatent(or last: Tensor<S>) -> Tensor<S> {
    .concatenating(
      latents.indices.map { latents[$0] ?? last.slice($0..<$0 + 1) })
  }
}
