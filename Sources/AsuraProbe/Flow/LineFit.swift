internal import Foundation

/// The line of least squares through points, with the standard error of its slope.
public struct LineFit: Sendable, Equatable {
  /// The ordinate at 0, and the rise for each unit of the abscissa.
  public let intercept: Double
  public let slope: Double
  /// The slope's standard error, from the scatter about the line; NaN for two points, which have none.
  ///
  /// It takes the scatter for chance. Where the points bend instead, it tells how far a line is from them.
  public let slopeError: Double
  /// The root mean square of the distances from the line.
  public let residual: Double
  /// How many points there were.
  public let count: Int

  /// Nil for fewer than two places, and for points that are not finite.
  public init?(_ x: [Double], _ y: [Double]) {
    precondition(x.count == y.count, "\(x.count) places, \(y.count) values")
    let n = Double(x.count)
    guard x.count >= 2, x.allSatisfy(\.isFinite), y.allSatisfy(\.isFinite) else { return nil }
    let (mx, my) = (x.reduce(0, +) / n, y.reduce(0, +) / n)
    let sxx = x.reduce(0) { $0 + ($1 - mx) * ($1 - mx) }
    guard sxx > 0 else { return nil }
    let sxy = zip(x, y).reduce(0) { $0 + ($1.0 - mx) * ($1.1 - my) }
    let (slope, intercept) = (sxy / sxx, my - sxy / sxx * mx)
    let squares = zip(x, y).reduce(0) { sum, point in
      let distance = point.1 - intercept - slope * point.0
      return sum + distance * distance
    }
    self.slope = slope
    self.intercept = intercept
    slopeError = x.count > 2 ? (squares / (n - 2) / sxx).squareRoot() : .nan
    residual = (squares / n).squareRoot()
    count = x.count
  }

  /// The line through the logarithms of both; points that are not positive are left out.
  static func logarithmic(_ x: [Double], _ y: [Double]) -> LineFit? {
    let points = zip(x, y).filter { $0 > 0 && $1 > 0 }
    return LineFit(points.map { log($0.0) }, points.map { log($0.1) })
  }

  /// The value at a place, where both axes are logarithmic.
  public func power(at x: Double) -> Double { exp(intercept) * pow(x, slope) }
}
