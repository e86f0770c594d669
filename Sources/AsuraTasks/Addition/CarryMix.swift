import AsuraConfiguration
import AsuraTensor

/// How training operands are drawn, so that long carry chains are common.
///
/// Uniform digits rarely carry far: a chain through ten columns has a chance of 10⁻¹⁰. So some rows
/// force columns to sum to nine, where a carry passes through: each column with a chance `p` that is
/// drawn once a row.
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

  /// Draws two operands of `length` digits.
  func draw(length: Int, random: inout Random) -> Operands {
    let pick = random.uniform() * (uniform + forced + longChains)
    let u = random.uniform()
    let chance = pick < uniform ? 0 : pick < uniform + forced ? u : 1 - 0.3 * u * u
    var pair: UInt8?
    if random.uniform() < repeatedPair {
      pair = random.uniform() < ninesPair ? 9 : random.digit()
    }
    var operands = Operands.drawn(length: length, forced: chance, pair: pair, random: &random)
    if random.uniform() < swap { operands.swap() }
    return operands
  }
}

/// Two numbers of equal length, digits least significant first.
struct Operands {
  var a: [UInt8]
  var b: [UInt8]

  /// Uniform digits, but each column sums to nine with the chance `forced`.
  ///
  /// - Parameter pair: the first digit of every forced column; drawn for each when nil.
  static func drawn(
    length: Int, forced: Double, pair: UInt8? = nil, random: inout Random
  ) -> Operands {
    var operands = Operands(a: [], b: [])
    operands.a.reserveCapacity(length)
    operands.b.reserveCapacity(length)
    for _ in 0..<length {
      let isForced = forced > 0 && random.uniform() < forced
      let a = isForced ? pair ?? random.digit() : random.digit()
      operands.a.append(a)
      operands.b.append(isForced ? 9 - a : random.digit())
    }
    return operands
  }

  /// 99…9 + 1.
  static func nines(length: Int) -> Operands {
    var b = [UInt8](repeating: 0, count: length)
    b[0] = 1
    return Operands(a: [UInt8](repeating: 9, count: length), b: b)
  }

  /// Every column sums to nine, but the lowest generates: one carry runs through the whole number.
  static func propagating(length: Int, random: inout Random) -> Operands {
    var operands = drawn(length: length, forced: 1, random: &random)
    // The 45 pairs that sum to ten or more, each as likely: 1 + 9, 2 + 8, 2 + 9, …, 9 + 9.
    var index = UInt8(random.below(45))
    var first: UInt8 = 1
    while index >= first {
      index -= first
      first += 1
    }
    operands.a[0] = first
    operands.b[0] = 9 - index
    return operands
  }

  mutating func swap() { (a, b) = (b, a) }
}

extension Random {
  mutating func digit() -> UInt8 { UInt8(below(10)) }
}
