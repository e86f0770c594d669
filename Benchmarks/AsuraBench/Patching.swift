import Asura
import AsuraModel
import AsuraProbe
import Foundation

/// A full sweep of one pair, every head at every position in every iteration by itself, against PyTorch: one hooked
/// forward a patch, of which every eighth is run and the time taken eightfold, and a batch an iteration of all heads and
/// positions. The outcome is each patch's logit difference.
func patching(_ workload: Workload<Float>, _ shape: String) throws -> [Measure] {
  let model = workload.model
  let clean = workload.input.examples(0..<1)
  var tokens = clean.tokens
  tokens[0] = (tokens[0] + 1) % Int32(model.configuration.vocabulary)
  let answers = Array(workload.targets.prefix(clean.positions))
  let pairs = try ContrastPairs(
    clean: clean, corrupted: ModelInput(tokens: tokens, batch: 1, positions: clean.positions),
    cleanAnswers: answers,
    corruptedAnswers: answers.map { ($0 + 1) % Int32(model.configuration.classes) })
  func sweep() throws -> [Double] {
    let experiment = try PatchExperiment(model, pairs)
    let sweep = try PatchSweep(
      experiment, sites: ["core.*.attn.z"], heads: .each, positions: .each)
    return try experiment.result(of: sweep.patches).raw(.logitDifference).elements
  }
  func eighth(_ all: [Double]) -> [Double] { stride(from: 0, to: all.count, by: 8).map { all[$0] } }
  let count = model.configuration.iterations * model.configuration.attention.heads * clean.positions
  return [
    Measure(
      name: "patch sweep, one by one", shape: "\(shape), \(count) patches", target: 5,
      contestants: [
        .ours { Outcome(numbers: eighth(try sweep())) },
        .init("PyTorch hooks", .theirs("patch-hooks \(shape)")),
      ], tolerance: 1e-4),
    Measure(
      name: "patch sweep, batched", shape: "\(shape), \(count) patches", target: 2,
      contestants: [
        .ours { Outcome(numbers: try sweep()) },
        .init("PyTorch batched", .theirs("patch-batched \(shape)")),
      ], tolerance: 1e-4),
  ]
}
