import AsuraConfiguration

/// Options of the task `listops`.
public struct ListOpsOptions: Codable, Sendable, Equatable {
  /// The most arguments of an operation; the fewest are two.
  public var arguments: Int
  /// Operations of a tree for each level below the root's.
  public var operations: Int
  /// Depths to train on.
  public var lengths: LengthRange

  public init(arguments: Int = 5, operations: Int = 2, lengths: ClosedRange<Int> = 1...6) {
    self.arguments = arguments
    self.operations = operations
    self.lengths = LengthRange(lengths)
  }

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case kind, arguments, operations, lengths
  }

  public init(from decoder: any Decoder) throws {
    let options = try Fields<CodingKeys>(decoder)
    self.init()
    arguments = try options.value(.arguments, default: arguments)
    operations = try options.value(.operations, default: operations)
    lengths = try options.value(.lengths, default: lengths)
    try options.validating(validate)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(TaskConfiguration.Name.listops.rawValue, forKey: .kind)
    try container.encode(arguments, forKey: .arguments)
    try container.encode(operations, forKey: .operations)
    try container.encode(lengths, forKey: .lengths)
  }

  /// Throws a `TaskError` that names the first option that can't be.
  public func validate() throws {
    try TaskError.check(
      "arguments", arguments, in: 3...100, remedy: "an operation has three arguments in the mean")
    try TreeShape.validate(operations: operations, lengths: lengths)
  }
}
