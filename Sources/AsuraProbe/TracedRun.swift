public import AsuraModel
public import AsuraTensor
public import AsuraTrace
public import Foundation

/// A trace's run, ready to be taken further: its model and input, with the recorded latents as places to start.
///
/// The model computes in 64 bits, whatever the trace holds: rounding is then no part of what a probe finds.
public struct TracedRun: Sendable {
  public let reader: TraceReader
  public let model: RecurrentTransformer<Double>
  public let input: ModelInput
  /// How many iterations the run had; the last recorded one where the trace does not say and the map does not
  /// depend on it.
  public let iterations: Int
  /// The iterations whose latents were recorded.
  public let latentIterations: [Int]

  /// - Parameter weights: where to read the model, for a trace that holds none. It must be the trace's own.
  /// - Throws: `ProbeError`, `ModelError`, `TraceError`.
  public init(_ reader: TraceReader, model weights: URL? = nil) throws {
    self.reader = reader
    let path = reader.url.path
    model = try Self.model(reader, weights)
    input = try Self.input(reader, channels: model.configuration.channels)
    guard reader.sites.contains(where: { $0.name == "latent" }) else {
      throw ProbeError(
        .incompleteTrace, "\(path) holds no latents",
        remedy: "Capture it again with the site latent.")
    }
    let latent = try reader.site("latent")
    let expected = [input.batch, input.positions, model.configuration.width]
    guard latent.shape == expected else {
      throw ProbeError(
        .incompleteTrace,
        "the latents in \(path) have the shape \(latent.shape), the model's state has \(expected)",
        remedy:
          "Capture it again with whole latents: latent in a request without positions or batch.")
    }
    latentIterations = latent.iterations
    let update = model.configuration.update
    if update.kind == .euler, update.step == nil, reader.iterations == nil {
      throw ProbeError(
        .incompleteTrace,
        "\(path) does not say of how many iterations the run was, and this model's step is 1 / that",
        remedy: "Capture it again: traces made now say it, in the attribute iterations of /run.")
    }
    iterations = max(1, reader.iterations ?? reader.lastIteration ?? 1)
  }

  /// How many examples the run had.
  public var examples: Int { input.batch }

  /// The recorded latent of one example after `iteration` iterations, `[1, position, width]`, checked to be finite.
  public func latent(iteration: Int, example: Int) throws -> Tensor<Double> {
    let latent: Tensor<Double> = try reader.latent(iteration: iteration)
    let one = latent.slice(example..<example + 1)
    let bad = one.read { z in (0..<one.count).first { !z[$0].isFinite } }
    if let bad {
      let width = model.configuration.width
      throw ProbeError(
        .notFinite,
        "\(reader.url.path): the latent of example \(example) at iteration \(iteration) is "
          + "\(one.elements[bad]) at position \(bad / width), width \(bad % width)",
        remedy: "Look at the iterations before it, where the latent is still finite.")
    }
    return one
  }

  /// The map that takes an example's latent at `iteration` to the next one: with unshared cores, that of iteration
  /// `iteration + 1`.
  public func stepMap(example: Int, at iteration: Int) throws -> StepMap<Double> {
    try model.stepMap(
      input.examples(example..<example + 1), iteration: iteration + 1, of: iterations)
  }

  /// Whether there is an iteration after `iteration`: not beyond the last of unshared cores.
  public func hasStep(at iteration: Int) -> Bool {
    model.configuration.shared || iteration < model.configuration.iterations
  }
}

// MARK: - Model and input

extension TracedRun {
  private static func model(
    _ reader: TraceReader, _ weights: URL?
  ) throws -> RecurrentTransformer<Double> {
    let path = reader.url.path
    let text = try reader.configuration()
    let configuration =
      text.isEmpty
      ? nil : try ModelConfiguration(json: Data(text.utf8), source: "the model in \(path)")
    var stored: [String: TraceArray] = [:]
    for name in try reader.weightNames() { stored[name] = try reader.weight(name) }

    if let weights {
      let given = try RecurrentTransformer<Double>(contentsOf: weights)
      try check(given, weights, against: configuration, stored, reader)
      return given
    }
    guard let configuration, !stored.isEmpty else {
      throw ProbeError(
        .incompleteTrace,
        "\(path) was captured without \(configuration == nil ? "the model" : "its weights")",
        remedy: "Give the model it was made with: --model FOLDER")
    }
    return try RecurrentTransformer(
      configuration, parameters: stored.mapValues { Self.tensor($0) })
  }

  /// Refuses a model other than the trace's, as far as the trace says which that was.
  private static func check(
    _ given: RecurrentTransformer<Double>, _ url: URL, against configuration: ModelConfiguration?,
    _ stored: [String: TraceArray], _ reader: TraceReader
  ) throws {
    func other(_ what: String) -> ProbeError {
      ProbeError(
        .otherModel,
        "\(url.path) is not the model of \(reader.url.path): \(what)",
        remedy: "Give the model the trace was captured with"
          + (stored.isEmpty ? "." : ", or leave --model out: the trace holds its own."))
    }
    if let configuration, configuration != given.configuration {
      throw other("their configurations differ")
    }
    for (name, tensor) in given.namedParameters where !stored.isEmpty {
      guard let array = stored[name], Self.tensor(array) == tensor else {
        throw other("the weights \(name) differ")
      }
    }
    let hash = try reader.weightsHash()
    if stored.isEmpty, !hash.isEmpty {
      // Of the precision the trace's program used, which the trace does not say.
      let single = given.converted(to: Float.self).weightsHash
      guard hash == single || hash == given.weightsHash else {
        throw other("the weights' hash is \(single), the trace has \(hash)")
      }
    }
  }

  private static func tensor(_ array: TraceArray) -> Tensor<Double> {
    switch array {
    case .float32(let tensor): tensor.converted()
    case .float64(let tensor): tensor
    case .integers(let array): Tensor(array.shape, array.elements.map { Double($0) })
    }
  }

  private static func input(_ reader: TraceReader, channels: Int) throws -> ModelInput {
    let recorded = try reader.input()
    let path = reader.url.path
    guard let tokens = recorded.tokens, tokens.shape.count == 3 else {
      throw ProbeError(
        .incompleteTrace, "\(path) does not say which tokens the model ran on",
        remedy: "Capture it again with its input.")
    }
    let (batch, positions) = (tokens.shape[0], tokens.shape[1])
    var ids: [Int32]?
    if let array = recorded.positionIDs {
      guard array.shape == [batch, positions] else {
        throw ProbeError(
          .incompleteTrace,
          "\(path) has position ids of shape \(array.shape) for tokens of shape \(tokens.shape)")
      }
      let first = Array(array.elements.prefix(positions))
      for example in 0..<batch
      where Array(array.elements[example * positions..<(example + 1) * positions]) != first {
        throw ProbeError(
          .incompleteTrace, "\(path): example \(example) has other position ids than example 0",
          remedy: "Capture examples of unlike position ids in traces of their own.")
      }
      ids = first
    }
    return try ModelInput(
      tokens: tokens.elements, batch: batch, positions: positions, channels: tokens.shape[2],
      positionIDs: ids, rows: recorded.rows)
  }
}
