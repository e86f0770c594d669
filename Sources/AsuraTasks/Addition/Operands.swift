import AsuraTensor

/// Numbers of equal length to be added, digits least significant first.
///
/// A column whose digits sum to 9j lets carries of j − 1 and of j through as they are: one less gives one less.
struct Operands {
  /// `[operand][column]`
  var digits: [[UInt8]]

  /// The sum of a column's digits.
  func sum(_ column: Int) -> Int { digits.reduce(0) { $0 + Int($1[column]) } }

  /// Writes a column, one digit an operand.
  mutating func set(_ column: Int, _ values: [UInt8]) {
    for (operand, value) in values.enumerated() { digits[operand][column] = value }
  }

  /// Uniform digits, but each column sums to `9 × carry` with the chance `forced`.
  ///
  /// - Parameter column: the digits of every forced column; drawn for each when nil.
  static func drawn(
    length: Int, count: Int, forced: Double, carry: Int = 1, column: [UInt8]? = nil,
    random: inout Random
  ) -> Operands {
    var operands = Operands(
      digits: Array(repeating: Array(repeating: 0, count: length), count: count))
    for place in 0..<length {
      let isForced = forced > 0 && random.uniform() < forced
      operands.set(
        place,
        isForced
          ? column ?? digits(count, summingTo: 9 * carry, random: &random)
          : (0..<count).map { _ in random.digit() })
    }
    return operands
  }

  /// 99…9 + 1; with more operands 99…9 for all but one, which is as large as they are many: the carry is as large as
  /// can be, from the lowest column to the highest.
  static func nines(length: Int, count: Int) -> Operands {
    var last = [UInt8](repeating: 0, count: length)
    last[0] = UInt8(count - 1)
    return Operands(
      digits: Array(repeating: Array(repeating: 9, count: length), count: count - 1) + [last])
  }

  /// Every column sums to nine, or as many nines as were drawn, but the lowest generates that carry: it runs through the
  /// whole number.
  static func propagating(length: Int, count: Int, random: inout Random) -> Operands {
    let carry = carry(count: count, random: &random)
    var operands = drawn(length: length, count: count, forced: 1, carry: carry, random: &random)
    guard count == 2 else {
      let sum = 10 * carry + Int(random.below(UInt64(9 * count - 10 * carry + 1)))
      operands.set(0, digits(count, summingTo: sum, random: &random))
      return operands
    }
    // The 45 pairs that sum to ten or more, each as likely: 1 + 9, 2 + 8, 2 + 9, …, 9 + 9.
    var index = UInt8(random.below(45))
    var first: UInt8 = 1
    while index >= first {
      index -= first
      first += 1
    }
    operands.set(0, [first, 9 - index])
    return operands
  }

  // MARK: - Drawing

  /// A carry that may run through columns: 1 for two operands, else drawn, each as likely.
  static func carry(count: Int, random: inout Random) -> Int {
    count == 2 ? 1 : 1 + Int(random.below(UInt64(count - 1)))
  }

  /// Digits with a given sum. Of two, the first is uniform among what it can be.
  static func digits(_ count: Int, summingTo sum: Int, random: inout Random) -> [UInt8] {
    var rest = sum
    var digits = (1..<count).map { place in
      let (low, high) = (max(0, rest - 9 * (count - place)), min(9, rest))
      let digit = low + Int(random.below(UInt64(high - low + 1)))
      rest -= digit
      return UInt8(digit)
    }
    digits.append(UInt8(rest))
    // The first have more to choose from than the last: each operand gets either.
    return count > 2 ? rotated(digits, by: Int(random.below(UInt64(count)))) : digits
  }

  /// How far to turn the operands so that each changes its place.
  func turn(random: inout Random) -> Int { 1 + Int(random.below(UInt64(digits.count - 1))) }

  mutating func rotate(by turn: Int) { digits = Self.rotated(digits, by: turn) }

  private static func rotated<Item>(_ items: [Item], by turn: Int) -> [Item] {
    Array(items[turn...] + items[..<turn])
  }
}

extension Random {
  mutating func digit() -> UInt8 { UInt8(below(10)) }
}
