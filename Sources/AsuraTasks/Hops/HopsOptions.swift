import AsuraConfiguration

/// Options of the task `hops`.
public struct HopsOptions: Codable, Sendable, Equatable {
  /// The number of different symbols.
  public var alphabet: Int
  /// Symbols a sequence.
  public var symbols: Int
  /// Whether the sequence is followed by as many marks as hops are asked for, which alone says how many.
  public var marks: Bool
  /// Hops to train on.
  public var lengths: LengthRange

  public init(
    alphabet: Int = 4, symbols: Int = 256, marks: Bool = true, lengths: ClosedRange<Int> = 1...16
  ) {
    self.alphabet = alphabet
    self.symbols = symbols
    self.marks = marks
    self.lengths = LengthRange(lengths)
  }

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case kind, alphabet, symbols, marks, lengths
  }

  public init(from decoder: any Decoder) throws {
    let options = try Fields<CodingKeys>(decoder)
    self.init()
    alphabet = try options.value(.alphabet, default: alphabet)
    symbols = try options.value(.symbols, default: symbols)
    marks = try options.value(.marks, default: marks)
    lengths = try options.value(.lengths, default: lengths)
    try options.validating(validate)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(TaskConfiguration.Name.hops.rawValue, forKey: .kind)
    try container.encode(alphabet, forKey: .alphabet)
    try container.encode(symbols, forKey: .symbols)
    try container.encode(marks, forKey: .marks)
    try container.encode(lengths, forKey: .lengths)
  }

  /// The most hops that a random sequence very likely has room for. Going back to the last occurrence of a symbol takes
  /// `alphabet` steps in the mean, so a hop, which then goes on by one, takes one less; half of the sequence is left for
  /// what is longer than the mean.
  var mostHops: Int { (symbols - 1) / (2 * (alphabet - 1)) }

  /// Throws a `TaskError` that names the first option that can't be.
  public func validate() throws {
    try TaskError.check(
      "alphabet", alphabet, in: 3...100_000,
      remedy: "no symbol stands beside itself, and two symbols could then only take turns")
    try TaskError.check(
      "symbols", symbols, in: 2 * alphabet...LengthRange.longest,
      remedy: "give a sequence room for each symbol to come back")
    try lengths.validate("lengths")
    try TaskError.check(
      "lengths", lengths.upper, in: 1...mostHops,
      remedy: "the sequence must hold the hops: ask for fewer, or for more symbols")
    if !marks && lengths.lower < lengths.upper {
      throw TaskError(
        field: "marks", found: "false with lengths \(lengths)", expected: "true",
        remedy: "without marks nothing says how many hops are asked for: give one length")
    }
  }
}
