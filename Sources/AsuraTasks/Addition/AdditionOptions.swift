import AsuraConfiguration

/// Options of the task `addition`.
public struct AdditionOptions: Codable, Sendable, Equatable {
  /// How a sum is written as tokens; digits stand least significant first in both.
  public enum Format: String, Codable, CaseIterable, Sendable {
    /// Position t holds both digits of column t, and the sum's digit is read there.
    case columns
    /// `a0 a1 … + b0 b1 … =`, then the places of the answer.
    case plain
  }

  public var format: Format
  public var targets: TargetMode
  /// Whether a column that marks the beginning comes first; `columns` only. Without it, a softmax
  /// over identical latents can't tell column 0 from column 1 when they hold the same pair.
  public var bos: Bool
  /// Digits of an operand to train on.
  public var lengths: LengthRange
  /// How training operands are drawn.
  public var mix: CarryMix

  /// - Parameter bos: nil for yes in `columns` and no in `plain`.
  public init(
    format: Format = .columns, targets: TargetMode = .parallel, bos: Bool? = nil,
    lengths: ClosedRange<Int> = 1...10, mix: CarryMix = CarryMix()
  ) {
    self.format = format
    self.targets = targets
    self.bos = bos ?? (format == .columns)
    self.lengths = LengthRange(lengths)
    self.mix = mix
  }

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case kind, format, targets, bos, lengths, mix
  }

  public init(from decoder: any Decoder) throws {
    let options = try Fields<CodingKeys>(decoder)
    self.init(format: try options.choice(.format, default: .columns))
    targets = try options.choice(.targets, default: targets)
    bos = try options.value(.bos, default: bos)
    lengths = try options.value(.lengths, default: lengths)
    mix = try options.value(.mix, default: mix)
    try options.validating(validate)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(TaskConfiguration.Name.addition.rawValue, forKey: .kind)
    try container.encode(format, forKey: .format)
    try container.encode(targets, forKey: .targets)
    try container.encode(bos, forKey: .bos)
    try container.encode(lengths, forKey: .lengths)
    try container.encode(mix, forKey: .mix)
  }

  /// Throws a `TaskError` that names the first option that can't be.
  public func validate() throws {
    try lengths.validate("lengths")
    do { try mix.validate() } catch let error as TaskError { throw error.within("mix") }
    if format == .columns && targets == .nextToken {
      throw TaskError(
        field: "targets", found: "nextToken with format columns", expected: "parallel",
        remedy: "columns hold no answer to go on from: set format to plain")
    }
    if format == .plain && bos {
      throw TaskError(
        field: "bos", found: "true with format plain", expected: "false",
        remedy: "leave it out: the signs + and = already mark where numbers begin")
    }
  }
}
