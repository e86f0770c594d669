import AsuraTensor

/// Which parameters a model has, in what order, and which of them each of its parts uses.
///
/// Parts refer to parameters by number, so that a run can read them from any list in this order:
/// the model's own tensors, or variables to differentiate with respect to.
struct ParameterLayout: Sendable {
  struct Entry: Sendable {
    let name: String
    let shape: [Int]
    let initializer: Initializer
  }

  /// How a parameter begins.
  enum Initializer: Sendable {
    case constant(Double)
    /// Uniform in ±1/√fan-in, PyTorch's default for linear layers.
    case uniform(fanIn: Int)
    case normal(deviation: Double)
  }

  struct LinearIDs: Sendable {
    let weight: Int
    let bias: Int?
  }
  struct NormIDs: Sendable {
    let gain: Int
    let bias: Int?
  }
  struct BlockIDs: Sendable {
    let number: Int
    let attnNorm: NormIDs
    let qkv: LinearIDs
    let relative: Int?
    let out: LinearIDs
    let attnNormPost: NormIDs?
    let mlpNorm: NormIDs
    let up: LinearIDs
    let down: LinearIDs
    let mlpNormPost: NormIDs?
    let copyGate: GateIDs?
  }
  /// A network of one hidden layer whose values are a gate.
  struct GateIDs: Sendable {
    let up: LinearIDs
    let down: LinearIDs
  }
  /// Attention from the latent to the embedded input.
  struct CrossIDs: Sendable {
    let norm: NormIDs
    let inputNorm: NormIDs
    let query: LinearIDs
    let keyValue: LinearIDs
    let relative: Int?
    let out: LinearIDs
  }
  /// One iteration's parameters.
  struct CoreIDs: Sendable {
    let recall: LinearIDs?
    let cross: CrossIDs?
    let blocks: [BlockIDs]
    let outerNorm: NormIDs?
    let neuromodulation: GateIDs?
  }

  private(set) var entries: [Entry] = []
  private(set) var embed = 0
  private(set) var position: Int?
  private(set) var initialLatent: Int?
  private(set) var prelude: [BlockIDs] = []
  /// One entry when the core is shared, else one an iteration.
  private(set) var cores: [CoreIDs] = []
  private(set) var coda: [BlockIDs] = []
  private(set) var finalNorm: NormIDs?
  private(set) var head = LinearIDs(weight: 0, bias: nil)
  private var blockCount = 0

  /// Every block of the model, numbered in this order.
  var blocks: [BlockIDs] { prelude + cores.flatMap(\.blocks) + coda }

  init(_ c: ModelConfiguration) {
    embed = add(
      "embed.weight", [c.vocabulary, c.width], .normal(deviation: c.embedding.deviation))
    if c.embedding.positions == .learned {
      position = add(
        "position.weight", [c.embedding.maximumPositions, c.width],
        .normal(deviation: c.embedding.deviation))
    }
    if c.initialLatent == .learned {
      initialLatent = add("initial_latent", [c.width], .normal(deviation: 0.02))
    }
    for i in 0..<c.prelude { prelude.append(block("prelude.\(i).", c)) }
    for t in 1...(c.shared ? 1 : c.iterations) {
      let prefix = c.shared ? "" : "iterations.\(t)."
      let recall =
        c.recall == .concat || c.recall == .gated
        ? linear(prefix + "recall", [c.width, 2 * c.width], bias: true) : nil
      let cross = c.recall == .cross ? cross(prefix + "recall.", c) : nil
      let blocks = (0..<c.core).map { block("\(prefix)core.\($0).", c) }
      let outer = c.outerNorm ? norm(prefix + "outer_norm", c) : nil
      let modulation = c.neuromodulation.map {
        gate(
          prefix + "neuromodulation.", width: $0.width,
          inputs: ($0.reads == .both ? 2 : 1) * c.width,
          outputs: c.width)
      }
      cores.append(
        CoreIDs(
          recall: recall, cross: cross, blocks: blocks, outerNorm: outer,
          neuromodulation: modulation))
    }
    for i in 0..<c.coda { coda.append(block("coda.\(i).", c)) }
    if c.finalNorm { finalNorm = norm("final_norm", c) }
    head = linear("head", [c.classes, c.width], bias: true)
  }

