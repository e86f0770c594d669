/// How the effects of patches are estimated from gradients.
public enum AttributionMethod: Sendable, Equatable {
  /// The gradient at the base run times what the patch changes the value by: its first-order effect. One run forwards and
  /// back a pair, for all patches (Nanda 2023; Syed et al. 2023, arXiv:2310.10348).
  case gradient
  /// The gradient averaged over runs on inputs between the base and the source, `steps` of them: the embedded input goes
  /// along the straight line from one to the other, and is taken at the middles of `steps` equal parts (Sundararajan
  /// et al. 2017, arXiv:1703.01365; for sites inside a model Hanna et al. 2024, arXiv:2403.17806).
  case integratedGradients(steps: Int)

  /// How far along the line the runs are.
  var places: [Double] {
    switch self {
    case .gradient: [0]
    case .integratedGradients(let steps): (0..<steps).map { (Double($0) + 0.5) / Double(steps) }
    }
  }
}

/// How well estimates agree with what they estimate.
public struct Agreement: Sendable, Equatable {
  /// How many were compared.
  public let count: Int
  /// Pearson's correlation; NaN where either does not vary.
  public let correlation: Double
  /// Spearman's: of the ranks, ties sharing their mean rank.
  public let rankCorrelation: Double
  /// The mean of |estimate − exact|.
  public let meanError: Double
  /// The largest |estimate − exact|.
  public let largestError: Double

  /// Compares where both are finite.
  public init(_ estimates: [Double], _ exact: [Double]) {
    let pairs = zip(estimates, exact).filter { $0.isFinite && $1.isFinite }
    let (x, y) = (pairs.map(\.0), pairs.map(\.1))
    count = pairs.count
    correlation = Self.correlation(x, y)
    rankCorrelation = Self.correlation(Self.ranks(x), Self.ranks(y))
    let errors = zip(x, y).map { abs($0 - $1) }
    meanError = errors.isEmpty ? .nan : errors.reduce(0, +) / Double(errors.count)
    largestError = errors.max() ?? .nan
  }

  private static func correlation(_ x: [Double], _ y: [Double]) -> Double {
    let (a, b) = (centred(x), centred(y))
    func product(_ a: [Double], _ b: [Double]) -> Double {
      zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
    }
    let scale = (product(a, a) * product(b, b)).squareRoot()
    return scale > 0 ? product(a, b) / scale : .nan
  }

  private static func centred(_ x: [Double]) -> [Double] {
    let mean = x.reduce(0, +) / Double(max(1, x.count))
    return x.map { $0 - mean }
  }

  private static func ranks(_ x: [Double]) -> [Double] {
    let order = x.indices.sorted { x[$0] < x[$1] }
    var ranks = [Double](repeating: 0, count: x.count)
    var first = 0
    while first < order.count {
      var end = first + 1
      while end < order.count, x[order[end]] == x[order[first]] { end += 1 }
      for place in first..<end { ranks[order[place]] = Double(first + end - 1) / 2 }
      first = end
    }
    return ranks
  }
}
