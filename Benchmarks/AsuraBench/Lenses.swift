import Asura
import AsuraModel
import AsuraProbe
import AsuraTrace
import Foundation

/// A readout lens over the latents of 50 iterations, from a trace to numbers, against reading those latents and one readout
/// of each.
func lens(_ workload: Workload<Float>, _ shape: String) throws -> Measure {
  let work = try LensWork(workload)
  return Measure(
    name: "lens against readouts", shape: "\(shape), \(LensWork.iterations) iterations",
    target: 0.8,
    contestants: [
      .ours { try work.lens() }, .ours("readouts alone") { try work.readouts() },
    ], tolerance: 1e-4)
}

/// A trace of latents with the model that reads them, in 64 bits as probes do.
private final class LensWork {
  static let iterations = 50
  private let url = FileManager.default.temporaryDirectory
    .appendingPathComponent("asura-bench-\(UUID().uuidString).h5")
  private let run: TracedRun
  /// Told of once, so that it is no part of what is timed.
  private var outcome: Outcome?

  init(_ workload: Workload<Float>) throws {
    let (model, input) = (workload.model, workload.input)
    var description = TraceDescription(
      program: "asura-bench",
      sites: [
        .latent(
          batch: input.batch, positions: input.positions, width: model.configuration.width)
      ],
      model: TraceModel(
        configuration: String(decoding: try model.configuration.json, as: UTF8.self),
        weightsHash: model.weightsHash,
        weights: model.namedParameters.mapValues { TraceArray($0) }),
      input: TraceInput(
        tokens: IntegerArray([input.batch, input.positions, input.channels], input.tokens)))
    description.iterations = Self.iterations
    let writer = try TraceWriter(url, describing: description)
    var options = RunOptions<Float>()
    options.iterations = Self.iterations
    options.readout = .none
    options.record = [.sites("latent")]
    _ = try model.run(input, options) { t, values in
      guard let latent = values.first?.tensor else { return }
      try writer.append(site: "latent", iteration: t, values: latent)
    }
    try writer.finish()
    run = try TracedRun(TraceReader(url))
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func lens() throws -> Outcome {
    let found = try LensProbe().run(
      on: run, iterations: run.latentIterations, examples: Array(0..<run.examples))
    return .loss(found?.means.last?.entropy ?? .nan)
  }

  func readouts() throws -> Outcome {
    let parts = run.model.parts(batch: run.examples, positions: run.input.positions)
    let maps = try Workers.current.map(parts.count) { [run] part in
      try run.model.stepMap(run.input.examples(parts[part]))
    }
    var last: [Tensor<Double>] = []
    for iteration in run.latentIterations {
      let latent: Tensor<Double> = try run.reader.latent(iteration: iteration)
      last = try Workers.current.map(parts.count) { try maps[$0].readout(latent.slice(parts[$0])) }
    }
    if let outcome { return outcome }
    let logits = Tensor.concatenating(last)
    let rows = logits.reshaped([logits.rowCount, logits.rowLength])
    var entropy = 0.0
    for row in 0..<rows.shape[0] {
      let x = rows[row].elements
      let largest = x.max() ?? 0
      let weights = x.map { exp($0 - largest) }
      let total = weights.reduce(0, +)
      for weight in weights { entropy -= weight / total * log(weight / total) }
    }
    let found = Outcome.loss(entropy / Double(rows.shape[0]))
    outcome = found
    return found
  }
}
