import AsuraModel
import AsuraTasks
import AsuraTensor
import AsuraTraining
import Foundation

if CommandLine.arguments.count > 1 {
  let r = try Recipe(
    contentsOf: URL(fileURLWithPath: CommandLine.arguments[1]),
    overrides: Array(CommandLine.arguments.dropFirst(2)))
  var tr = try Trainer<Float>(r)
  print(tr.model.parameterCount)
  let t0 = Date()
  while !tr.isDone {
    let rep = try tr.update()
    if rep.step % 100 == 0 {
      print(
        rep.step, rep.loss, rep.accuracy.exactMatch, rep.gradientNorm, Date().timeIntervalSince(t0))
    }
  }
  let o = EvaluationOptions(
    lengths: [10, 20, 50, 100],
    iterations: [
      try LengthExpression("n"), try LengthExpression("2n"), try LengthExpression("4n"),
    ], kinds: ["uniform", "nines", "propagate", "mostlyPropagate"])
  let e = try Evaluation(of: tr.result, on: tr.task, o)
  for row in e.rows { print(row.kind, row.length, row.iterations, row.exactMatch, row.perSymbol) }
  print(Date().timeIntervalSince(t0))
  exit(0)
}
func time(_ n: Int, _ f: () throws -> Void) rethrows -> Double {
  try f()
  try f()
  var ts: [Double] = []
  for _ in 0..<n {
    let t = Date()
    try f()
    ts.append(Date().timeIntervalSince(t))
  }
  return ts.sorted()[n / 2] * 1e3
}
for (B, P, W, F, NB) in [(64, 32, 64, 256, 1), (64, 64, 128, 512, 2)] {
  let c = try ModelConfiguration(
    vocabulary: 12, classes: 12, width: W, core: NB, iterations: 16,
    attention: AttentionConfiguration(heads: 4, positions: .alibi), mlp: MLPConfiguration(width: F))
  var m = RecurrentTransformer<Float>(c, seed: 1)
  var r = Random(seed: 3)
  let tok = (0..<B * P).map { _ in Int32.random(in: 0..<12, using: &r) }
  let input = try ModelInput(tokens: tok, batch: B, positions: P)
  var opt = AdamW(m)
  let g = GradientComputation<Float>(plans: [DepthPlan(graded: 16)])
  for w in [1, 2] {
    try Workers.$current.withValue(Workers(count: w)) {
      let t = try time(7) {
        let res = try g(m, input, targets: tok, random: r)
        opt.update(&m, res.gradients, learningRate: 1e-3)
      }
      let f = try time(7) { _ = try m.run(input) }
      print(B, P, W, "threads", w, "train", t, "forward", f)
    }
  }
}
print(BLAS.kernels, CPU.vectorLevel)
