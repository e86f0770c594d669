import AsuraConfiguration

/// Options of the task `parity`.
public struct ParityOptions: Codable, Sendable, Equatable {
  /// Bits of an example to train on.
  public var lengths: LengthRange
  /// Whether a sign that marks the beginning comes first. Without it, a position that sees only itself and its neighbour
  /// can't tell the first of two equal bits from the second.
  public var bos: Bool
  /// Share of training examples whose chance of a one is drawn for each, uniform in [0, 1), instead of ½.
  public var varied: Double
  /// Share of the strings of at least eight bits, picked by a hash, that training leaves out.
  public var heldOut: Double

  public init(
    lengths: ClosedRange<Int> = 4...32, bos: Bool = true, varied: Double = 0, heldOut: Double = 0.1
  ) {
    self.lengths = LengthRange(lengths)
    self.bos = bos
    self.varied = varied
    self.heldOut = heldOut
  }

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case kind, lengths, bos, varied, heldOut
  }

  public init(from decoder: any Decoder) throws {
    let options = try Fields<CodingKeys>(decoder)
    self.init()
    lengths = try options.value(.lengths, default: lengths)
    bos = try options.value(.bos, default: bos)
    varied = try options.value(.varied, default: varied)
    heldOut = try options.value(.heldOut, default: heldOut)
    try options.validating(validate)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(TaskConfiguration.Name.parity.rawValue, forKey: .kind)
    try container.encode(lengths, forKey: .lengths)
    try container.encode(bos, forKey: .bos)
    try container.encode(varied, forKey: .varied)
    try container.encode(heldOut, forKey: .heldOut)
  }

  /// Throws a `TaskError` that names the first option that can't be.
  public func validate() throws {
    try lengths.validate("lengths")
    try TaskError.check("varied", varied, in: 0...1, remedy: "it is a share of the examples")
    if heldOut != 0 {
      try TaskError.check(
        "heldOut", heldOut, in: 0.05...0.5,
        remedy: "it is the share of strings that training leaves out, or 0 for none")
    }
  }
}
