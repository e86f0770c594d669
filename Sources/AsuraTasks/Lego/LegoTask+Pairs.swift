import AsuraConfiguration
import AsuraTensor

extension LegoTask {
  /// One clause's sign differs, and with it every value from there on.
  public static let signPairs = ExampleKind(
    name: "sign", description: "the sign of any one clause differs")
  /// The constant differs, and with it every value.
  public static let rootPairs = ExampleKind(
    name: "root", description: "the sign of the constant differs")

  public var pairKinds: [ExampleKind] { [Self.signPairs, Self.rootPairs] }

  /// Pairs of chains that differ in one sign; which clause's is drawn, each place in the chain as likely.
  ///
  /// A fact `steps` says of each clause how many signs the difference has passed to get there, its own counted; 0 where it
  /// does not come.
  public func makePairs(
    length: Int, count: Int, kind: ExampleKind?, random: inout Random
  ) throws -> ExamplePairs {
    let kind = try checkedPairKind(kind)
    let layout = try checkedLayout(length: length, examples: count, kind: .training)
    let pairs = random.each(count) { random in
      let clean = LegoChain.drawn(
        length: length, alphabet: options.alphabet, order: options.order, random: &random)
      let changed = kind == Self.rootPairs ? 0 : random.index(below: length)
      var corrupted = clean
      corrupted.isNegated[changed].toggle()
      return (clean: clean, corrupted: corrupted, changed: changed)
    }
    let clean = pairs.map(\.clean)
    let steps = pairs.map { pair in
      (0..<length).map { Int32(max(0, $0 - pair.changed + 1)) }
    }
    return ExamplePairs(
      clean: batch(clean, layout, asking: length),
      corrupted: batch(pairs.map(\.corrupted), layout, asking: length),
      facts: [
        Fact(
          name: "steps",
          description: "signs that the difference has passed, 0 where it does not come",
          values: Self.values(steps, of: clean, layout))
      ])
  }
}
