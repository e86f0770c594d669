// Adds a site of its own to a run: how far the latent lies along one direction. It is recorded over 50 iterations into
// a trace, and then pushed, to see how fast the model forgets.

import Asura
import Foundation

let task = try CopyTask(CopyOptions(alphabet: 10))
let model = RecurrentTransformer<Float>(
  try ModelConfiguration(
    vocabulary: 10, classes: 10, width: 32, iterations: 50,
    attention: AttentionConfiguration(heads: 4, positions: .alibi),
    mlp: MLPConfiguration(width: 64)), seed: 1)

// What the readout calls class 3, as a direction of length 1.
guard let head = model.namedParameters["head.weight"]?.slice(3..<4) else {
  throw ModelError(.weights, "there is no head")
}
let direction = head.scaled(by: 1 / Float(head.norm))

// A name, the axes of one example's value, and how it is computed: z·d. Putting an edited value back moves the latent along
// the direction only: z + (new − z·d)·d.
let along = CustomSite<Float>(
  "towards_3", of: .latent, axes: [.position, .named("direction", 1)]
) { latent, _, interpreter in
  interpreter.linear(latent, Value(direction))
} puttingBack: { edited, latent, _, interpreter in
  let change = interpreter.add(edited, interpreter.linear(latent, Value(direction)), times: -1)
  return interpreter.add(latent, interpreter.linear(change, Value(direction.reshaped([32, 1]))))
}

// From here on it is a site like any other: matched by patterns, recorded, reduced, edited.
var random = Random(seed: 2, for: "examples")
let batch = try task.makeBatch(length: 8, examples: 4, random: &random)
var capture = try TraceCapture(model, on: batch, of: task, iterations: 50)
capture.sites = [along]
capture.record = [.sites("towards_*", "latent")]
let folder = FileManager.default.temporaryDirectory.appending(path: "own-site-\(UUID().uuidString)")
try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
defer { try? FileManager.default.removeItem(at: folder) }
let plain = folder.appending(path: "plain.h5")
try capture.write(to: plain)

// In iteration 10 everything is pushed by 2.
capture.edits = [
  .replace("towards_3", at: 10) { x, _ in x + Tensor(x.shape, repeating: 2) }
]
let pushed = folder.appending(path: "pushed.h5")
try capture.write(to: pushed)

let (before, after) = (try TraceReader(plain), try TraceReader(pushed))
for site in before.sites {
  let axes = site.axes.map { "\($0.name) \($0.count)" }.joined(separator: " × ")
  print("\(site.name): \(axes), \(site.iterations.count) iterations")
}
print("\niteration   towards class 3, mean   after the push")
for t in [0, 1, 5, 9, 10, 11, 12, 15, 20, 50] {
  let means = try [before, after].map { trace in
    let values: Tensor<Float> = try trace.values("towards_3", iteration: t)
    return Double(values.elements.reduce(0, +)) / Double(values.count)
  }
  print(String(format: "%9d %23.4f %16.4f", t, means[0], means[1]))
}
