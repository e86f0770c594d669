import AsuraConfiguration
import AsuraDiff

/// What a recurrent-depth transformer is made of. Validated when it is made, in code or from JSON
/// or YAML.
public struct ModelConfiguration: Sendable, Equatable, Codable {
  /// How many token ids there are: `0 ..< vocabulary`.
  public var vocabulary: Int
  /// How many tokens stand at each position; their embeddings are summed.
  public var channels = 1
  /// How many output classes each position's logits have.
  public var classes: Int
  /// The size of the latent's last axis.
  public var width: Int
  /// How many unshared blocks come before the recurrence.
  public var prelude = 0
  /// How many blocks the core has: the group that is applied again and again.
  public var core = 1
  /// How many unshared blocks come after the recurrence.
  public var coda = 0
  /// How many times the core is applied unless a run asks for another number.
  public var iterations: Int
  /// Whether all iterations use the same core. When not, each has weights of its own: the ordinary
  /// transformer of equal depth.
  public var shared = true
  public var embedding = EmbeddingConfiguration()
  /// Where position numbers come from, for every scheme that uses them.
  public var positionIDs = PositionIDs.index
  public var attention: AttentionConfiguration
  public var mlp: MLPConfiguration
  public var norm = NormConfiguration()
  public var recall = Recall.concat
  public var initialLatent = InitialLatent.zeros
  /// The standard deviation of a `noise` initial latent.
  public var noise = 1.0
  /// Whether the core's result is normalised before the update.
  public var outerNorm = false
  /// Whether the latent is normalised before the head.
  public var finalNorm = true
  public var update = Update()
  /// A second network that gates what each iteration changes; none when absent.
  public var neuromodulation: NeuromodulationConfiguration?
  /// A gate in each block; none when absent.
  public var copyGate: CopyGateConfiguration?

  /// A configuration; one that cannot be is a `ModelError` that names the field.
  ///
  /// Properties changed later are not checked again.
  public init(
    vocabulary: Int, channels: Int = 1, classes: Int, width: Int, prelude: Int = 0, core: Int = 1,
    coda: Int = 0, iterations: Int, shared: Bool = true,
    embedding: EmbeddingConfiguration = EmbeddingConfiguration(),
    positionIDs: PositionIDs = .index, attention: AttentionConfiguration, mlp: MLPConfiguration,
    norm: NormConfiguration = NormConfiguration(), recall: Recall = .concat,
    initialLatent: InitialLatent = .zeros, noise: Double = 1, outerNorm: Bool = false,
    finalNorm: Bool = true, update: Update = Update(),
    neuromodulation: NeuromodulationConfiguration? = nil, copyGate: CopyGateConfiguration? = nil
  ) throws {
    self.vocabulary = vocabulary
    self.channels = channels
    self.classes = classes
    self.width = width
    self.prelude = prelude
    self.core = core
    self.coda = coda
    self.iterations = iterations
    self.shared = shared
    self.embedding = embedding
    self.positionIDs = positionIDs
    self.attention = attention
    self.mlp = mlp
    self.norm = norm
    self.recall = recall
    self.initialLatent = initialLatent
    self.noise = noise
    self.outerNorm = outerNorm
    self.finalNorm = finalNorm
    self.update = update
    self.neuromodulation = neuromodulation
    self.copyGate = copyGate
    try validate()
  }

  enum CodingKeys: String, CodingKey, CaseIterable {
    case vocabulary, channels, classes, width, prelude, core, coda, iterations, shared, embedding
    case positionIDs, attention, mlp, norm, recall, initialLatent, noise, outerNorm, finalNorm
    case update, neuromodulation, copyGate
  }

  public init(from decoder: any Decoder) throws {
    let fields = try Fields<CodingKeys>(decoder)
    vocabulary = try fields.required(.vocabulary)
    channels = try fields.value(.channels, default: 1)
    classes = try fields.required(.classes)
    width = try fields.required(.width)
    prelude = try fields.value(.prelude, default: 0)
    core = try fields.value(.core, default: 1)
    coda = try fields.value(.coda, default: 0)
    iterations = try fields.required(.iterations)
    shared = try fields.value(.shared, default: true)
    embedding = try fields.value(.embedding, default: EmbeddingConfiguration())
    positionIDs = try fields.value(.positionIDs, default: .index)
    attention = try fields.required(.attention)
    mlp = try fields.required(.mlp)
    norm = try fields.value(.norm, default: NormConfiguration())
    recall = try fields.value(.recall, default: .concat)
    initialLatent = try fields.value(.initialLatent, default: .zeros)
    noise = try fields.value(.noise, default: 1)
    outerNorm = try fields.value(.outerNorm, default: false)
    finalNorm = try fields.value(.finalNorm, default: true)
    update = try fields.value(.update, default: Update())
    neuromodulation = try fields.value(.neuromodulation)
    copyGate = try fields.value(.copyGate)
    try fields.validating(validate)
  }

