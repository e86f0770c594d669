public import AsuraTensor
internal import Foundation

/// How a view's points spread over its dimensions.
public struct ViewSpectrum: Sendable {
  /// The variances along the principal components, largest first.
  public let variances: [Double]
  /// The first principal components, `[component, width]`: unit vectors, the largest entry of each above 0.
  public let directions: Tensor<Double>
  /// The mean of the points, `[width]`.
  public let mean: Tensor<Double>

  /// How many directions are kept at most.
  public static let mostDirections = 16

  /// The spectrum of the covariance matrix.
  init(_ moments: ViewMoments, view: Int) throws(LinearAlgebraError) {
    let eigen = try moments.crossProduct(view, view).symmetricEigen()
    variances = eigen.values.elements.map { max(0, $0) / Double(max(1, moments.count - 1)) }
    var rows = eigen.vectors.slice(0..<min(Self.mostDirections, variances.count))
    let width = variances.count
    rows.update { x in
      for row in stride(from: 0, to: width * min(Self.mostDirections, width), by: width) {
        let largest = (row..<row + width).max { abs(x[$0]) < abs(x[$1]) } ?? row
        if x[largest] < 0 { for i in row..<row + width { x[i] = -x[i] } }
      }
    }
    directions = rows
    mean = moments.mean(view)
  }

  /// A spectrum without directions.
  public init(variances: [Double]) {
    self.variances = variances
    directions = .zeros([0, variances.count])
    mean = .zeros([variances.count])
  }

  /// The sum of the variances.
  public var total: Double { variances.reduce(0, +) }

  /// Each component's share of the variance; zeros when the points are all one.
  public var shares: [Double] { variances.map { total > 0 ? $0 / total : 0 } }

  /// The participation ratio, (Σλ)²/Σλ²: as many dimensions of equal variance would have it (Gao et al. 2017).
  public var participationRatio: Double {
    let squares = variances.reduce(0) { $0 + $1 * $1 }
    return squares > 0 ? total * total / squares : 0
  }

  /// exp(−Σ p ln p) of the shares p: the effective rank of Roy & Vetterli (2007), of variances.
  public var entropyDimension: Double {
    total > 0 ? exp(-shares.reduce(0) { $1 > 0 ? $0 + $1 * log($1) : $0 }) : 0
  }

  /// How many components hold `share` of the variance.
  public func components(holding share: Double) -> Int {
    guard total > 0 else { return 0 }
    var sum = 0.0
    for (index, one) in shares.enumerated() {
      sum += one
      // A hair's breadth for rounding: ten components of a tenth hold all.
      if sum >= share - 1e-12 { return index + 1 }
    }
    return variances.count
  }
}
