import Asura
import Foundation

/// A small model's run on random tokens with a fact of each token, in a folder that goes when this object does.
final class LinearFixture {
  let folder: URL
  var trace: URL { folder.appending(path: "run.h5") }
  let examples = 60

  init() throws {
    folder = try temporaryDirectory()
    let (batch, positions, iterations) = (examples, 3, 4)
    let configuration = try ModelConfiguration(
      vocabulary: 8, classes: 2, width: 8, iterations: iterations,
      attention: AttentionConfiguration(heads: 2), mlp: MLPConfiguration(width: 16))
    let model = RecurrentTransformer<Float>(configuration, seed: 4)
    var random = Random(seed: 6)
    let tokens = (0..<batch * positions).map { _ in Int32(random.uniform() * 8) }
    let input = try ModelInput(tokens: tokens, batch: batch, positions: positions)
    let bits = tokens.map { $0 % 2 }
    let shape = [batch, positions]
    var description = TraceDescription(
      program: "tests",
      sites: [.latent(batch: batch, positions: positions, width: configuration.width)],
      model: TraceModel(
        configuration: String(decoding: try configuration.json, as: UTF8.self),
        weightsHash: model.weightsHash, weights: model.namedParameters.mapValues { TraceArray($0) }),
      input: TraceInput(
        tokens: IntegerArray(shape + [1], tokens), targets: IntegerArray(shape, bits),
        positionIDs: IntegerArray(shape, (0..<batch).flatMap { _ in [1, 2, 3] })))
    description.iterations = iterations
    description.input.facts = [
      "odd": TraceFact(IntegerArray(shape, bits), labels: ["even", "odd"]),
      "one": TraceFact(IntegerArray(shape, bits.map { _ in 1 })),
      "token": TraceFact(IntegerArray(shape, tokens)),
    ]
    let writer = try TraceWriter(trace, describing: description)
    var options = RunOptions<Float>()
    options.record = [.sites("latent", iterations: .all)]
    _ = try model.run(input, options) { t, values in
      if let latent = values.first?.tensor {
        try writer.append(site: "latent", iteration: t, values: latent)
      }
    }
    try writer.finish()
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  func linear(_ arguments: [String], during: ((Process) throws -> Void)? = nil) throws -> Outcome {
    try run("asura-probe", ["linear", "run.h5"] + arguments, in: folder, during: during)
  }

  func exists(_ name: String) -> Bool {
    FileManager.default.fileExists(atPath: folder.appending(path: name).path)
  }

  func write(_ text: String, _ name: String) throws {
    try Data(text.utf8).write(to: folder.appending(path: name))
  }
}
