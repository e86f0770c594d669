/// What an attention probe found out about each head at each iteration, means over queries and examples.
public struct AttentionStudy: Sendable {
  /// One head at one iteration.
  public struct Moment: Sendable {
    /// −Σ a ln a over the keys, in nat.
    public let entropy: Double
    /// Its standard deviation over examples; 0 for one.
    public let entropyDeviation: Double
    /// Entropy over that of even attention to the visible keys, ln(their number); NaN where no query sees two keys.
    public let relativeEntropy: Double
    /// Mean attention by offset, key − query, over the pairs that see each other; NaN where none do.
    public let profile: [Double]
    /// Mean attention to each group of keys, by the queries that see such keys and others; NaN where none do.
    public let concentration: [Double]
    /// Mean total variation distance, ½ Σ|a_t − a_t′|, from the iteration looked at before; NaN at the first.
    public let change: Double
    /// By `HeadKind.keyed`: attention to such keys beyond chance; NaN where no query sees them.
    public let excess: [Double]
    public let kind: HeadKind
  }

  /// One head over the iterations.
  public struct Head: Sendable {
    public let block: Int
    public let head: Int
    /// By iteration.
    public let moments: [Moment]
    /// The first iteration from which on the pattern changes by at most `AttentionStudy.settled` each time; nil when it
    /// still does more at the end.
    public let settledFrom: Int?

    /// `core.1 head 3`
    public var name: String { "core.\(block) head \(head)" }
  }

  /// Keys that attention to was measured of.
  public struct Group: Sendable, Equatable {
    public let name: String
    /// How much attention spread evenly over the visible keys would put on them, over the same queries; NaN where no
    /// query has such a choice.
    public let chance: Double
  }

  /// Changes of a pattern up to this, as total variation distance, count as none.
  public static let settled = 0.01

  public let iterations: [Int]
  /// The examples, by their numbers in the run's batch.
  public let examples: [Int]
  public let positions: Int
  /// The offsets of distance profiles, key − query.
  public let offsets: [Int]
  public let groups: [Group]
  /// By block, then head.
  public let heads: [Head]
  /// What a reader of the numbers must know.
  public let notes: [String]
  /// What ended the work early, where something did.
  public let failure: (any Error)?
  /// Whether all that was asked for was done.
  public let isComplete: Bool

  /// How many heads are of each kind at the last iteration, the most frequent first.
  public var kinds: [(kind: HeadKind, heads: [Head])] {
    HeadKind.allCases
      .map { kind in (kind, heads.filter { $0.moments.last?.kind == kind }) }
      .filter { !$0.1.isEmpty }
      .sorted { $0.1.count > $1.1.count }
  }
}

extension AttentionStudy.Head {
  init(block: Int, head: Int, iterations: [Int], moments: [AttentionStudy.Moment]) {
    (self.block, self.head, self.moments) = (block, head, moments)
    let moving = moments.lastIndex { $0.change > AttentionStudy.settled } ?? 0
    // Of a single iteration nothing is known; from `moving` on the pattern is the one it keeps.
    settledFrom = moments.count > 1 && moving < moments.count - 1 ? iterations[moving] : nil
  }
}