  private mutating func add(_ name: String, _ shape: [Int], _ initializer: Initializer) -> Int {
    entries.append(Entry(name: name, shape: shape, initializer: initializer))
    return entries.count - 1
  }

  private mutating func linear(_ name: String, _ shape: [Int], bias: Bool) -> LinearIDs {
    LinearIDs(
      weight: add("\(name).weight", shape, .uniform(fanIn: shape[1])),
      bias: bias ? add("\(name).bias", [shape[0]], .uniform(fanIn: shape[1])) : nil)
  }

  private mutating func norm(_ name: String, _ c: ModelConfiguration) -> NormIDs {
    NormIDs(
      gain: add("\(name).weight", [c.width], .constant(1)),
      bias: c.norm.bias ? add("\(name).bias", [c.width], .constant(0)) : nil)
  }

  private mutating func block(_ prefix: String, _ c: ModelConfiguration) -> BlockIDs {
    let attention = c.attention
    let qkvWidth = (attention.heads + 2 * attention.keyValueHeads) * c.headWidth
    let sandwich = c.norm.placement == .sandwich
    let upWidth = c.mlp.activation == .swiglu ? 2 * c.mlp.width : c.mlp.width
    defer { blockCount += 1 }
    return BlockIDs(
      number: blockCount,
      attnNorm: norm(prefix + "attn_norm", c),
      qkv: linear(prefix + "attn.qkv", [qkvWidth, c.width], bias: attention.bias),
      relative: relative(prefix + "attn.", c),
      out: linear(prefix + "attn.out", [c.width, c.width], bias: attention.bias),
      attnNormPost: sandwich ? norm(prefix + "attn_norm_post", c) : nil,
      mlpNorm: norm(prefix + "mlp_norm", c),
      up: linear(prefix + "mlp.up", [upWidth, c.width], bias: c.mlp.bias),
      down: linear(prefix + "mlp.down", [c.width, c.mlp.width], bias: c.mlp.bias),
      mlpNormPost: sandwich ? norm(prefix + "mlp_norm_post", c) : nil,
      copyGate: c.copyGate.map {
        // Begins closed (Csordás et al. 2022).
        gate(
          prefix + "copy_gate.", width: $0.width, inputs: c.width, outputs: c.width,
          bias: .constant(-3))
      })
  }

  private mutating func relative(_ prefix: String, _ c: ModelConfiguration) -> Int? {
    let attention = c.attention
    guard attention.positions == .relative else { return nil }
    return add(
      prefix + "relative.weight", [attention.heads, attention.relativeCount],
      .normal(deviation: 0.5))
  }

  private mutating func cross(_ prefix: String, _ c: ModelConfiguration) -> CrossIDs {
    let (width, bias) = (c.width, c.attention.bias)
    return CrossIDs(
      norm: norm(prefix + "norm", c), inputNorm: norm(prefix + "norm_input", c),
      query: linear(prefix + "q", [width, width], bias: bias),
      keyValue: linear(
        prefix + "kv", [2 * c.attention.keyValueHeads * c.headWidth, width], bias: bias),
      relative: relative(prefix, c), out: linear(prefix + "out", [width, width], bias: bias))
  }

  private mutating func gate(
    _ prefix: String, width: Int, inputs: Int, outputs: Int, bias: Initializer? = nil
  ) -> GateIDs {
    GateIDs(
      up: linear(prefix + "up", [width, inputs], bias: true),
      down: LinearIDs(
        weight: add(prefix + "down.weight", [outputs, width], .uniform(fanIn: width)),
        bias: add(prefix + "down.bias", [outputs], bias ?? .uniform(fanIn: width))))
  }
}

extension ParameterLayout.Initializer {
  func tensor<S: Scalar>(_ shape: [Int], using random: inout Random) -> Tensor<S> {
    switch self {
    case .constant(let value): return Tensor(shape, repeating: S(value))
    case .normal(let deviation):
      return .normal(shape, scale: S(deviation), using: &random)
    case .uniform(let fanIn):
      let bound = S(1 / Double(fanIn).squareRoot())
      return .uniform(shape, in: -bound..<bound, using: &random)
    }
  }
}
