public import AsuraTensor

/// The directions in which points vary most (Pearson 1901), from the singular values of the centred points.
public struct PrincipalComponents: Sendable {
  /// The points' mean, `[dimension]`.
  public let mean: Tensor<Double>
  /// The directions, `[component, dimension]`, orthonormal rows, of most variance first.
  public let directions: Tensor<Double>
  /// Each component's share of the variance; zeros when the points are all one.
  public let shares: [Double]
  /// The points along the components, `[point, component]`.
  public let scores: Tensor<Double>

  /// The first `count` components (as many as there are, if fewer) of `[point, dimension]`.
  ///
  /// A direction's sign, which is arbitrary, is chosen so that its largest entry is positive.
  /// - Throws: `LinearAlgebraError`.
  public init(of points: Tensor<Double>, count: Int) throws {
    precondition(points.rank == 2 && points.shape[0] > 0, "points of shape \(points.shape)")
    let (rows, dimension) = (points.shape[0], points.shape[1])
    var mean = Tensor<Double>.zeros([dimension])
    for row in 0..<rows { mean.add(points[row], times: 1 / Double(rows)) }
    var centred = points
    centred.update { x in
      mean.read { m in
        for row in 0..<rows { for i in 0..<dimension { x[row * dimension + i] -= m[i] } }
      }
    }
    let svd = try centred.singularValueDecomposition()
    let kept = min(count, svd.values.count)
    let squares = svd.values.elements.map { $0 * $0 }
    let total = squares.reduce(0, +)
    var directions = svd.right.slice(0..<kept)
    directions.update { v in
      for component in 0..<kept {
        let row = v + component * dimension
        let largest = (0..<dimension).max { abs(row[$0]) < abs(row[$1]) } ?? 0
        if dimension > 0, row[largest] < 0 { for i in 0..<dimension { row[i].negate() } }
      }
    }
    self.mean = mean
    self.directions = directions
    shares = squares.prefix(kept).map { total > 0 ? $0 / total : 0 }
    scores = centred.matmul(directions, transposed: (.no, .yes))
  }

  /// A point `[dimension]` along the components.
  public func project(_ point: Tensor<Double>) -> [Double] {
    let offset = point - mean
    return (0..<directions.shape[0]).map { directions[$0].dot(offset) }
  }
}
