public import AsuraTensor
internal import Foundation

/// Iterates states of one system until they come back to where they are expected.
public struct ReturnTest: Sendable, Equatable {
  /// How close counts as back, relative to the norm of the place (absolute where that is zero).
  public var tolerance = 1e-3
  /// After how many iterations to give up.
  public var iterations: Int

  public init(iterations: Int, tolerance: Double = 1e-3) {
    self.iterations = iterations
    self.tolerance = tolerance
  }

  /// Enough iterations for a disturbance to shrink a hundred-thousandfold where it shrinks by `radius` in each, but
  /// 100 at least and 2,000 at most.
  public static func forRadius(_ radius: Double) -> ReturnTest {
    let needed = radius < 1 ? (-11.5 / log(max(radius, 1e-3))).rounded(.up) : 2000
    return ReturnTest(iterations: Int(min(max(needed, 100), 2000)))
  }

  /// For each of `states` `[count, dimension]`, all of the system `row`, the iteration after which it is back at
  /// `place` `[dimension]`; nil where it never is.
  public func returns(
    _ map: any StateMap, row: Int, from states: Tensor<Double>, to place: Tensor<Double>,
    isCancelled: @Sendable () -> Bool = { false }
  ) throws -> [Int?] {
    let count = states.shape[0]
    let norm = place.norm
    let radius = tolerance * (norm > 0 ? norm : 1)
    // Rows are dealt out by their number alone; four parts or a multiple keep two or four workers busy.
    let parts = min(count, 4)
    return try Workers.current.map(parts) { part in
      let rows = count * part / parts..<count * (part + 1) / parts
      var back: [Int?] = Array(repeating: nil, count: rows.count)
      var open = Array(back.indices)
      var states = states.slice(rows)
      var system = try map.selecting(Array(repeating: row, count: open.count))
      for iteration in 0...iterations {
        let isBack = (0..<open.count).map {
          states[$0].squaredDistance(to: place).squareRoot() <= radius
        }
        // What is not finite never comes back.
        let going = open.indices.filter { !isBack[$0] && states[$0].isFinite }
        for place in open.indices where isBack[place] { back[open[place]] = iteration }
        if going.isEmpty || iteration == iterations || isCancelled() { break }
        if going.count < open.count {
          states = states.rows(going)
          open = going.map { open[$0] }
          system = try map.selecting(Array(repeating: row, count: open.count))
        }
        states = try system(states)
      }
      return back
    }.flatMap { $0 }
  }
}

/// `count` random directions of norm 1, `[count, dimension]`.
func randomDirections(_ count: Int, _ dimension: Int, using random: inout Random) -> Tensor<Double>
{
  let directions: Tensor<Double> = .normal([count, dimension], using: &random)
  return directions.scalingRows(by: directions.rowNorms.map { $0 > 0 ? 1 / $0 : 0 })
}
