import AsuraProbe
import AsuraTensor
import Foundation

/// A map in closed form, the same for every row, so that what an analysis finds of it can be told beforehand.
struct KnownMap: StateMap {
  let dimension: Int
  var count = 1
  /// A state's image.
  let value: @Sendable (_ z: [Double]) -> [Double]
  /// The Jacobian at a state, a row an output.
  let jacobian: @Sendable (_ z: [Double]) -> [[Double]]

  /// The same map of `count` states at once.
  func of(_ count: Int) -> KnownMap {
    var map = self
    map.count = count
    return map
  }

  func callAsFunction(_ states: Tensor<Double>) throws -> Tensor<Double> {
    precondition(states.shape == [count, dimension], "states \(states.shape)")
    return Tensor([count, dimension], (0..<count).flatMap { value(states[$0].elements) })
  }

  func linearized(at states: Tensor<Double>) throws -> any StateLinearization {
    KnownLinearization(
      value: try self(states),
      jacobians: (0..<count).map { Tensor(rows: jacobian(states[$0].elements)) })
  }

  func selecting(_ rows: [Int]) throws -> any StateMap { of(rows.count) }
}

private struct KnownLinearization: StateLinearization {
  let value: Tensor<Double>
  /// A row's matrix each.
  let jacobians: [Tensor<Double>]

  func jvp(_ tangents: Tensor<Double>) throws -> Tensor<Double> {
    let (k, n) = (tangents.shape[0], value.shape[1])
    let columns = jacobians.indices.map { row in
      Tensor.concatenating((0..<k).map { tangents[$0].slice(row..<row + 1) })
        .matmul(jacobians[row], transposed: (.no, .yes))
    }
    return Tensor.concatenating(
      (0..<k).flatMap { i in columns.map { $0.slice(i..<i + 1) } }
    ).reshaped([k, jacobians.count, n])
  }

  func vjp(_ cotangents: Tensor<Double>) throws -> Tensor<Double> {
    .concatenating(
      jacobians.indices.map { cotangents.slice($0..<$0 + 1).matmul(jacobians[$0]) })
  }
}

extension Tensor<Double> {
  /// A matrix by its rows.
  init(rows: [[Double]]) { self.init([rows.count, rows[0].count], rows.flatMap { $0 }) }
}

// MARK: - Linear maps

extension KnownMap {
  /// `z ↦ A z + b`
  static func linear(_ a: [[Double]], _ b: [Double]? = nil) -> KnownMap {
    let offset = b ?? a.map { _ in 0 }
    return KnownMap(
      dimension: a.count,
      value: { z in zip(a, offset).map { row, b in zip(row, z).reduce(b) { $0 + $1.0 * $1.1 } } },
      jacobian: { _ in a })
  }

  /// `z ↦ A (z − p) + p` with A = S D S⁻¹ for the unit upper triangular S with `shear` above its diagonal: the
  /// eigenvalues are `values`, however far from normal the shear makes A. Its fixed point is p.
  static func sheared(_ values: [Double], shear: Double = 0, around p: [Double]? = nil) -> KnownMap
  {
    let n = values.count
    let s = Tensor(rows: (0..<n).map { i in (0..<n).map { $0 == i ? 1 : $0 > i ? shear : 0 } })
    // Back substitution, column by column.
    var inverse = Array(repeating: Array(repeating: 0.0, count: n), count: n)
    for j in 0..<n {
      inverse[j][j] = 1
      for i in (0..<j).reversed() {
        inverse[i][j] = -(i + 1...j).reduce(0) { $0 + shear * inverse[$1][j] }
      }
    }
    let d = Tensor(rows: (0..<n).map { i in (0..<n).map { $0 == i ? values[i] : 0 } })
    let a = s.matmul(d).matmul(Tensor(rows: inverse))
    let rows = (0..<n).map { a[$0].elements }
    let p = p ?? Array(repeating: 0, count: n)
    return linear(
      rows, (0..<n).map { i in p[i] - zip(rows[i], p).reduce(0) { $0 + $1.0 * $1.1 } })
  }

  /// A Jordan block: one eigenvalue, `size` times, with a single eigenvector.
  static func jordan(_ value: Double, size: Int) -> KnownMap {
    linear(
      (0..<size).map { i in (0..<size).map { $0 == i ? value : $0 == i + 1 ? 1 : 0 } })
  }

  /// A turn of the plane by 1/`period` of a circle, times `growth`.
  static func rotation(period: Double, growth: Double = 1) -> KnownMap {
    let (c, s) = (growth * cos(2 * .pi / period), growth * sin(2 * .pi / period))
    return linear([[c, -s], [s, c]])
  }

  /// A slider: `z ↦ z + c`, which never rests.
  static func slider(_ c: [Double]) -> KnownMap {
    linear((0..<c.count).map { i in (0..<c.count).map { $0 == i ? 1 : 0 } }, c)
  }
}

// MARK: - Nonlinear maps

extension KnownMap {
  /// `z ↦ r z (1 − z)` on the line: rests at 1 − 1/r for r in 1...3, then has cycles of 2, 4, …; chaos at 4, with the
  /// Lyapunov exponent ln 2.
  static func logistic(_ r: Double) -> KnownMap {
    KnownMap(
      dimension: 1, value: { [r * $0[0] * (1 - $0[0])] }, jacobian: { [[r * (1 - 2 * $0[0])]] })
  }

  /// `x ↦ x + h (x − x³)`, `y ↦ decay·y`: rests at x = ±1 (stable for 0 < h < 1) and at the saddle x = 0, the border of
  /// their basins.
  static func bistable(step h: Double = 0.3, decay: Double = 0.5) -> KnownMap {
    KnownMap(
      dimension: 2, value: { [$0[0] + h * ($0[0] - $0[0] * $0[0] * $0[0]), decay * $0[1]] },
      jacobian: { [[1 + h * (1 - 3 * $0[0] * $0[0]), 0], [0, decay]] })
  }

  /// An Euler step down the gradient of `½ Σ λ_i z_i²`: `z_i ↦ (1 − h λ_i) z_i`.
  static func gradientFlow(_ curvatures: [Double], step h: Double) -> KnownMap {
    sheared(curvatures.map { 1 - h * $0 })
  }
}
