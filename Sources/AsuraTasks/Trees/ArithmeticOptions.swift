import AsuraConfiguration

/// Options of the task `arithmetic`.
public struct ArithmeticOptions: Codable, Sendable, Equatable {
  /// Numbers are whole, from 0 to one less than this, and results are taken modulo it.
  public var modulus: Int
  /// Operations of a tree for each level below the root's.
  public var operations: Int
  /// Depths to train on.
  public var lengths: LengthRange

  public init(modulus: Int = 10, operations: Int = 2, lengths: ClosedRange<Int> = 1...6) {
    self.modulus = modulus
    self.operations = operations
    self.lengths = LengthRange(lengths)
  }

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case kind, modulus, operations, lengths
  }

  public init(from decoder: any Decoder) throws {
    let options = try Fields<CodingKeys>(decoder)
    self.init()
    modulus = try options.value(.modulus, default: modulus)
    operations = try options.value(.operations, default: operations)
    lengths = try options.value(.lengths, default: lengths)
    try options.validating(validate)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(TaskConfiguration.Name.arithmetic.rawValue, forKey: .kind)
    try container.encode(modulus, forKey: .modulus)
    try container.encode(operations, forKey: .operations)
    try container.encode(lengths, forKey: .lengths)
  }

  /// Throws a `TaskError` that names the first option that can't be.
  public func validate() throws {
    try TaskError.check(
      "modulus", modulus, in: 2...10_000, remedy: "each number is a symbol of its own")
    try TreeShape.validate(operations: operations, lengths: lengths)
  }
}
