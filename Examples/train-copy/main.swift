// Trains a model to say sequences back, and tests it on longer ones than it ever saw.

import Asura
import Foundation

let symbols = 8
var optimizer = OptimizerOptions()
optimizer.learningRate = 3e-3
optimizer.warmup = 10
optimizer.clip = 1

let recipe = Recipe(
  seed: 1,
  task: .copy(CopyOptions(alphabet: symbols, lengths: 1...8)),
  model: try ModelConfiguration(
    vocabulary: symbols, classes: symbols, width: 32, iterations: 4,
    attention: AttentionConfiguration(heads: 4, positions: .alibi),
    mlp: MLPConfiguration(width: 64)),
  // Every batch gets a number of iterations drawn from this range.
  depth: DepthSchedule(phases: [.init(graded: try LengthRangeExpression("2...6"))]),
  training: TrainingOptions(steps: 100, batch: 32),
  optimizer: optimizer)

var trainer = try Trainer<Float>(recipe)
while !trainer.isDone {
  let report = try trainer.update()
  if report.step % 10 == 0 {
    let right = 100 * report.accuracy.exactMatch
    print(
      String(
        format: "step %3d  length %d  iterations %d  loss %.4f  right %5.1f%%",
        report.step, report.length, report.iterations, report.loss, right))
  }
}

// Fresh examples, longer than those of training and with other numbers of iterations.
var test = EvaluationOptions(
  lengths: [8, 16, 64], iterations: [2, 4, 32].map { LengthExpression($0) }, kinds: ["training"])
test.examples = 50
test.seed = 2
let evaluation = try Evaluation(of: trainer.result, on: trainer.task, test)
for row in evaluation.rows {
  print(
    String(
      format: "length %2d  iterations %2d  whole sequences right %5.1f%%",
      row.length, row.iterations, 100 * row.exactMatch))
}
