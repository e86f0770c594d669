import AsuraTensor

/// The functions of the task `lookup`: random permutations of the strings of a few bits.
struct LookupTables: Sendable {
  /// `[table][argument]`
  let entries: [[Int32]]
  private let holdOut: Random

  /// - Parameter seed: decides them all.
  init(tables: Int, bits: Int, seed: UInt64) {
    var random = Random(seed: seed, for: "lookup tables")
    entries = random.each(tables) { $0.permutation(1 << bits).map(Int32.init) }
    holdOut = Random(seed: seed, for: "lookup held out")
  }

  /// The one function which, applied before `rest`, makes a composition that is held out of training.
  func heldOut(before rest: some Sequence<Int>) -> Int {
    var random = holdOut
    for table in rest { random = random.split(UInt64(table)) }
    return random.index(below: entries.count)
  }
}

/// Functions applied to an argument, one after another.
struct Lookup: Equatable {
  var argument: Int32
  /// In the order in which they are applied.
  var functions: [Int]

  /// The argument, then what each function makes of the one before.
  func results(_ tables: LookupTables) -> [Int32] {
    functions.reduce(into: [argument]) { results, function in
      results.append(tables.entries[function][Int(results[results.count - 1])])
    }
  }
}
