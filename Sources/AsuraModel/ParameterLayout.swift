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
  }
  /// One iteration's parameters.
  struct CoreIDs: Sendable {
    let recall: LinearIDs?
    let blocks: [BlockIDs]
    let outerNorm: NormIDs?
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
        c.recall == .concat ? linear(prefix + "recall", [c.width, 2 * c.width], bias: true) : nil
      let blocks = (0..<c.core).map { block("\(prefix)core.\($0).", c) }
      let outer = c.outerNorm ? norm(prefix + "outer_norm", c) : nil
      cores.append(CoreIDs(recall: recall, blocks: blocks, outerNorm: outer))
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
      relative: attention.positions == .relative
        ? add(
          prefix + "attn.relative.weight", [attention.heads, attention.relativeCount],
          .normal(deviation: 0.5)) : nil,
      out: linear(prefix + "attn.out", [c.width, c.width], bias: attention.bias),
      attnNormPost: sandwich ? norm(prefix + "attn_norm_post", c) : nil,
      mlpNorm: norm(prefix + "mlp_norm", c),
      up: linear(prefix + "mlp.up", [upWidth, c.width], bias: c.mlp.bias),
      down: linear(prefix + "mlp.down", [c.width, c.mlp.width], bias: c.mlp.bias),
      mlpNormPost: sandwich ? norm(prefix + "mlp_norm_post", c) : nil)
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
