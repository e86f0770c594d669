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
    /// Scores fall by `slope·distance` (Press et al. 2022): by position number, or in a neighbourhood the larger of
    /// the distances in rows and in columns.
    case alibi
    /// Queries and keys turn with their position (Su et al. 2021).
    case rope
    /// A learned bias for each head and relative position, clipped at `relativeRadius` (Shaw et al.
    /// 2018, Raffel et al. 2020). In a neighbourhood one for each offset in rows and columns.
    case relative
  }
  /// Which keys a query may see, whatever their content.
  public enum Mask: String, Sendable, Codable, CaseIterable {
    case full
    /// A query sees itself and what comes before it in the sequence.
    case causal
    /// A query sees the keys within `radius` rows and `radius` columns of it on the input's grid (Hassani et al.
    /// 2023); beyond an edge there are none. An input that is no grid is a grid of one row.
    case neighbourhood
  }
  /// Which way along the position numbers a head looks. Every query sees itself.
  public enum Direction: String, Sendable, Codable, CaseIterable {
    case both
    /// Keys whose position number is at most the query's.
    case backward
    /// Keys whose position number is at least the query's.
    case forward
  }
  /// How many heads share the width; a divisor of it.
  public var heads: Int
  /// How many heads of keys and values the queries share.
  public var keyValueHeads: Int
  /// Whether the projections have biases.
  public var bias = true
  public var positions = Positions.none
  /// ALiBi's slopes, one a head; `2^(−8h/heads)` for h = 1… when absent.
  public var slopes: [Double]?
  /// The base of rotary frequencies.
  public var ropeBase = 10_000.0
  /// Relative positions further apart than this share a bias; a neighbourhood has its own `radius`.
  public var relativeRadius = 8
  /// Which keys a query may see.
  public var mask = Mask.full
  /// When set, a query sees only keys whose position number differs by at most this; cost grows
  /// with it, not with the length.
  public var window: Int?
  /// How many rows and columns away a query sees with the mask `neighbourhood`; cost grows with the keys within, not
  /// with the grid.
  public var radius: Int?
  /// Which way each head looks, one a head; both ways when absent.
  public var directions: [Direction]?

  public init(
    heads: Int, keyValueHeads: Int? = nil, bias: Bool = true, positions: Positions = .none,
    slopes: [Double]? = nil, ropeBase: Double = 10_000, relativeRadius: Int = 8,
    mask: Mask = .full, window: Int? = nil, radius: Int? = nil, directions: [Direction]? = nil
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
    self.radius = radius
    self.directions = directions
  }

  enum CodingKeys: String, CodingKey, CaseIterable {
    case heads, keyValueHeads, bias, positions, slopes, ropeBase, relativeRadius, mask, window
    case radius, directions
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
    radius = try fields.value(.radius)
    directions = try fields.value(.directions)
  }

  /// How many biases `relative` positions learn for each head.
  var relativeCount: Int {
    guard mask == .neighbourhood, let radius else { return 2 * relativeRadius + 1 }
    return (2 * radius + 1) * (2 * radius + 1)
  }

  /// At most how many places for keys a query of `positions` has.
  func keyCount(positions: Int) -> Int {
    if let window { return min(positions, 2 * window + 1) }
    guard mask == .neighbourhood, let radius else { return positions }
    // A place for each offset there is on the grid: fewer than twice its rows by twice its columns.
    return min(4 * positions, (2 * radius + 1) * (2 * radius + 1))
  }

  /// Whether some head looks one way only.
  var isDirected: Bool { directions?.contains { $0 != .both } == true }
}

/// A block's perceptron.
public struct MLPConfiguration: Sendable, Equatable, Codable {
  /// What lies between the projections.
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
  /// Where in a block norms stand, around `f`: attention or the perceptron.
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
  /// Added to the variance (layer) or the mean square (RMS).
  public var epsilon = 1e-5
  /// Whether the norms have biases beside their gains: unless given, LayerNorm has and RMSNorm has not.
  public var bias = true

  public init(
    kind: NormKind = .layer, placement: Placement = .pre, epsilon: Double = 1e-5,
    bias: Bool? = nil
  ) {
    self.kind = kind
    self.placement = placement
    self.epsilon = epsilon
    self.bias = bias ?? (kind == .layer)
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
  /// The form of the update.
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
