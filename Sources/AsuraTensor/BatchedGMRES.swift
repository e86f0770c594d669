import Foundation

/// Solves `A x = b` for many systems at once, each a row with an operator of its own known only by applying it: GMRES
/// without restarts (Saad & Schultz 1986), from x = 0.
package struct BatchedGMRES {
  /// The largest residual relative to ‖b‖ that a row is left with.
  package var tolerance: Double
  /// The most vectors a Krylov basis holds.
  package var maximumVectors: Int

  package init(tolerance: Double, maximumVectors: Int) {
    (self.tolerance, self.maximumVectors) = (tolerance, maximumVectors)
  }

  /// - Parameter apply: takes all rows `[count, dimension]` through their operators.
  /// - Returns: x, how many times `apply` was used, and which rows met the tolerance.
  package func solve(
    _ b: Tensor<Double>, _ apply: (Tensor<Double>) throws -> Tensor<Double>
  ) rethrows -> (solution: Tensor<Double>, applications: Int, isSolved: [Bool]) {
    let norms = b.rowNorms
    var systems = norms.map { Least(rightHandSide: $0) }
    var basis = [b.scalingRows(by: norms.map { $0 > 0 ? 1 / $0 : 0 })]
    var applications = 0
    while applications < maximumVectors, systems.contains(where: { !$0.isDone(tolerance) }) {
      var next = try apply(basis[applications])
      applications += 1
      var columns = Array(repeating: [Double](), count: norms.count)
      // Twice: once loses orthogonality where the operator is nearly singular.
      for pass in 0..<2 {
        for (i, vector) in basis.enumerated() {
          let dots = vector.rowDots(next)
          next.addRows(of: vector, times: dots.map { -$0 })
          for row in dots.indices {
            if pass == 0 { columns[row].append(dots[row]) } else { columns[row][i] += dots[row] }
          }
        }
      }
      let lengths = next.rowNorms
      for row in systems.indices where !systems[row].isDone(tolerance) {
        systems[row].append(columns[row] + [lengths[row]])
      }
      basis.append(next.scalingRows(by: lengths.map { $0 > 0 ? 1 / $0 : 0 }))
    }
    var solution = Tensor<Double>.zeros(b.shape)
    let weights = systems.map { $0.solution() }
    for i in 0..<applications {
      solution.addRows(of: basis[i], times: weights.map { i < $0.count ? $0[i] : 0 })
    }
    return (solution, applications, systems.map { $0.isDone(tolerance) && $0.isFinite })
  }
}

/// One row's small least-squares problem `‖β e₁ − H y‖`, kept triangular by Givens rotations.
private struct Least {
  /// H's columns after the rotations, without what is below the diagonal.
  private var columns: [[Double]] = []
  private var rotations: [(cos: Double, sin: Double)] = []
  private var rightHandSide: [Double]
  private let scale: Double

  init(rightHandSide: Double) {
    self.rightHandSide = [rightHandSide]
    scale = rightHandSide
  }

  func isDone(_ tolerance: Double) -> Bool {
    !(abs(rightHandSide[columns.count]) > tolerance * scale)
  }

  var isFinite: Bool { rightHandSide.allSatisfy(\.isFinite) }

  mutating func append(_ column: [Double]) {
    var column = column
    for (i, (c, s)) in rotations.enumerated() {
      (column[i], column[i + 1]) = (
        c * column[i] + s * column[i + 1], c * column[i + 1] - s * column[i]
      )
    }
    let k = columns.count
    let length = hypot(column[k], column[k + 1])
    let (c, s) = length > 0 ? (column[k] / length, column[k + 1] / length) : (1, 0)
    column[k] = length
    rotations.append((c, s))
    columns.append(Array(column.prefix(k + 1)))
    rightHandSide.append(-s * rightHandSide[k])
    rightHandSide[k] *= c
  }

  func solution() -> [Double] {
    var y = Array(rightHandSide.prefix(columns.count))
    for i in y.indices.reversed() {
      for j in i + 1..<y.count { y[i] -= columns[j][i] * y[j] }
      y[i] = columns[i][i] == 0 ? 0 : y[i] / columns[i][i]
    }
    return y
  }
}
