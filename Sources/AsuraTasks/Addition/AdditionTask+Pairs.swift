import AsuraConfiguration
import AsuraTensor

extension AdditionTask {
  /// One digit of one column starts or breaks a carry chain.
  public static let carryPairs = ExampleKind(
    name: "carry", description: "one digit starts or breaks a carry chain")
  /// One digit differs, and no carry does.
  public static let digitPairs = ExampleKind(
    name: "digit", description: "one digit differs and no carry does")

  public var pairKinds: [ExampleKind] { [Self.carryPairs, Self.digitPairs] }

  /// Pairs of sums of `length` digits that differ in one digit. In half of those of the kind `carry` it is the clean sum
  /// that has the chain; how many columns it runs through is drawn, each number as likely.
  ///
  /// A fact `chain` says at every place of the answer how many columns the carry that the digit starts or breaks has come
  /// to get there; 0 where it does not come.
  public func makePairs(
    length: Int, count: Int, kind: ExampleKind?, random: inout Random
  ) throws -> ExamplePairs {
    let kind = try checkedPairKind(kind)
    let layout = try checkedLayout(length: length, examples: count, kind: .training)
    let branch = random.branch()
    let pairs = (0..<count).map { example in
      var random = branch.split(UInt64(example))
      var pair =
        kind == Self.digitPairs
        ? DigitPair.digit(length: length, random: &random)
        : DigitPair.carry(length: length, random: &random)
      if random.uniform() < 0.5 { swap(&pair.clean, &pair.corrupted) }
      if random.uniform() < 0.5 {
        pair.clean.swap()
        pair.corrupted.swap()
      }
      return (clean: ColumnSum(pair.clean), corrupted: ColumnSum(pair.corrupted), pair.column)
    }
    var chain = [Int32](repeating: -1, count: count * layout.positions)
    for (example, pair) in pairs.enumerated() {
      for (column, position) in layout.answer.enumerated() {
        let isCarried = pair.clean.carry[column] != pair.corrupted.carry[column]
        chain[example * layout.positions + position] = isCarried ? Int32(column - pair.2) : 0
      }
    }
    return ExamplePairs(
      clean: batch(pairs.map(\.clean), length: length, layout),
      corrupted: batch(pairs.map(\.corrupted), length: length, layout),
      facts: [
        Fact(
          name: "chain",
          description: "columns that the carry which one of the two has and the other has not came",
          values: chain)
      ])
  }
}

/// Two sums that differ in one digit.
private struct DigitPair {
  var clean: Operands
  var corrupted: Operands
  /// The column of that digit.
  let column: Int

  /// A carry leaves `column` in one sum and not in the other, and is passed on by the columns after it, as many as were
  /// drawn.
  static func carry(length: Int, random: inout Random) -> DigitPair {
    var operands = Operands.drawn(length: length, forced: 0, random: &random)
    let column = Int(random.below(UInt64(length)))
    let passing = Int(random.below(UInt64(length - column)))
    for next in column + 1..<column + 1 + passing {
      operands.b[next] = 9 - operands.a[next]
    }
    // The column after those takes the carry up, unless there is none.
    let end = column + 1 + passing
    while end < length, operands.a[end] + operands.b[end] == 9 {
      operands.b[end] = random.digit()
    }
    // a + b ≤ 8 gives no carry, with or without one coming in, and a + b' ≥ 10 gives one.
    let a = 1 + UInt8(random.below(8))
    operands.a[column] = a
    var other = operands
    operands.b[column] = UInt8(random.below(UInt64(9 - a)))
    other.b[column] = 10 - a + UInt8(random.below(UInt64(a)))
    return DigitPair(clean: other, corrupted: operands, column: column)
  }

  /// A column's digit differs, and what it does to a carry does not.
  static func digit(length: Int, random: inout Random) -> DigitPair {
    var operands = Operands.drawn(length: length, forced: 0, random: &random)
    let column = Int(random.below(UInt64(length)))
    // A column of 9 that passes a carry on does so with this one digit only.
    let a = 1 + UInt8(random.below(8))
    operands.a[column] = a
    let generates = random.uniform() < 0.5
    // Without a carry there are 9 − a digits to choose from, with one there are a: of one, take the other side.
    let isAbove = generates ? a > 1 : a > 7
    let (first, choices) = isAbove ? (10 - a, a) : (0, 9 - a)
    let digit = UInt8(random.below(UInt64(choices)))
    let step = 1 + UInt8(random.below(UInt64(choices - 1)))
    var other = operands
    operands.b[column] = first + digit
    other.b[column] = first + (digit + step) % choices
    return DigitPair(clean: operands, corrupted: other, column: column)
  }
}
