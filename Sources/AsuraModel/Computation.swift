import AsuraDiff
import AsuraTensor

/// The model's arithmetic on some examples of a batch, read by one interpreter: the only place it
/// is written.
struct Computation<S: Scalar>: Sendable {
  let configuration: ModelConfiguration
  let layout: ParameterLayout
  let sites: SiteTable
  let parameters: [Value<S>]
  let interpreter: Interpreter<S>
  let geometry: Geometry<S>
  let hooks: HookPlan<S>?
  var examples: Range<Int>
  /// What iterations apply of the core; each block once and in order where it is nil.
  var schedule: CoreSchedule?

  /// What an input gives every iteration: made once before the first.
  struct Embedded: Sendable {
    /// The embedded input after the prelude, `[batch, position, width]`.
    let input: Value<S>
    /// The input's share of each core's recall, `W_e·e + b`, which no iteration changes.
    let recalled: [Value<S>]
    /// What each core's recall attends to; nil where it does not.
    let crossings: [Crossing?]
    /// The input's share of each core's neuromodulating network; nil where there is none.
    let modulated: [Value<S>?]
    /// Each block's attention bias.
    let biases: [Value<S>?]
  }

  /// The same computation with another interpreter and the same parameters, unhooked.
  func reading(with interpreter: Interpreter<S>) -> Computation {
    Computation(
      configuration: configuration, layout: layout, sites: sites, parameters: parameters,
      interpreter: interpreter, geometry: geometry, hooks: nil, examples: examples,
      schedule: schedule)
  }

  // MARK: Input

  func embed(_ input: ModelInput) throws -> Embedded { try prepare(embedTokens(input)) }

  /// The embedded tokens, before any block: `[batch, position, width]`.
  func embedTokens(_ input: ModelInput) throws -> Value<S> {
    let c = configuration
    var e = interpreter.gather(
      parameters[layout.embed], input.tokens, channels: c.channels,
      shape: [input.batch, input.positions])
    if let position = layout.position {
      e = interpreter.add(
        e,
        interpreter.gather(parameters[position], geometry.ids, shape: [input.positions]))
    }
    if let sinusoid = geometry.sinusoid { e = interpreter.add(e, Value(sinusoid)) }
    return try tap(0, e, 0)
  }

  /// What embedded tokens give every iteration; without the prelude when they have been through it.
  func prepare(_ tokens: Value<S>, skippingPrelude: Bool = false) throws -> Embedded {
    var e = tokens
    let biases = layout.blocks.map { bias($0.relative) }
    for (i, block) in layout.prelude.enumerated() where !skippingPrelude {
      e = try apply(block, to: e, biases, first: sites.first(.prelude, i), iteration: 0)
    }
    let recalled = layout.cores.map { core in
      core.recall.map { linear(e, $0) } ?? e
    }
    return Embedded(
      input: e, recalled: recalled,
      crossings: layout.cores.map { $0.cross.map { crossing(e, $0) } },
      modulated: layout.cores.map { $0.neuromodulation.flatMap { modulated(e, $0) } },
      biases: biases)
  }

  /// Attention's bias, with a table of learned ones or without.
  func bias(_ table: Int?) -> Value<S>? {
    let fixed = geometry.fixedBias.map { Value($0) }
    guard let table, let index = geometry.relativeIndex else { return fixed }
    let positions = geometry.ids.count
    let learned = interpreter.gatherBias(
      parameters[table], index, shape: [positions, geometry.layout.keyCount(positions)],
      missing: -.infinity)
    return fixed.map { interpreter.add(learned, $0) } ?? learned
  }

  /// The latent before the first iteration.
  /// - Parameter numbers: which sequences' noise it is; nil for the examples' own.
  func initialLatent(
    _ embedded: Embedded, noise: Random, of numbers: Range<Int>? = nil
  ) throws -> Value<S> {
    let shape = embedded.input.shape
    let z: Value<S>
    switch configuration.initialLatent {
    case .zeros: z = Value(.zeros(shape))
    case .input: z = embedded.input
    case .learned:
      guard let id = layout.initialLatent else { preconditionFailure("no initial latent") }
      z = interpreter.add(Value(.zeros(shape)), parameters[id])
    case .noise:
      // By example, so that a sequence's noise does not depend on the batch it is run in.
      let rows = (numbers ?? examples).map { example in
        var random = noise.split(UInt64(example))
        return Tensor<S>.normal(
          [1] + shape.dropFirst(), scale: S(configuration.noise), using: &random)
      }
      z = Value(.concatenating(rows))
    }
    return try tap(SiteTable.latent, z, 0)
  }

