public import AsuraTensor

/// A fixed point of a map, and how far to believe in it.
public struct FixedPoint: Sendable {
  /// Where it is, `[dimension]`: of the searches that ended here, the one with the lowest q.
  public let state: Tensor<Double>
  public let q: Double
  public let relativeResidual: Double
  /// Which criterion ended that search.
  public let end: SearchEnd
  /// Which starts led here.
  public let starts: [Int]
  /// The Jacobian's eigenvalues here; nil while they have not been computed.
  public internal(set) var spectrum: JacobianSpectrum?
  /// Its distance to the nearest state of the trajectory.
  public let distance: Double
  /// That distance over the trajectory's radius.
  public let relativeDistance: Double
  /// Its norm over the largest of the trajectory's.
  public let relativeNorm: Double

  /// Whether it may be a spurious root: so far from all states the model was seen in that it may have nothing to do
  /// with what the model does. The scale is FixedPointFinder's.
  public var isFar: Bool { relativeDistance > Self.farScale || relativeNorm > Self.farScale }
  /// How many radii or norms count as far.
  public static let farScale = 10.0

  /// How many directions grow: eigenvalues outside the unit circle.
  public var unstableModes: Int? { spectrum?.outsideUnitCircle }
  /// Whether every small disturbance dies out in the end; nil while unknown, or where the leading eigenvalue lies on
  /// the unit circle as nearly as can be told.
  public var isStable: Bool? {
    guard let radius = spectrum?.spectralRadius, radius.isFinite else { return nil }
    if abs(radius - 1) <= 1e-6 { return nil }
    return radius < 1
  }
}

/// What searches from many starts found: the distinct fixed points, and how every search ended.
public struct FixedPointSet: Sendable {
  /// How far apart in any one coordinate two ends must be to count as two: FixedPointFinder's.
  public static let uniqueTolerance = 1e-3

  /// The most often reached first.
  public internal(set) var points: [FixedPoint]
  /// Each start's kind.
  public let kinds: [FixedPointStarts.Kind]
  /// Each start's search, converged or not; nil for those that were cancelled.
  public let searches: [SearchResult?]
  /// Which of `points` each start led to; nil where the search did not converge.
  public let reached: [Int?]

  /// Sorts out what `searches` from `starts` ended at.
  public init(
    _ searches: [SearchResult?], starts: FixedPointStarts, extent: TrajectoryExtent,
    uniqueTolerance: Double = Self.uniqueTolerance
  ) {
    self.searches = searches
    kinds = starts.kinds
    // By rising q, so that each group is led by its best.
    let converged = searches.indices.filter { searches[$0]?.end.isConverged == true }
      .sorted { (searches[$0]?.q ?? 0, $0) < (searches[$1]?.q ?? 0, $1) }
    var groups: [(best: SearchResult, members: [Int])] = []
    for index in converged {
      guard let found = searches[index] else { continue }
      let group = groups.firstIndex {
        largestDifference($0.best.state, found.state) < uniqueTolerance
      }
      if let group {
        groups[group].members.append(index)
      } else {
        groups.append((found, [index]))
      }
    }
    groups.sort { ($1.members.count, $0.best.q) < ($0.members.count, $1.best.q) }
    points = groups.map { best, members in
      let distance = extent.distance(to: best.state)
      return FixedPoint(
        state: best.state, q: best.q, relativeResidual: best.relativeResidual, end: best.end,
        starts: members.sorted(), distance: distance,
        // A trajectory that never moved has no size but its norm.
        relativeDistance: distance == 0
          ? 0 : distance / (extent.radius > 0 ? extent.radius : extent.norm),
        relativeNorm: best.state.norm == 0 ? 0 : best.state.norm / extent.norm)
    }
    var reached: [Int?] = Array(repeating: nil, count: searches.count)
    for (point, group) in groups.enumerated() {
      for start in group.members { reached[start] = point }
    }
    self.reached = reached
  }

  /// How many searches ended for each reason, of those that did not converge.
  public var failures: [SearchEnd: Int] {
    Dictionary(
      searches.compactMap { $0 }.filter { !$0.end.isConverged }.map { ($0.end, 1) },
      uniquingKeysWith: +)
  }

  /// How many searches converged.
  public var convergedCount: Int { reached.count { $0 != nil } }

  /// Computes the eigenvalues at the first `most` points, each as a state of the system `row` of the map.
  public mutating func findStability(
    _ map: any StateMap, row: Int = 0, most: Int = .max, seed: UInt64 = 0
  ) throws {
    let states = points.prefix(most).map(\.state)
    let spectra = try Workers.current.map(states.count) { index in
      try map.spectrum(row: row, at: states[index], seed: seed)
    }
    for (index, spectrum) in spectra.enumerated() { points[index].spectrum = spectrum }
  }
}

/// The largest difference in any one coordinate.
private func largestDifference(_ a: Tensor<Double>, _ b: Tensor<Double>) -> Double {
  read(a, b) { x, y in
    var largest = 0.0
    for i in 0..<a.count { largest = max(largest, abs(x[i] - y[i])) }
    return largest
  }
}
