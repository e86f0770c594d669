import AsuraConfiguration
import AsuraTensor

extension HopsTask {
  /// One symbol differs, so that one hop and those after it land elsewhere.
  public static let hopPairs = ExampleKind(
    name: "hop", description: "one symbol differs, and sends any one hop elsewhere")

  public var pairKinds: [ExampleKind] { [Self.hopPairs] }

  /// Pairs of sequences that differ in the symbol that one hop looks for and finds in the clean one; which hop is drawn.
  ///
  /// A fact `broken` says at the marks whether their hop lands elsewhere in the corrupted one.
  public func makePairs(
    length: Int, count: Int, kind: ExampleKind?, random: inout Random
  ) throws -> ExamplePairs {
    _ = try checkedPairKind(kind)
    let layout = try checkedLayout(length: length, examples: count, kind: .training)
    let pairs = try random.each(count) { try pair(hops: length, random: &$0) }
    let clean = batch(pairs.map(\.clean), length: length, layout)
    let corrupted = batch(pairs.map(\.corrupted), length: length, layout)
    let landings = [clean, corrupted].map { $0.fact("landing")?.values ?? [] }
    return ExamplePairs(
      clean: clean, corrupted: corrupted,
      facts: [
        Fact(
          name: "broken", description: "whether the hop of this mark lands elsewhere",
          classes: ["same", "elsewhere"],
          values: zip(landings[0], landings[1]).map { $0 < 0 ? -1 : $0 == $1 ? 0 : 1 })
      ])
  }

  private func pair(
    hops: Int, random: inout Random
  ) throws -> (clean: HopSequence, corrupted: HopSequence) {
    // The other sequence must have its hops too, and another answer: draw again, within reason.
    for _ in 0..<1000 {
      let clean = draw(hops: hops, kind: .training, random: &random)
      let place = clean.landings[1 + random.index(below: hops)] - 1
      var symbols = clean.symbols
      let beside = Set(
        [place - 1, place, place + 1].filter(symbols.indices.contains).map { symbols[$0] })
      guard beside.count < options.alphabet else { continue }
      symbols[place] = HopSequence.other(than: beside, options.alphabet, random: &random)
      if let corrupted = HopSequence(symbols, hops: hops),
        corrupted.symbols[corrupted.landings[hops]] != clean.symbols[clean.landings[hops]]
      {
        return (clean, corrupted)
      }
    }
    throw TaskError(
      field: "symbols", found: "\(options.symbols) with \(hops) hops",
      expected: "sequences with room for another way", remedy: "set symbols or alphabet higher")
  }
}
