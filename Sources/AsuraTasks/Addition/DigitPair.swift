import AsuraTensor

/// Two sums of k numbers that differ in one digit, the last number's in one column.
///
/// The other digits of that column sum to 10v + a with 1 ≤ a ≤ 10 − k. So whatever comes in, at most k − 1, the carry v
/// leaves the column if the digit is at most 10 − k − a, and v + 1 if it is at least 10 − a.
struct DigitPair {
  var clean: Operands
  var corrupted: Operands
  /// The column of that digit.
  let column: Int

  /// The carry that leaves `column` is one more in one sum than in the other, and so it is after the columns that follow,
  /// as many as were drawn.
  static func carry(length: Int, count: Int, random: inout Random) -> DigitPair {
    var operands = Operands.drawn(length: length, count: count, forced: 0, random: &random)
    let column = Int(random.below(UInt64(length)))
    let passing = Int(random.below(UInt64(length - column)))
    let carry = Operands.carry(count: count, random: &random)
    for next in column + 1..<column + 1 + passing {
      let last = 9 * carry - operands.sum(next) + Int(operands.digits[count - 1][next])
      if (0...9).contains(last) {
        operands.digits[count - 1][next] = UInt8(last)
      } else {
        operands.set(next, Operands.digits(count, summingTo: 9 * carry, random: &random))
      }
    }
    // The column after those takes the carry up, unless there is none.
    let end = column + 1 + passing
    while end < length, (operands.sum(end) + carry) % 10 == 0 {
      operands.digits[count - 1][end] = random.digit()
    }
    let a = operands.setOthers(column, carry: carry, random: &random)
    var other = operands
    operands.digits[count - 1][column] = UInt8(random.below(UInt64(11 - count - a)))
    other.digits[count - 1][column] = UInt8(10 - a) + UInt8(random.below(UInt64(a)))
    return DigitPair(clean: other, corrupted: operands, column: column)
  }

  /// A column's digit differs, and what it does to a carry does not.
  static func digit(length: Int, count: Int, random: inout Random) -> DigitPair {
    var operands = Operands.drawn(length: length, count: count, forced: 0, random: &random)
    let column = Int(random.below(UInt64(length)))
    let carry = Operands.carry(count: count, random: &random)
    let a = operands.setOthers(column, carry: carry, random: &random)
    // Of one digit to choose from, take the other side.
    let (low, high) = (11 - count - a, a)
    let isAbove = random.uniform() < 0.5 ? high > 1 : low < 2
    let (first, choices) = isAbove ? (10 - a, high) : (0, low)
    let digit = Int(random.below(UInt64(choices)))
    let step = 1 + Int(random.below(UInt64(choices - 1)))
    var other = operands
    operands.digits[count - 1][column] = UInt8(first + digit)
    other.digits[count - 1][column] = UInt8(first + (digit + step) % choices)
    return DigitPair(clean: operands, corrupted: other, column: column)
  }
}

extension Operands {
  /// Draws the digits of a column but the last operand's, so that this one decides whether `carry` leaves the column or
  /// one less. Returns a; see `DigitPair`.
  fileprivate mutating func setOthers(_ column: Int, carry: Int, random: inout Random) -> Int {
    let a = 1 + Int(random.below(UInt64(10 - digits.count)))
    set(
      column,
      Self.digits(digits.count - 1, summingTo: 10 * (carry - 1) + a, random: &random))
    return a
  }
}
