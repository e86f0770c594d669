// Runs an untrained model for 50 iterations and shows how its latent comes to rest.

import Asura
import Foundation

// A core of one block, applied again and again to the latent.
let configuration = try ModelConfiguration(
  vocabulary: 10, classes: 10, width: 32, iterations: 50,
  attention: AttentionConfiguration(heads: 4, positions: .alibi),
  mlp: MLPConfiguration(width: 64))
let model = RecurrentTransformer<Float>(configuration, seed: 1)
print("\(model.parameterCount) parameters")

// Two sequences of five tokens each, and the latent of every iteration.
let input = try ModelInput(
  tokens: [3, 1, 4, 1, 5, 9, 2, 6, 5, 3], batch: 2, positions: 5)
let run = try model.run(input, record: .sites("latent"))

let latents = (0...run.iterations).compactMap { run.recorded[.latent, $0] }
print("\niteration   ‖z_t − z_{t−1}‖ / ‖z_t‖")
for (t, (before, after)) in zip(latents, latents.dropFirst()).enumerated() {
  let step = (after - before).norm / after.norm
  let bar = String(repeating: "▪", count: max(0, Int(2 * (8 + log10(max(step, 1e-8))))))
  print(String(format: "%9d   %.1e  ", t + 1, step) + bar)
}

// The readout after the last iteration: the likeliest class at each position.
if let logits = run.logits {
  for sequence in 0..<input.batch {
    let classes = (0..<input.positions).map { logits[sequence][$0].largestIndex }
    print("\nsequence \(sequence) reads \(classes)", terminator: "")
  }
  print()
}
