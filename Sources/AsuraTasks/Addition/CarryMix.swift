import AsuraConfiguration
import AsuraTensor

/// How training operands are drawn, so that long carry chains are common.
///
/// Uniform digits rarely carry far: a chain through ten columns has a chance of 10⁻¹⁰. So some rows
/// force columns to sum to nine, where a carry passes through: each column with a chance `p` that
/// is drawn once a row. With more than two operands, whose carries may exceed one, the columns of a row
/// sum to 9j, with j drawn once a row: a carry of j passes through, and one of j − 1 does.
public struct CarryMix: Codable, Sendable, Equatable {
  /// Weight of rows with independent uniform digits (`p = 0`).
  public var uniform = 0.5
  /// Weight of rows with `p` uniform in [0, 1).
  public var forced = 0.25
  /// Weight of rows with `p = 1 − 0.3u²`, `u` uniform: nearly every column passes the carry on.
  public var longChains = 0.25
  /// Share of rows whose forced columns all hold the same two digits.
  public var repeatedPair = 0.35
  /// Share of those whose two digits are 9 and 0, as in 99…9 + 1.
  public var ninesPair = 0.3
  /// Share of rows whose operands change places.
  public var swap = 0.5

  public init() {}

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case uniform, forced, longChains, repeatedPair, ninesPair, swap
  }

  public init(from decoder: any Decoder) throws {
    let options = try Fields<CodingKeys>(decoder)
    uniform = try options.value(.uniform, default: uniform)
    forced = try options.value(.forced, default: forced)
    longChains = try options.value(.longChains, default: longChains)
    repeatedPair = try options.value(.repeatedPair, default: repeatedPair)
    ninesPair = try options.value(.ninesPair, default: ninesPair)
    swap = try options.value(.swap, default: swap)
    try options.validating(validate)
  }

  /// Throws unless the weights are ≥ 0 with a positive sum and the shares lie in 0…1.
  func validate() throws {
    let weights = [("uniform", uniform), ("forced", forced), ("longChains", longChains)]
    for (name, weight) in weights {
      try TaskError.check(name, weight, in: 0...1e6, remedy: "weights need only be in proportion")
    }
    guard weights.contains(where: { $0.1 > 0 }) else {
      throw TaskError(
        field: "uniform, forced, longChains", found: "0, 0, 0", expected: "one above 0",
        remedy: "set uniform to 1 for plain random digits")
    }
    for (name, share) in [("repeatedPair", repeatedPair), ("ninesPair", ninesPair), ("swap", swap)]
    {
      try TaskError.check(name, share, in: 0...1, remedy: "it is a share of the rows")
    }
  }

  /// Draws operands of `length` digits.
  func draw(length: Int, count: Int, random: inout Random) -> Operands {
    let pick = random.uniform() * (uniform + forced + longChains)
    let u = random.uniform()
    let chance = pick < uniform ? 0 : pick < uniform + forced ? u : 1 - 0.3 * u * u
    let carry = Operands.carry(count: count, random: &random)
    var column: [UInt8]?
    if random.uniform() < repeatedPair {
      column =
        random.uniform() < ninesPair
        ? (0..<count).map { $0 < carry ? 9 : 0 }
        : Operands.digits(count, summingTo: 9 * carry, random: &random)
    }
    var operands = Operands.drawn(
      length: length, count: count, forced: chance, carry: carry, column: column, random: &random)
    if random.uniform() < swap { operands.rotate(by: operands.turn(random: &random)) }
    return operands
  }
}