  /// The width of one attention head.
  public var headWidth: Int { width / attention.heads }

  /// How many numbers reverse mode keeps of one iteration of one example: what the derivative rules of
  /// the core's primitives read, near enough to plan memory by.
  package func activationCount(positions: Int) -> Int {
    let keys = attention.keyCount(positions: positions)
    let hidden = (mlp.activation == .swiglu ? 4 : 2) * mlp.width
    let block =
      9 * width + hidden + attention.heads * keys + (copyGate.map { 2 * $0.width + 4 * width } ?? 0)
    let recalled =
      switch recall {
      case .concat, .add, .none: width
      case .gated: 4 * width
      case .cross: 6 * width + attention.heads * keys
      }
    let modulation = neuromodulation.map { 2 * $0.width + 4 * width } ?? 0
    return positions * (recalled + core * block + modulation)
  }

  /// The largest size any one field may have: no model we know comes near, and products of them
  /// stay countable.
  private static let largest = 1 << 20
  /// The most parameters a model may have: 64 GiB of them in single precision.
  private static let mostParameters = 1 << 34

  /// How many numbers the parameters hold, counted from the sizes alone: exact, and nothing is
  /// allocated.
  package var parameterCount: Double {
    let (w, hidden) = (Double(width), Double(mlp.width))
    func linear(_ inputs: Double, _ outputs: Double, bias: Bool) -> Double {
      outputs * (inputs + (bias ? 1 : 0))
    }
    let aNorm = norm.bias ? 2 * w : w
    let qkv = Double((attention.heads + 2 * attention.keyValueHeads) * headWidth)
    let relative =
      attention.positions == .relative
      ? Double(attention.heads) * Double(attention.relativeCount) : 0
    func gate(_ width: Int?, reading inputs: Double) -> Double {
      width.map { linear(inputs, Double($0), bias: true) + linear(Double($0), w, bias: true) } ?? 0
    }
    let recalled =
      switch recall {
      case .add, .none: 0.0
      case .concat, .gated: linear(2 * w, w, bias: true)
      case .cross:
        2 * aNorm + relative + 2 * linear(w, w, bias: attention.bias)
          + linear(w, qkv - w, bias: attention.bias)
      }
    let block =
      (norm.placement == .sandwich ? 4 : 2) * aNorm + relative + gate(copyGate?.width, reading: w)
      + linear(w, qkv, bias: attention.bias) + linear(w, w, bias: attention.bias)
      + linear(w, mlp.activation == .swiglu ? 2 * hidden : hidden, bias: mlp.bias)
      + linear(hidden, w, bias: mlp.bias)
    let iteration =
      Double(core) * block + recalled + (outerNorm ? aNorm : 0)
      + gate(
        neuromodulation?.width, reading: neuromodulation?.reads == .both ? 2 * w : w)
    let positions = embedding.positions == .learned ? Double(embedding.maximumPositions) : 0
    return w * (Double(vocabulary) + positions + (initialLatent == .learned ? 1 : 0))
      + Double(prelude + coda) * block + Double(shared ? 1 : iterations) * iteration
      + (finalNorm ? aNorm : 0) + linear(w, Double(classes), bias: true)
  }