  // MARK: Recurrence

  /// One iteration: recall, the core's blocks, the outer norm and the update. `step` is Δ for Euler
  /// updates.
  func iterate(
    _ z: Value<S>, _ embedded: Embedded, iteration: Int, step: Double
  ) throws -> Value<S> {
    let number = configuration.shared ? 0 : iteration - 1
    precondition(number < layout.cores.count, "iteration \(iteration) has no core of its own")
    let core = layout.cores[number]
    var x = try tap(
      1, recall(z, embedded, core: number, iteration: iteration), iteration)
    if let order = schedule?.blocks[iteration] {
      x = try apply(core.blocks, inOrder: order, to: x, embedded.biases, iteration: iteration)
    } else {
      for (i, block) in core.blocks.enumerated() {
        x = try apply(
          block, to: x, embedded.biases, first: sites.first(.core, i), iteration: iteration)
      }
    }
    x = try conclude(x, from: z, embedded, core: number, iteration: iteration, step: step)
    return try tap(SiteTable.latent, x, iteration)
  }

  /// The next latent from what the core's blocks make of z: the outer norm, neuromodulation and the update.
  func conclude(
    _ result: Value<S>, from z: Value<S>, _ embedded: Embedded, core number: Int, iteration: Int,
    step: Double
  ) throws -> Value<S> {
    var x = result
    if let outer = layout.cores[number].outerNorm { x = norm(x, outer) }
    x = try neuromodulate(x, from: z, embedded, core: number, iteration: iteration)
    if configuration.update.kind == .euler { x = interpreter.interpolate(z, x, S(step)) }
    return x
  }

  /// Whether a query sees a few keys only: then a position's bits do not depend on how many others there are.
  var isLocal: Bool { geometry.layout.neighbours != nil }

  /// Core blocks in an order of a run's own; of a block that comes several times hooks see the last.
  private func apply(
    _ blocks: [ParameterLayout.BlockIDs], inOrder order: [Int], to input: Value<S>,
    _ biases: [Value<S>?], iteration: Int
  ) throws -> Value<S> {
    let unhooked = reading(with: interpreter)
    var x = input
    for (place, i) in order.enumerated() {
      let computation = order[(place + 1)...].contains(i) ? unhooked : self
      x = try computation.apply(
        blocks[i], to: x, biases, first: sites.first(.core, i), iteration: iteration)
    }
    return x
  }

  /// An iteration that is left out: the latent as it is, seen by its hooks.
  func skip(_ z: Value<S>, iteration: Int) throws -> Value<S> {
    try tap(SiteTable.latent, z, iteration)
  }

  // MARK: Readout

  /// Logits `[batch, position, class]` from a latent.
  func readout(_ z: Value<S>, _ embedded: Embedded, iteration: Int) throws -> Value<S> {
    var x = z
    for (i, block) in layout.coda.enumerated() {
      x = try apply(
        block, to: x, embedded.biases, first: sites.first(.coda, i), iteration: iteration)
    }
    if let final = layout.finalNorm { x = norm(x, final) }
    return try tap(SiteTable.logits, linear(x, layout.head), iteration)
  }

  // MARK: Blocks

