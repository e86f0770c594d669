import AsuraDiff
import AsuraTensor

/// Recall by a gate or by attention, and the gates that hold back part of a change.
extension Computation {
  /// What a crossing recall attends to: made once for an input.
  struct Crossing: Sendable {
    /// Keys and values `[batch, position, 2·keyValueHeads·headWidth]`.
    let keyValues: Value<S>
    let bias: Value<S>?
  }

  func crossing(_ embedded: Value<S>, _ ids: ParameterLayout.CrossIDs) -> Crossing {
    Crossing(
      keyValues: linear(norm(embedded, ids.inputNorm), ids.keyValue), bias: bias(ids.relative))
  }

  /// What an iteration's first block reads.
  func recall(
    _ z: Value<S>, _ embedded: Embedded, core number: Int, iteration: Int
  ) throws -> Value<S> {
    let core = layout.cores[number]
    /// `W·[e; z] + b`
    func joined() -> Value<S> {
      guard let recall = core.recall else { preconditionFailure("recall without weights") }
      return interpreter.linear(
        z, parameters[recall.weight], offset: configuration.width,
        adding: embedded.recalled[number], rowwise: isLocal)
    }
    switch configuration.recall {
    case .none: return z
    case .add: return interpreter.add(embedded.input, z)
    case .concat: return joined()
    case .gated:
      let gate = try tap(
        sites.recalling(.gate), interpreter.activate(joined(), .sigmoid), iteration)
      return interpreter.interpolate(z, embedded.input, gate: gate)
    case .cross:
      guard let ids = core.cross, let crossing = embedded.crossings[number] else {
        preconditionFailure("cross recall without weights")
      }
      let query = linear(norm(z, ids.norm), ids.query)
      let mixed = try tap(
        sites.recalling(.z),
        attend(
          interpreter.joiningColumns(query, crossing.keyValues), crossing.bias,
          first: sites.recalling(.residPre), iteration: iteration), iteration)
      return try add(
        linear: mixed, ids.out, nil, to: z, sites.recalling(.attnOut), iteration)
    }
  }

  /// The input's share of a neuromodulating network's hidden layer; nil when it reads only the latent.
  func modulated(_ embedded: Value<S>, _ ids: ParameterLayout.GateIDs) -> Value<S>? {
    configuration.neuromodulation?.reads == .latent ? nil : linear(embedded, ids.up)
  }

  /// The core's result `x`, held back by the neuromodulating network.
  func neuromodulate(
    _ x: Value<S>, from z: Value<S>, _ embedded: Embedded, core number: Int, iteration: Int
  ) throws -> Value<S> {
    guard let ids = layout.cores[number].neuromodulation else { return x }
    let hidden: Value<S>
    switch (configuration.neuromodulation?.reads, embedded.modulated[number]) {
    case (.input, let share?): hidden = share
    case (.both, let share?):
      hidden = interpreter.linear(
        z, parameters[ids.up.weight], offset: configuration.width, adding: share,
        rowwise: isLocal)
    default: hidden = linear(z, ids.up)
    }
    let gate = try tap(sites.neuromodulation, self.gate(hidden, ids), iteration)
    return interpreter.interpolate(z, x, gate: gate)
  }

  /// `σ(W₂·relu(hidden) + b₂)`
  func gate(_ hidden: Value<S>, _ ids: ParameterLayout.GateIDs) -> Value<S> {
    interpreter.activate(linear(interpreter.activate(hidden, .relu), ids.down), .sigmoid)
  }
}