  private func validate() throws {
    func check(_ field: String, _ value: Int, _ range: ClosedRange<Int>) throws {
      guard range.contains(value) else {
        throw ConfigurationError(
          field: field, found: "\(value)",
          expected: "a number from \(range.lowerBound) to \(range.upperBound)")
      }
    }
    try check("vocabulary", vocabulary, 1...Self.largest)
    try check("channels", channels, 1...64)
    try check("classes", classes, 1...Self.largest)
    try check("width", width, 1...65_536)
    try check("prelude", prelude, 0...1024)
    try check("core", core, 1...1024)
    try check("coda", coda, 0...1024)
    try check("iterations", iterations, 1...Self.largest)
    if !shared { try check("core × iterations (with shared: false)", core * iterations, 1...4096) }
    try check("embedding.maximumPositions", embedding.maximumPositions, 1...Self.largest)
    try check("attention.heads", attention.heads, 1...4096)
    try check("attention.keyValueHeads", attention.keyValueHeads, 1...attention.heads)
    try check("attention.relativeRadius", attention.relativeRadius, 1...Self.largest)
    if let window = attention.window { try check("attention.window", window, 0...Self.largest) }
    if let radius = attention.radius { try check("attention.radius", radius, 0...1024) }
    try check("mlp.width", mlp.width, 1...Self.largest)
    if let copyGate { try check("copyGate.width", copyGate.width, 1...Self.largest) }
    if let neuromodulation {
      try check("neuromodulation.width", neuromodulation.width, 1...Self.largest)
    }
    guard width % attention.heads == 0 else {
      throw ConfigurationError(
        field: "attention.heads", found: "\(attention.heads)",
        expected: "a divisor of width \(width)")
    }
    guard attention.heads % attention.keyValueHeads == 0 else {
      throw ConfigurationError(
        field: "attention.keyValueHeads", found: "\(attention.keyValueHeads)",
        expected: "a divisor of attention.heads \(attention.heads)")
    }
    guard parameterCount <= Double(Self.mostParameters) else {
      throw ConfigurationError(
        field: "size", found: "\(Int(parameterCount)) parameters",
        expected: "at most \(Self.mostParameters)",
        remedy: "choose a smaller vocabulary, width, mlp.width or fewer blocks")
    }
    if attention.positions == .rope && headWidth % 2 != 0 {
      throw ConfigurationError(
        field: "attention.positions", found: "rope with heads of odd width \(headWidth)",
        expected: "an even width/heads, since rotary positions turn pairs")
    }
    if let slopes = attention.slopes, slopes.count != attention.heads || !slopes.allFinite {
      throw ConfigurationError(
        field: "attention.slopes", found: "\(slopes)",
        expected: "one finite number for each of the \(attention.heads) heads")
    }
    switch (attention.mask == .neighbourhood, attention.radius) {
    case (true, nil):
      throw ConfigurationError(
        field: "attention.radius", found: "nothing",
        expected: "how many rows and columns away a query sees, with mask: neighbourhood",
        remedy: "1 is a neighbourhood of 3×3")
    case (false, let radius?):
      throw ConfigurationError(
        field: "attention.radius", found: "\(radius) with mask: \(attention.mask.rawValue)",
        expected: "mask: neighbourhood", remedy: "along a sequence, give attention.window instead")
    default: break
    }
    if attention.mask == .neighbourhood, let window = attention.window {
      throw ConfigurationError(
        field: "attention.window", found: "\(window) with mask: neighbourhood",
        expected: "none, since attention.radius says what a query sees")
    }
    if let directions = attention.directions, directions.count != attention.heads {
      throw ConfigurationError(
        field: "attention.directions", found: "\(directions.map(\.rawValue))",
        expected: "one of both, backward, forward for each of the \(attention.heads) heads")
    }
    if recall == .none && initialLatent != .input && shared {
      throw ConfigurationError(
        field: "recall", found: "none with initialLatent \(initialLatent.rawValue)",
        expected: "initialLatent: input, or the recurrence never sees its input")
    }
    func checkNumber(_ field: String, _ value: Double, positive: Bool) throws {
      guard value.isFinite && (positive ? value > 0 : value >= 0) else {
        throw ConfigurationError(
          field: field, found: "\(value)",
          expected: positive ? "a finite number above 0" : "a finite number, 0 or more")
      }
    }
    try checkNumber("norm.epsilon", norm.epsilon, positive: true)
    try checkNumber("noise", noise, positive: false)
    try checkNumber("embedding.deviation", embedding.deviation, positive: false)
    try checkNumber("attention.ropeBase", attention.ropeBase, positive: true)
    if let step = update.step { try checkNumber("update.step", step, positive: true) }
  }
}

extension [Double] {
  fileprivate var allFinite: Bool { allSatisfy(\.isFinite) }
}

/// Where position numbers come from.
public enum PositionIDs: String, Sendable, Codable, CaseIterable {
  /// 0, 1, 2, … along the sequence.
  case index
  /// The input's own numbers: positions that belong together share one (position coupling, Cho et
  /// al. 2024).
  case coupled
}

/// How the embedded input re-enters each iteration.
public enum Recall: String, Sendable, Codable, CaseIterable {
  /// `W·[e; z] + b`
  case concat
  /// `e + z`
  case add
  /// `z + g∘(e − z)` with `g = σ(W·[e; z] + b)`: each number of the latent is carried on or replaced by the input's
  /// (the coupled gates of highway networks, Srivastava et al. 2015, arXiv:1505.00387).
  case gated
  /// `z + attention(norm(z), norm(e))`: queries from the latent, keys and values from the embedded input, with the
  /// blocks' heads, positions, mask and window (Jaegle et al. 2021, arXiv:2103.03206).
  case cross
  /// `z`: the input is only in the initial latent.
  case none
}

/// The latent before the first iteration.
public enum InitialLatent: String, Sendable, Codable, CaseIterable {
  case zeros
  /// The embedded input.
  case input
  /// A learned vector, the same at every position.
  case learned
  /// Normal noise from the run's seed.
  case noise
}
