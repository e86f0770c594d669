import AsuraConfiguration
import AsuraDiff

/// How tokens become the embedded input.
public struct EmbeddingConfiguration: Sendable, Equatable, Codable {
  /// Positions added to the embedded tokens.
  public enum Positions: String, Sendable, Codable, CaseIterable {
    case none
    /// A learned vector for each position number below `maximumPositions`.
    case learned
    /// Sines and cosines (Vaswani et al. 2017).
    case sinusoidal
  }
  /// The standard deviation of the initial embeddings.
  public var deviation = 1.0
  public var positions = Positions.none
  /// How many position numbers `learned` positions know.
  public var maximumPositions = 512

  public init(deviation: Double = 1, positions: Positions = .none, maximumPositions: Int = 512) {
    self.deviation = deviation
    self.positions = positions
    self.maximumPositions = maximumPositions
  }

  enum CodingKeys: String, CodingKey, CaseIterable { case deviation, positions, maximumPositions }

  public init(from decoder: any Decoder) throws {
    let fields = try Fields<CodingKeys>(decoder)
    deviation = try fields.value(.deviation, default: 1)
    positions = try fields.value(.positions, default: .none)
    maximumPositions = try fields.value(.maximumPositions, default: 512)
  }
}

/// A block's attention.
public struct AttentionConfiguration: Sendable, Equatable, Codable {
  /// Positions inside attention.
  public enum Positions: String, Sendable, Codable, CaseIterable {
    case none
    /// Scores fall by `slope·distance` (Press et al. 2022).
    case alibi
    /// Queries and keys turn with their position (Su et al. 2021).
    case rope
    /// A learned bias for each head and relative position, clipped at `relativeRadius` (Shaw et al. 2018, Raffel et al. 2020).
    case relative
  }
  public enum Mask: String, Sendable, Codable, CaseIterable {
    case full
    /// A query sees itself and what comes before it in the sequence.
    case causal
  }
  public var heads: Int
  /// How many heads of keys and values the queries share.
  public var keyValueHeads: Int
  /// Whether the projections have biases.
  public var bias = true
  public var positions = Positions.none
  /// ALiBi's slopes, one a head; `2^(−8h/heads)` for h = 1… when absent.
  public var slopes: [Double]?
  public var ropeBase = 10_000.0
  public var relativeRadius = 8
  public var mask = Mask.full
  /// When set, a query sees only keys whose position number differs by at most this; cost grows with it, not with the length.
  public var window: Int?

  public init(
    heads: Int, keyValueHeads: Int? = nil, bias: Bool = true, positions: Positions = .none,
    slopes: [Double]? = nil, ropeBase: Double = 10_000, relativeRadius: Int = 8,
    mask: Mask = .full, window: Int? = nil
  ) {
    self.heads = heads
    self.keyValueHeads = keyValueHeads ?? heads
    self.bias = bias
    self.positions = positions
    self.slopes = slopes
    self.ropeBase = ropeBase
    self.relativeRadius = relativeRadius
    self.mask = mask
    self.window = window
  }

  enum CodingKeys: String, CodingKey, CaseIterable {
    case heads, keyValueHeads, bias, positions, slopes, ropeBase, relativeRadius, mask, window
  }

  public init(from decoder: any Decoder) throws {
    let fields = try Fields<CodingKeys>(decoder)
    heads = try fields.required(.heads)
    keyValueHeads = try fields.value(.keyValueHeads, default: heads)
    bias = try fields.value(.bias, default: true)
    positions = try fields.value(.positions, default: .none)
    slopes = try fields.value(.slopes)
    ropeBase = try fields.value(.ropeBase, default: 10_000)
    relativeRadius = try fields.value(.relativeRadius, default: 8)
    mask = try fields.value(.mask, default: .full)
    window = try fields.value(.window)
  }
}

/// A block's perceptron.
public struct MLPConfiguration: Sendable, Equatable, Codable {
  public enum Activation: String, Sendable, Codable, CaseIterable {
    case gelu, relu
    /// Two projections up, one gating the other (Shazeer 2020).
    case swiglu
  }
  /// The size of the hidden layer.
  public var width: Int
  public var activation = Activation.gelu
  /// Whether the projections have biases.
  public var bias = true

  public init(width: Int, activation: Activation = .gelu, bias: Bool = true) {
    self.width = width
    self.activation = activation
    self.bias = bias
  }

  enum CodingKeys: String, CodingKey, CaseIterable { case width, activation, bias }

  public init(from decoder: any Decoder) throws {
    let fields = try Fields<CodingKeys>(decoder)
    width = try fields.required(.width)
    activation = try fields.value(.activation, default: .gelu)
    bias = try fields.value(.bias, default: true)
  }
}

/// The norms, and where in a block they stand.
public struct NormConfiguration: Sendable, Equatable, Codable {
  public enum Placement: String, Sendable, Codable, CaseIterable {
    /// `x + f(norm(x))`
    case pre
    /// `norm(x + f(x))`
    case post
    /// `x + norm(f(norm(x)))`
    case sandwich
  }
  public var kind = NormKind.layer
  public var placement = Placement.pre
  public var epsilon = 1e-5
  /// Whether the norms have biases beside their gains.
  public var bias = true

  public init(
    kind: NormKind = .layer, placement: Placement = .pre, epsilon: Double = 1e-5,
    bias: Bool = true
  ) {
    self.kind = kind
    self.placement = placement
    self.epsilon = epsilon
    self.bias = bias
  }

  enum CodingKeys: String, CodingKey, CaseIterable { case kind, placement, epsilon, bias }

  public init(from decoder: any Decoder) throws {
    let fields = try Fields<CodingKeys>(decoder)
    kind = try fields.value(.kind, default: .layer)
    placement = try fields.value(.placement, default: .pre)
    epsilon = try fields.value(.epsilon, default: 1e-5)
    bias = try fields.value(.bias, default: kind == .layer)
  }
}

/// How an iteration's result becomes the next latent.
public struct Update: Sendable, Equatable, Codable {
  public enum Kind: String, Sendable, Codable, CaseIterable {
    /// `z ← F(z)`
    case replace
    /// `z ← z + Δ·(F(z) − z)`
    case euler
  }
  public var kind = Kind.replace
  /// Δ; one over the run's number of iterations when absent.
  public var step: Double?

  public init(kind: Kind = .replace, step: Double? = nil) {
    self.kind = kind
    self.step = step
  }

  enum CodingKeys: String, CodingKey, CaseIterable { case kind, step }

  public init(from decoder: any Decoder) throws {
    let fields = try Fields<CodingKeys>(decoder)
    kind = try fields.value(.kind, default: .replace)
    step = try fields.value(.step)
  }
}
