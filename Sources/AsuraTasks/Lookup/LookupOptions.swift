import AsuraConfiguration

/// Options of the task `lookup`.
public struct LookupOptions: Codable, Sendable, Equatable {
  /// The order in which the argument and the functions stand.
  public enum Order: String, Codable, CaseIterable, Sendable {
    /// `101 f g`: the argument, then the functions as they are applied.
    case forward
    /// `g f 101`: as a mathematician writes it; the function applied first stands last.
    case backward
  }

  /// The order in which the argument and the functions stand.
  public var order: Order
  /// How many functions there are.
  public var tables: Int
  /// Bits of an argument.
  public var bits: Int
  /// Functions applied in training.
  public var lengths: LengthRange
  /// Which functions they are, and which compositions are held out.
  public var seed: UInt64

  public init(
    order: Order = .forward, tables: Int = 11, bits: Int = 3, lengths: ClosedRange<Int> = 1...5,
    seed: UInt64 = 0
  ) {
    self.order = order
    self.tables = tables
    self.bits = bits
    self.lengths = LengthRange(lengths)
    self.seed = seed
  }

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case kind, order, tables, bits, lengths, seed
  }

  public init(from decoder: any Decoder) throws {
    let options = try Fields<CodingKeys>(decoder)
    self.init()
    order = try options.choice(.order, default: order)
    tables = try options.value(.tables, default: tables)
    bits = try options.value(.bits, default: bits)
    lengths = try options.value(.lengths, default: lengths)
    seed = try options.value(.seed, default: seed)
    try options.validating(validate)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(TaskConfiguration.Name.lookup.rawValue, forKey: .kind)
    try container.encode(order, forKey: .order)
    try container.encode(tables, forKey: .tables)
    try container.encode(bits, forKey: .bits)
    try container.encode(lengths, forKey: .lengths)
    try container.encode(seed, forKey: .seed)
  }

  /// Throws a `TaskError` that names the first option that can't be.
  public func validate() throws {
    try TaskError.check(
      "tables", tables, in: 2...1000,
      remedy: "one table of each composition is held out of training")
    try TaskError.check("bits", bits, in: 1...10, remedy: "a table has 2^bits entries")
    try lengths.validate("lengths")
  }
}
