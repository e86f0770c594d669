import AsuraConfiguration

/// Options of the task `lego`.
public struct LegoOptions: Codable, Sendable, Equatable {
  /// How a clause is written as tokens.
  public enum Tokens: String, Codable, CaseIterable, Sendable {
    /// Five positions, `b = - a ;`; the value is read at the last.
    case symbols
    /// One position of three channels: the variable, the sign, what it stands before.
    case clause
  }

  /// The order in which clauses stand.
  public enum Order: String, Codable, CaseIterable, Sendable {
    case shuffled
    /// From the constant on.
    case ordered
    /// The constant last.
    case reversed
  }

  /// Which values are asked for in training.
  public enum Supervision: String, Codable, CaseIterable, Sendable {
    /// Those of the first half of the chain, rounded up (Zhang et al. 2022).
    case half
    case all
  }

  /// How a clause is written as tokens.
  public var tokens: Tokens
  /// The order of clauses in training.
  public var order: Order
  /// Which values are asked for in training; tests ask for all.
  public var supervised: Supervision
  /// How many variables there are: the longest chain.
  public var alphabet: Int
  /// Clauses a chain to train on.
  public var lengths: LengthRange

  public init(
    tokens: Tokens = .symbols, order: Order = .shuffled, supervised: Supervision = .half,
    alphabet: Int = 26, lengths: ClosedRange<Int> = 1...6
  ) {
    self.tokens = tokens
    self.order = order
    self.supervised = supervised
    self.alphabet = alphabet
    self.lengths = LengthRange(lengths)
  }

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case kind, tokens, order, supervised, alphabet, lengths
  }

  public init(from decoder: any Decoder) throws {
    let options = try Fields<CodingKeys>(decoder)
    self.init()
    tokens = try options.choice(.tokens, default: tokens)
    order = try options.choice(.order, default: order)
    supervised = try options.choice(.supervised, default: supervised)
    alphabet = try options.value(.alphabet, default: alphabet)
    lengths = try options.value(.lengths, default: lengths)
    try options.validating(validate)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(TaskConfiguration.Name.lego.rawValue, forKey: .kind)
    try container.encode(tokens, forKey: .tokens)
    try container.encode(order, forKey: .order)
    try container.encode(supervised, forKey: .supervised)
    try container.encode(alphabet, forKey: .alphabet)
    try container.encode(lengths, forKey: .lengths)
  }

  /// Throws a `TaskError` that names the first option that can't be.
  public func validate() throws {
    try SymbolSequences.validate(alphabet: alphabet)
    try lengths.validate("lengths")
    guard lengths.upper <= alphabet else {
      throw TaskError(
        field: "lengths", found: "\(lengths)",
        expected: "at most \(alphabet) clauses, each with a variable of its own",
        remedy: "ask for shorter chains, or set alphabet to \(lengths.upper)")
    }
  }
}
