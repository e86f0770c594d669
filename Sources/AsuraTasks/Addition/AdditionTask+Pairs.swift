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
    let pairs = random.each(count) { random in
      var pair =
        kind == Self.digitPairs
        ? DigitPair.digit(length: length, count: options.operands, random: &random)
        : DigitPair.carry(length: length, count: options.operands, random: &random)
      if random.uniform() < 0.5 { swap(&pair.clean, &pair.corrupted) }
      if random.uniform() < 0.5 {
        let turn = pair.clean.turn(random: &random)
        pair.clean.rotate(by: turn)
        pair.corrupted.rotate(by: turn)
      }
      return (clean: ColumnSum(pair.clean), corrupted: ColumnSum(pair.corrupted), pair.column)
    }
    var chain = [Int32](repeating: -1, count: count * layout.positions)
    for (example, pair) in pairs.enumerated() {
      for (column, position) in places(layout).enumerated() {
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
