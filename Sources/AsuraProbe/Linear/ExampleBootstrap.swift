internal import AsuraTensor

/// How often each example counts in each replicate of a bootstrap over examples: Poisson numbers of mean 1, which make
/// the replicates of one example independent of the number of examples (Hanley and MacGibbon 2006).
struct ExampleBootstrap: Sendable {
  let replicates: Int
  private let seed: UInt64
  /// The weights `[example, replicate]`; empty where they would take too much memory, and are drawn anew.
  private let table: [UInt8]

  /// Tables up to this many bytes are kept.
  private static let largestTable = 1 << 26

  init(replicates: Int, examples: Int, seed: UInt64) {
    self.replicates = replicates
    self.seed = Random(seed: seed, for: "bootstrap").stream ^ seed
    var table: [UInt8] = []
    if replicates * examples <= Self.largestTable {
      table.reserveCapacity(replicates * examples)
      for example in 0..<examples {
        table += Self.draw(replicates, of: example, seed: self.seed)
      }
    }
    self.table = table
  }

  /// How often an example counts in each replicate.
  func weights(of example: Int) -> ArraySlice<UInt8> {
    table.isEmpty
      ? Self.draw(replicates, of: example, seed: seed)[...]
      : table[example * replicates..<(example + 1) * replicates]
  }

  /// The 2.5th and 97.5th percentile of `values`; nil where fewer than `LinearProbe.fewestReplicates` are finite.
  static func interval(_ values: [Double]) -> ClosedRange<Double>? {
    let sorted = values.filter(\.isFinite).sorted()
    guard sorted.count >= LinearProbe.fewestReplicates else { return nil }
    let tail = Int((0.025 * Double(sorted.count)).rounded(.down))
    return sorted[tail]...sorted[sorted.count - 1 - tail]
  }

  /// Draws by inversion, 16 bits each.
  private static func draw(_ count: Int, of example: Int, seed: UInt64) -> [UInt8] {
    var drawn = [UInt8](repeating: 0, count: count)
    var words: [UInt32] = []
    for replicate in 0..<count {
      if replicate % 8 == 0 {
        let block = Random.block(
          counter: (
            UInt32(truncatingIfNeeded: example), UInt32(truncatingIfNeeded: example >> 32),
            UInt32(replicate / 8), 0
          ), key: (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
        words = [block.0, block.1, block.2, block.3]
      }
      let bits = words[replicate % 8 / 2] >> UInt32(16 * (replicate % 2)) & 0xFFFF
      drawn[replicate] = UInt8(poisson.firstIndex { bits < $0 } ?? poisson.count)
    }
    return drawn
  }

  /// 2¹⁶ times the chance of 0, of at most 1, … of mean 1.
  private static let poisson: [UInt32] = {
    var (term, sum, table) = (0.36787944117144233, 0.0, [UInt32]())
    for k in 1...8 {
      sum += term
      table.append(UInt32((sum * 65_536).rounded()))
      term /= Double(k)
    }
    return table
  }()
}
