// Looks into a run and interferes with it, then sees whether the readout recovers.

import Asura
import Foundation

let configuration = try ModelConfiguration(
  vocabulary: 10, classes: 10, width: 32, core: 2, iterations: 16,
  attention: AttentionConfiguration(heads: 4, positions: .alibi),
  mlp: MLPConfiguration(width: 64))
let model = RecurrentTransformer<Float>(configuration, seed: 1)
let input = try ModelInput(tokens: [3, 1, 4, 1, 5, 9, 2, 6], batch: 1, positions: 8)

// What to record is a value passed into the run: sites by name or pattern, and iterations.
var options = RunOptions<Float>()
options.readout = .iterations(.range(1...16))
options.record = [.sites("latent", "core.*.attn.pattern", iterations: .range(0...16))]
let plain = try model.run(input, options)

// [batch, head, query, key]
if let pattern = plain.recorded["core.0.attn.pattern", 7] {
  let row = pattern[0][0][0].elements.map { String(format: "%.2f", $0) }
  print("iteration 7, block 0, head 0: query 0 attends \(row.joined(separator: " "))")
}

// So is what to change. After iteration 7 the latent is wiped out.
let zeros = Tensor<Float>.zeros([1, 8, 32])
options.edits = [.replace("latent", at: 7, with: zeros)]
let wiped = try model.run(input, options)

// In iterations 7 to 9 each core block gets a push that depends on where it is.
options.edits = [
  Edit("core.*.resid_post", at: .range(7...9)) { value, context, interpreter in
    var random = Random(seed: 1).split(UInt64(10 * context.iteration + (context.block ?? 0)))
    let push = Tensor<Float>.normal(value.shape, scale: 0.5, using: &random)
    return interpreter.add(value, Value(push))
  }
]
let pushed = try model.run(input, options)
for (pattern, count) in pushed.hookFirings { print("\(pattern) fired \(count) times") }

/// ½ Σ |p − q| over classes, the mean over positions: 0 for equal readouts, 1 at most.
func change(_ a: Tensor<Float>?, _ b: Tensor<Float>?) -> Double {
  guard let a, let b else { return .nan }
  let p = Interpreter.plain.softmax(Value(a)).tensor
  let q = Interpreter.plain.softmax(Value(b)).tensor
  return zip(p.elements, q.elements).reduce(0) { $0 + abs(Double($1.0 - $1.1)) }
    / Double(2 * p.rowCount)
}

print("\niteration   change of readout: wiped   pushed")
for t in 1...16 {
  let changes = [wiped, pushed].map { change($0.readout[t], plain.readout[t]) }
  print(String(format: "%9d %25.1e %8.1e", t, changes[0], changes[1]))
}
