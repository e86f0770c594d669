public import AsuraTensor

/// Reads the likeliest class at each position out of states `[count, dimension]`.
public typealias AnswerReader = @Sendable (_ states: Tensor<Double>) throws -> [[Int]]

/// Whether the iteration ends at the same place wherever it starts (Anil et al., "Path independent equilibrium models
/// can better exploit test-time computation", NeurIPS 2022).
public struct PathIndependence: Sendable {
  /// Where one start led.
  public struct Path: Sendable, Equatable {
    public let kind: FixedPointStarts.Kind
    public let end: SearchEnd
    public let iterations: Int
    /// The cosine between its end and the trajectory's.
    public let cosine: Double
    /// The distance between them, relative to the norm of the trajectory's.
    public let distance: Double
    /// The share of positions where both give the same answer; nil without a readout.
    public let answersAlike: Double?
  }

  /// How close two ends are to be the same, relative to their norm.
  public static let sameTolerance = 1e-3

  /// The paths from starts other than the trajectory's own states.
  public let paths: [Path]
  /// Anil et al.'s asymptotic alignment: the mean cosine between all pairs of ends, the trajectory's among them.
  /// NaN when there is no pair.
  public let alignment: Double
  /// The smallest cosine of any pair.
  public let worstAlignment: Double

  /// Iterates from all starts but the trajectory's own states until they rest, or for as long as `rule` allows.
  /// - Parameter reference: how the trajectory itself ended.
  public init(
    _ map: any StateMap, row: Int = 0, from starts: FixedPointStarts,
    against reference: SearchResult, rule: TerminationRule, answers: AnswerReader? = nil,
    isCancelled: @Sendable () -> Bool = { false }
  ) throws {
    let chosen = starts.kinds.indices.filter { starts.kinds[$0] != .trajectory }
    guard !chosen.isEmpty else {
      (paths, alignment, worstAlignment) = ([], .nan, .nan)
      return
    }
    let system = try map.selecting(Array(repeating: row, count: chosen.count))
    let found = try FixedPointSearch(PlainIteration(), rule: rule).run(
      system, from: starts.states.rows(chosen), isCancelled: isCancelled)
    let kept = chosen.indices.compactMap { index in
      found[index].map { (kind: starts.kinds[chosen[index]], result: $0) }
    }
    let ends = [reference] + kept.map(\.result)
    let read = try answers?(.concatenating(ends.map { $0.state.reshaped([1, map.dimension]) }))
    let norm = reference.state.norm
    paths = kept.enumerated().map { index, one in
      let alike = read.map { read in
        let same = zip(read[0], read[index + 1]).count { $0 == $1 }
        return Double(same) / Double(read[0].count)
      }
      return Path(
        kind: one.kind, end: one.result.end, iterations: one.result.iterations,
        cosine: cosine(reference.state, one.result.state),
        distance: one.result.state.squaredDistance(to: reference.state).squareRoot()
          / (norm > 0 ? norm : 1), answersAlike: alike)
    }
    var cosines: [Double] = []
    for i in ends.indices {
      for j in i + 1..<ends.count { cosines.append(cosine(ends[i].state, ends[j].state)) }
    }
    alignment = cosines.isEmpty ? .nan : cosines.reduce(0, +) / Double(cosines.count)
    worstAlignment = cosines.min() ?? .nan
  }

  /// The share of starts that led to the same place.
  public var sameShare: Double {
    Double(paths.count { $0.distance <= Self.sameTolerance }) / Double(paths.count)
  }
}

/// The cosine of the angle between two vectors; 1 between two zeros, 0 between zero and another.
private func cosine(_ a: Tensor<Double>, _ b: Tensor<Double>) -> Double {
  let (x, y) = (a.norm, b.norm)
  if x == 0 || y == 0 { return x == y ? 1 : 0 }
  return min(1, max(-1, a.dot(b) / (x * y)))
}
