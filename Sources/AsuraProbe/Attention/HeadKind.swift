/// What a head does, judged by where its attention goes.
///
/// A head has the kind whose keys get the most attention beyond chance, if that is at least `threshold` of what they
/// could get: with the mass m on the keys that a kind names, and the mass c that attention spread evenly over the
/// visible keys would put there, the excess is (m − c)/(1 − c), 0 for even attention and 1 for attention to those keys
/// alone. Only queries that see such keys, and others beside them, are counted; a kind that has fewer than `coverage` of
/// the queries that see several keys is not considered.
public enum HeadKind: String, Sendable, CaseIterable {
  /// Each query attends to its own position.
  case itself = "self"
  /// To the position before it.
  case previous
  /// To the position after it.
  case next
  /// To position 0.
  case first
  /// To other positions with the same tokens.
  case sameToken = "same token"
  /// To positions at most `reach` away, where none of the others applies.
  case local
  /// To all visible keys alike, where none of the others applies: entropy at least `uniformEntropy` of its maximum.
  case uniform
  /// None of these.
  case other

  /// The kinds that name keys, and so have an excess.
  public static let keyed: [HeadKind] = [.itself, .previous, .next, .first, .sameToken, .local]
  /// The least excess that makes a kind.
  public static let threshold = 0.5
  /// The least share of queries that a kind must be open to.
  public static let coverage = 0.5
  /// How far `local` reaches.
  public static let reach = 2
  /// The least share of the largest entropy that makes attention `uniform`.
  public static let uniformEntropy = 0.9

  /// - Parameters:
  ///   - excess: of each of `keyed`; NaN where no query sees such keys.
  ///   - coverage: of each of them, the share of the queries that see several keys for which there are such keys.
  ///   - relativeEntropy: entropy over its maximum; NaN where no query sees two keys.
  init(excess: [Double], coverage: [Double], relativeEntropy: Double) {
    let named = Self.keyed.indices
      .filter { excess[$0] >= Self.threshold && coverage[$0] >= Self.coverage }
      .map { (Self.keyed[$0], excess[$0]) }
    let specific = named.filter { $0.0 != .local }
    if let (kind, _) = specific.max(by: { $0.1 < $1.1 }) {
      self = kind
    } else if relativeEntropy >= Self.uniformEntropy {
      self = .uniform
    } else {
      self = named.isEmpty ? .other : .local
    }
  }
}
