import AsuraConfiguration

/// A second small network that gates what each iteration changes, `m = σ(W₂·relu(W₁·r + b₁) + b₂)` and
/// `z ← z + Δ·m∘(F(z) − z)`, after the neuromodulatory network of ANML (Beaulieu et al. 2020, arXiv:2002.09571), which
/// gates another network's activations.
public struct NeuromodulationConfiguration: Sendable, Equatable, Codable {
  /// What the network reads, `r`.
  public enum Reads: String, Sendable, Codable, CaseIterable {
    /// The embedded input and the latent, `[e; z]`.
    case both
    /// The embedded input: the gate is the same in all iterations.
    case input
    case latent
  }
  /// The size of the hidden layer.
  public var width: Int
  public var reads = Reads.both

  public init(width: Int, reads: Reads = .both) {
    self.width = width
    self.reads = reads
  }

  enum CodingKeys: String, CodingKey, CaseIterable { case width, reads }

  public init(from decoder: any Decoder) throws {
    let fields = try Fields<CodingKeys>(decoder)
    width = try fields.required(.width)
    reads = try fields.value(.reads, default: .both)
  }
}

/// A gate by which each block keeps part of what it read: `g = σ(W₂·relu(W₁·a + b₁) + b₂)` of what the perceptron
/// reads, and `x ← x + g∘(block(x) − x)` (the neural data router's copy gate, Csordás et al. 2022, arXiv:2110.07732,
/// section 2; there the perceptron adds no residual). b₂ begins at −3, so that blocks begin by copying.
public struct CopyGateConfiguration: Sendable, Equatable, Codable {
  /// The size of the hidden layer.
  public var width: Int

  public init(width: Int) { self.width = width }

  enum CodingKeys: String, CodingKey, CaseIterable { case width }

  public init(from decoder: any Decoder) throws {
    width = try Fields<CodingKeys>(decoder).required(.width)
  }
}
