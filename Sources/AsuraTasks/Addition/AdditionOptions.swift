import AsuraConfiguration

/// Options of the task `addition`.
public struct AdditionOptions: Codable, Sendable, Equatable {
  /// How a sum is written as tokens.
  public enum Format: String, Codable, CaseIterable, Sendable {
    /// Position t holds the operands' digits of column t, and the sum's digit is read there.
    case columns
    /// `a0 a1 … + b0 b1 … =`, then the places of the answer.
    case plain
    /// `a0 b0 a1 b1 … =`, then the places of the answer.
    case interleaved
  }

  /// Which digit of a number comes first, in the operands and in the answer.
  public enum DigitOrder: String, Codable, CaseIterable, Sendable {
    case least, most
  }

  /// How a sum is written as tokens.
  public var format: Format
  /// How many numbers are added.
  public var operands: Int
  /// Whether numbers begin with their least or their most significant digit.
  public var digitOrder: DigitOrder
  /// How the answer is asked for.
  public var targets: TargetMode
  /// Whether a column that marks the beginning comes first; `columns` only. Without it, a softmax
  /// over identical latents can't tell column 0 from column 1 when they hold the same pair.
  public var bos: Bool
  /// Digits of an operand to train on.
  public var lengths: LengthRange
  /// How training operands are drawn.
  public var mix: CarryMix

  /// - Parameter bos: nil for yes in `columns` and no in other formats.
  public init(
    format: Format = .columns, operands: Int = 2, digitOrder: DigitOrder = .least,
    targets: TargetMode = .parallel, bos: Bool? = nil, lengths: ClosedRange<Int> = 1...10,
    mix: CarryMix = CarryMix()
  ) {
    self.format = format
    self.operands = operands
    self.digitOrder = digitOrder
    self.targets = targets
    self.bos = bos ?? (format == .columns)
    self.lengths = LengthRange(lengths)
    self.mix = mix
  }

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case kind, format, operands, digitOrder, targets, bos, lengths, mix
  }

  public init(from decoder: any Decoder) throws {
    let options = try Fields<CodingKeys>(decoder)
    self.init(format: try options.choice(.format, default: .columns))
    operands = try options.value(.operands, default: operands)
    digitOrder = try options.choice(.digitOrder, default: digitOrder)
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
    try container.encode(operands, forKey: .operands)
    try container.encode(digitOrder, forKey: .digitOrder)
    try container.encode(targets, forKey: .targets)
    try container.encode(bos, forKey: .bos)
    try container.encode(lengths, forKey: .lengths)
    try container.encode(mix, forKey: .mix)
  }

  /// Throws a `TaskError` that names the first option that can't be.
  public func validate() throws {
    try lengths.validate("lengths")
    do { try mix.validate() } catch let error as TaskError { throw error.within("mix") }
    try TaskError.check(
      "operands", operands, in: 2...8, remedy: "it is the number of numbers to add")
    if format == .columns && targets == .nextToken {
      throw TaskError(
        field: "targets", found: "nextToken with format columns", expected: "parallel",
        remedy: "columns hold no answer to go on from: set format to plain")
    }
    if format != .columns && bos {
      throw TaskError(
        field: "bos", found: "true with format \(format.rawValue)", expected: "false",
        remedy: "leave it out: the signs already mark where numbers begin")
    }
  }
}
