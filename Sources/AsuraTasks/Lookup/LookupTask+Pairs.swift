import AsuraConfiguration
import AsuraTensor

extension LookupTask {
  /// The argument differs, and with it every result.
  public static let argumentPairs = ExampleKind(
    name: "argument", description: "the argument differs, and with it every result")
  /// One function differs, and with it every result from there on.
  public static let functionPairs = ExampleKind(
    name: "function", description: "any one function differs, and with it every result after it")

  public var pairKinds: [ExampleKind] { [Self.argumentPairs, Self.functionPairs] }

  /// Pairs that differ in one symbol; of functions each place is as likely. Tables are permutations, so a difference is
  /// never lost again.
  ///
  /// A fact `steps` says at each position how many results differ up to there, its own counted; 0 where it does not.
  public func makePairs(
    length: Int, count: Int, kind: ExampleKind?, random: inout Random
  ) throws -> ExamplePairs {
    let kind = try checkedPairKind(kind)
    let layout = try checkedLayout(length: length, examples: count, kind: .training)
    let pairs = try random.each(count) { random in
      kind == Self.argumentPairs
        ? argumentPair(length: length, random: &random)
        : try functionPair(length: length, random: &random)
    }
    let steps = pairs.flatMap { pair in
      let steps = (0...length).map { Int32(max(0, $0 - pair.changed + 1)) }
      return options.order == .forward ? steps : steps.reversed()
    }
    return ExamplePairs(
      clean: batch(pairs.map(\.clean), layout), corrupted: batch(pairs.map(\.corrupted), layout),
      facts: [
        Fact(
          name: "steps", description: "results that differ up to here, 0 where this one does not",
          values: steps)
      ])
  }

  private typealias Pair = (clean: Lookup, corrupted: Lookup, changed: Int)

  private func argumentPair(length: Int, random: inout Random) -> Pair {
    let clean = draw(length: length, kind: Self.uniform, random: &random)
    var corrupted = clean
    corrupted.argument = Int32(random.index(below: arguments, except: Int(clean.argument)))
    return (clean, corrupted, 0)
  }

  private func functionPair(length: Int, random: inout Random) throws -> Pair {
    // Two tables may agree on an argument, and few tables on every one: draw again, within reason.
    for _ in 0..<1000 {
      let clean = draw(length: length, kind: Self.uniform, random: &random)
      let changed = random.index(below: length)
      var corrupted = clean
      corrupted.functions[changed] = random.index(
        below: options.tables, except: clean.functions[changed])
      if clean.results(tables).last != corrupted.results(tables).last {
        return (clean, corrupted, changed + 1)
      }
    }
    throw TaskError(
      field: "tables", found: "\(options.tables) tables of seed \(options.seed)",
      expected: "two that differ on some argument", remedy: "set tables higher, or another seed")
  }
}
