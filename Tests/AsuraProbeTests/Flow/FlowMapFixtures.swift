import AsuraProbe
import AsuraTensor
import Foundation

extension KnownMap {
  /// A step of Euler's method down the gradient of `V = z⁴/4`, dz/dt = −z³: `z ↦ z − h z³`.
  static func quarticDescent(step h: Double) -> KnownMap {
    KnownMap(
      dimension: 1, value: { [$0[0] - h * $0[0] * $0[0] * $0[0]] },
      jacobian: { [[1 - 3 * h * $0[0] * $0[0]]] })
  }

  /// `z ↦ z + Δ (F(z) − z)`, as models with `euler` updates have it.
  func eulerStep(_ delta: Double) -> KnownMap {
    let (value, jacobian) = (value, jacobian)
    return KnownMap(
      dimension: dimension, value: { z in zip(z, value(z)).map { $0 + delta * ($1 - $0) } },
      jacobian: { z in
        jacobian(z).enumerated().map { i, row in
          row.enumerated().map { j, x in delta * x + (i == j ? 1 - delta : 0) }
        }
      })
  }

  /// The states from `start` on, `[state, dimension]`, of one system.
  func orbit(_ start: [Double], _ iterations: Int) -> Tensor<Double> {
    var states = [start]
    for _ in 0..<iterations { states.append(value(states[states.count - 1])) }
    return Tensor(rows: states)
  }
}

/// The geometry of the path through `[state, dimension]`.
func geometry(_ states: Tensor<Double>, first: Int = 0) -> PathGeometry {
  var recorder = PathRecorder(first: first)
  for t in 0..<states.shape[0] { recorder.append(states.slice(t..<t + 1)) }
  return recorder.paths[0]
}

/// The rotation of the plane by an angle, times a factor.
func rotation(_ angle: Double, times factor: Double = 1) -> [[Double]] {
  let (c, s) = (factor * cos(angle), factor * sin(angle))
  return [[c, -s], [s, c]]
}