  /// - Parameter attended: What attention gives, where it has been computed already.
  func apply(
    _ block: ParameterLayout.BlockIDs, to input: Value<S>, _ biases: [Value<S>?],
    attended: Value<S>? = nil, first: Int, iteration t: Int
  ) throws -> Value<S> {
    let placement = configuration.norm.placement
    func at(_ site: BlockSite, _ value: Value<S>) throws -> Value<S> {
      try tap(first + site.order, value, t)
    }
    let start = try at(.residPre, input)
    var x = start

    let z = try at(
      .z,
      attended ?? attend(pack(x, block), biases[block.number], first: first, iteration: t))
    x = try add(linear: z, block.out, block.attnNormPost, to: x, first + BlockSite.attnOut.order, t)
    if placement == .post { x = norm(x, block.attnNorm) }
    x = try at(.residMid, x)

    let read = placement == .post ? x : norm(x, block.mlpNorm)
    let hidden = try at(.mlpPre, linear(read, block.up))
    let activated: Value<S> =
      switch configuration.mlp.activation {
      case .gelu: interpreter.activate(hidden, .gelu)
      case .relu: interpreter.activate(hidden, .relu)
      case .swiglu: interpreter.swiGLU(hidden)
      }
    let post = try at(.mlpPost, activated)
    x = try add(
      linear: post, block.down, block.mlpNormPost, to: x, first + BlockSite.mlpOut.order, t)
    if placement == .post { x = norm(x, block.mlpNorm) }
    if let ids = block.copyGate {
      x = interpreter.interpolate(start, x, gate: try at(.gate, gate(linear(read, ids.up), ids)))
    }
    return try at(.residPost, x)
  }

  /// A block's packed queries, keys and values.
  func pack(_ x: Value<S>, _ block: ParameterLayout.BlockIDs) -> Value<S> {
    linear(configuration.norm.placement == .post ? x : norm(x, block.attnNorm), block.qkv)
  }

  /// Attention from packed queries, keys and values: fused, unless a hook looks inside.
  func attend(
    _ packed: Value<S>, _ bias: Value<S>?, first: Int, iteration t: Int
  ) throws -> Value<S> {
    let attention = geometry.layout
    var qkv = packed
    if let hooks {
      for (site, columns) in [
        (BlockSite.q, attention.queryColumns), (.k, attention.keyColumns),
        (.v, attention.valueColumns),
      ] where hooks.wants(first + site.order, t) {
        let part = try tap(first + site.order, interpreter.columns(qkv, columns), t)
        qkv = interpreter.replacingColumns(qkv, columns, with: part)
      }
    }
    if let rotary = geometry.rotary {
      qkv = interpreter.rotate(
        qkv, cosine: rotary.cosine, sine: rotary.sine,
        heads: attention.heads + attention.keyValueHeads)
    }
    let (scoreSite, patternSite) = (
      first + BlockSite.scores.order, first + BlockSite.pattern.order
    )
    guard let hooks, hooks.wants(scoreSite, t) || hooks.wants(patternSite, t) else {
      return interpreter.attention(qkv, bias: bias, attention)
    }
    let scores = try tap(
      scoreSite, interpreter.attentionScores(qkv, bias: bias, attention), t)
    let pattern = try tap(patternSite, interpreter.softmax(scores), t)
    return interpreter.attentionMix(pattern, qkv, attention)
  }

  // MARK: Parts

  func linear(
    _ x: Value<S>, _ ids: ParameterLayout.LinearIDs, adding r: Value<S>? = nil
  ) -> Value<S> {
    interpreter.linear(
      x, parameters[ids.weight], ids.bias.map { parameters[$0] }, adding: r, rowwise: isLocal)
  }

  /// `x + norm(linear(z))`, where the linear layer's value is a site. Without a norm and a hook there it is one operation,
  /// which gives the same bits.
  func add(
    linear z: Value<S>, _ ids: ParameterLayout.LinearIDs, _ normIDs: ParameterLayout.NormIDs?,
    to x: Value<S>, _ site: Int, _ iteration: Int
  ) throws -> Value<S> {
    guard normIDs != nil || hooks?.wants(site, iteration) == true else {
      return linear(z, ids, adding: x)
    }
    let out = linear(z, ids)
    return interpreter.add(x, try tap(site, normIDs.map { norm(out, $0) } ?? out, iteration))
  }

  func norm(_ x: Value<S>, _ ids: ParameterLayout.NormIDs) -> Value<S> {
    interpreter.norm(
      x, configuration.norm.kind, gain: parameters[ids.gain], bias: ids.bias.map { parameters[$0] },
      epsilon: configuration.norm.epsilon)
  }

  func tap(_ site: Int, _ value: Value<S>, _ iteration: Int) throws -> Value<S> {
    guard let hooks, hooks.wants(site, iteration) else { return value }
    return try hooks.apply(value, site, iteration, examples: examples, interpreter)
  }
}
