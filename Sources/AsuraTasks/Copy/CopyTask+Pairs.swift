import AsuraConfiguration
import AsuraTensor

extension CopyTask {
  /// One symbol differs.
  public static let symbolPairs = ExampleKind(name: "symbol", description: "one symbol differs")

  public var pairKinds: [ExampleKind] { [Self.symbolPairs] }

  /// Pairs of sequences that differ in one symbol, any as likely.
  public func makePairs(
    length: Int, count: Int, kind: ExampleKind?, random: inout Random
  ) throws -> ExamplePairs {
    _ = try checkedPairKind(kind)
    let layout = try checkedLayout(length: length, examples: count, kind: .training)
    let pairs = random.each(count) { random in
      let clean = sequences.draw(length: length, random: &random)
      var corrupted = clean
      let place = Int(random.below(UInt64(length)))
      let alphabet = UInt64(options.alphabet)
      let step = 1 + random.below(alphabet - 1)
      corrupted[place] = Int32((UInt64(clean[place]) + step) % alphabet)
      return (clean: clean, corrupted: corrupted)
    }
    return ExamplePairs(
      clean: batch(pairs.map(\.clean), layout), corrupted: batch(pairs.map(\.corrupted), layout))
  }
}
