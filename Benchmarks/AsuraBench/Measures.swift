import Asura
import AsuraModel
import Foundation

/// Every row of the table, in its order.
func allMeasures(_ folder: URL, _ workers: Workers) throws -> [Measure] {
  var measures: [Measure] = []
  for (shape, target) in [("small", 2.5), ("large", 1.5)] {
    let workload = try Workload<Float>(folder, shape)
    measures += [
      train(workload, shape, target: target), forward(workload, shape, target: target),
    ]
    if workers.count > 1 { measures += threads(workload, shape, workers) }
    if shape == "small" {
      measures.append(hooks(workload, shape))
      measures += try patching(workload, shape)
    }
    measures += try captures(workload, shape)
    if shape == "small" { measures.append(try lens(workload, shape)) }
  }
  for (width, shape) in [("64", "1024²"), ("128", "2048²")] {
    let workload = try Workload<Double>(folder, "jac\(width)")
    measures += try spectra(workload, width: width, shape: shape)
    if width == "64" { measures += try fixedPoints(workload, width: width) }
  }
  measures += try neighbourhoods(folder)
  measures.append(try linearProbes(folder))
  measures.append(try spectraAlongARun(try Workload<Double>(folder, "jacrun")))
  return measures
}

private func train(_ workload: Workload<Float>, _ shape: String, target: Double) -> Measure {
  let steps = TrainingSteps(workload)
  return Measure(
    name: "train step", shape: shape, target: target,
    contestants: [
      .ours("ours", { try steps.step() }, restart: { steps.restart() }),
      .init("PyTorch eager", .theirs("train-eager \(shape)")),
      .init("PyTorch compiled", .theirs("train-compiled \(shape)")),
    ], tolerance: 1e-4, operations: 3 * workload.forwardOperations)
}

private func forward(_ workload: Workload<Float>, _ shape: String, target: Double) -> Measure {
  Measure(
    name: "forward", shape: shape, target: target,
    contestants: [
      forwardRun(workload),
      .init("PyTorch eager", .theirs("forward-eager \(shape)")),
      .init("PyTorch compiled", .theirs("forward-compiled \(shape)")),
    ], tolerance: 1e-4, operations: workload.forwardOperations)
}

/// A forward run. The loss of its logits is computed once, before anything that counts.
func forwardRun(
  _ workload: Workload<Float>, _ name: String = "ours", edits: [Edit<Float>] = [],
  workers: Workers = .current
) -> Measure.Contestant {
  var loss: Double?
  return .ours(name) {
    let run = try Workers.$current.withValue(workers) {
      try workload.model.run(workload.input, edit: edits)
    }
    if loss == nil { loss = run.logits.map { workload.loss($0) } }
    return .loss(loss ?? .nan)
  }
}

/// All threads against one of ours: the results must be the same to the bit.
private func threads(
  _ workload: Workload<Float>, _ shape: String, _ workers: Workers
) -> [Measure] {
  let (all, one) = (TrainingSteps(workload), TrainingSteps(workload))
  func alone<R>(_ body: () throws -> R) rethrows -> R {
    try Workers.$current.withValue(Workers(count: 1), operation: body)
  }
  let name = "\(workers.count) threads against 1"
  let target = 0.9 * Double(workers.count)
  return [
    Measure(
      name: "\(name), train", shape: shape, target: target,
      contestants: [
        .ours("ours", { try all.step() }, restart: { all.restart() }),
        .ours("1 thread", { try alone { try one.step() } }, restart: { one.restart() }),
      ], tolerance: 0),
    Measure(
      name: "\(name), forward", shape: shape, target: target,
      contestants: [
        forwardRun(workload),
        forwardRun(workload, "1 thread", workers: Workers(count: 1)),
      ], tolerance: 0),
  ]
}

/// Hooks that are installed on every block but fire only in the last iteration, where they look and change nothing,
/// against none at all. A hook that never fires is an error, so this is as unused as one can be.
private func hooks(_ workload: Workload<Float>, _ shape: String) -> Measure {
  let last = IterationSelection(integerLiteral: workload.model.configuration.iterations)
  return Measure(
    name: "hooks installed, unused", shape: shape, target: 0.99,
    contestants: [
      forwardRun(workload, edits: [.observe("core.*.mlp.post", at: last) { _, _ in }]),
      forwardRun(workload, "no hooks"),
    ], tolerance: 0, patience: 5)
}
