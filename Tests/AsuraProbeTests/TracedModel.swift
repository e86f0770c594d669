import AsuraModel
import AsuraProbe
import AsuraTensor
import AsuraTrace
import Foundation

/// A run of a model written to a trace and read back, in a folder that goes when this object does.
final class TracedModel {
  let folder: URL
  let run: TracedRun

  /// - Parameters:
  ///   - targets: `[batch × position]`, negative for none.
  ///   - facts: values `[batch × position]` by name, and labels.
  init(
    _ model: RecurrentTransformer<Double>, _ input: ModelInput, iterations: Int,
    targets: [Int32]? = nil, facts: [String: (values: [Int32], labels: [String])] = [:]
  ) throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "asura-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let url = folder.appending(path: "run.h5")
    let shape = [input.batch, input.positions]
    var traced = TraceInput(
      tokens: IntegerArray(shape + [input.channels], input.tokens),
      targets: targets.map { IntegerArray(shape, $0) },
      positionIDs: IntegerArray(shape, (0..<input.batch).flatMap { _ in input.positionIDs }),
      rows: input.rows)
    traced.facts = facts.mapValues {
      TraceFact(IntegerArray(shape, $0.values), labels: $0.labels)
    }
    var description = TraceDescription(
      program: "tests",
      sites: [
        .latent(
          batch: input.batch, positions: input.positions, width: model.configuration.width)
      ],
      model: TraceModel(
        configuration: String(decoding: try model.configuration.json, as: UTF8.self),
        weightsHash: model.weightsHash), input: traced)
    description.model.weights = model.namedParameters.mapValues { TraceArray($0) }
    description.iterations = iterations
    let writer = try TraceWriter(url, describing: description)
    var options = RunOptions<Double>()
    options.iterations = iterations
    options.readout = .none
    options.record = [.sites("latent", iterations: .only(Set(0...iterations)))]
    _ = try model.run(input, options) { t, values in
      if let latent = values.first?.tensor {
        try writer.append(site: "latent", iteration: t, values: latent)
      }
    }
    try writer.finish()
    run = try TracedRun(TraceReader(url))
  }

  deinit { try? FileManager.default.removeItem(at: folder) }
}
