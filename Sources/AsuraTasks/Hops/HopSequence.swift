import AsuraTensor

/// A sequence of symbols and the hops from its last symbol back: each goes to the last earlier occurrence of the symbol
/// it stands on, and one further.
struct HopSequence: Equatable {
  let symbols: [Int32]
  /// Where one stands after 0, 1, 2, … hops; as many as were asked for.
  let landings: [Int]

  private init(symbols: [Int32], landings: [Int]) {
    self.symbols = symbols
    self.landings = landings
  }

  /// Nil when the sequence has not that many hops.
  init?(_ symbols: [Int32], hops: Int) {
    let targets = Self.targets(symbols)
    var landings = [symbols.count - 1]
    for _ in 0..<hops {
      let target = targets[landings[landings.count - 1]]
      guard target >= 0 else { return nil }
      landings.append(target)
    }
    self.symbols = symbols
    self.landings = landings
  }

  /// The position one hop goes to from each: the one after the last earlier occurrence of the symbol; −1 where there is
  /// none.
  static func targets(_ symbols: [Int32]) -> [Int] {
    var last: [Int32: Int] = [:]
    return symbols.indices.map { position in
      let earlier = last.updateValue(position, forKey: symbols[position])
      return earlier.map { $0 + 1 } ?? -1
    }
  }

  // MARK: - Drawing

  /// Each symbol is one of those that differ from the one before, each as likely.
  static func uniform(
    _ count: Int, alphabet: Int, hops: Int, random: inout Random
  ) -> HopSequence {
    // `HopsOptions.mostHops` is such that at least half of all draws have the hops (Markov's inequality).
    while true {
      var symbols = [Int32(random.index(below: alphabet))]
      while symbols.count < count {
        symbols.append(other(than: [symbols[symbols.count - 1]], alphabet, random: &random))
      }
      if let sequence = HopSequence(symbols, hops: hops) { return sequence }
    }
  }

  /// Where the hops land is drawn, each choice of positions as likely: hops reach much further than in uniform
  /// sequences.
  static func spread(
    _ count: Int, alphabet: Int, hops: Int, random: inout Random
  ) -> HopSequence {
    // Counted from the end. One more symbol comes before the place where the last hop lands.
    let landings = random.permutation(count - 2).prefix(hops).map { $0 + 1 }.sorted()
    var backward = [Int32(random.index(below: alphabet))]
    func append(otherThan excluded: Int32?) {
      let right = backward[backward.count - 1]
      backward.append(other(than: [right, excluded ?? right], alphabet, random: &random))
    }
    var start = 0
    for landing in landings {
      // What the hop looks for does not stand on its way, only beyond it.
      let wanted = backward[start]
      while backward.count <= landing { append(otherThan: wanted) }
      backward.append(wanted)
      start = landing
    }
    while backward.count < count { append(otherThan: nil) }
    return HopSequence(
      symbols: backward.reversed(), landings: ([0] + landings).map { count - 1 - $0 })
  }

  /// Any symbol but those, each as likely.
  static func other(than excluded: Set<Int32>, _ alphabet: Int, random: inout Random) -> Int32 {
    var drawn = Int32(random.index(below: alphabet - excluded.count))
    for symbol in excluded.sorted() where drawn >= symbol { drawn += 1 }
    return drawn
  }
}
