internal import AsuraDiff
internal import AsuraModel
internal import AsuraTensor

/// A norm held at the scale it had at one value, where it is affine: `y = g ⊙ (x − mean x)/σ + β` with σ fixed, and no
/// mean taken off for RMSNorm. At that value it gives what the norm gives, exactly.
struct FrozenNorm: Sendable {
  private let kind: NormKind
  private let epsilon: Double
  private let gain: Tensor<Double>
  private let bias: Tensor<Double>?

  init(_ configuration: NormConfiguration, gain: Tensor<Double>, bias: Tensor<Double>?) {
    (kind, epsilon) = (configuration.kind, configuration.epsilon)
    (self.gain, self.bias) = (gain, bias)
  }

  /// The functionals of x `[row, width]` that rows `u` of functionals of y are, held at x's rows, and what each has from
  /// β.
  func pullback(
    _ u: Tensor<Double>, at x: Tensor<Double>
  ) -> (functionals: Tensor<Double>, constants: [Double]) {
    let (rows, width) = (u.shape[0], u.shape[1])
    precondition(x.shape == u.shape, "values \(x.shape) for functionals \(u.shape)")
    var result = u
    var constants = Array(repeating: 0.0, count: rows)
    let isCentred = kind == .layer
    let n = Double(width)
    result.update { v in
      read(x, gain) { x, g in
        for row in 0..<rows {
          let (v, x) = (v + row * width, x + row * width)
          if let bias {
            constants[row] = bias.read { b in (0..<width).reduce(0) { $0 + v[$1] * b[$1] } }
          }
          var (mean, square, sum) = (0.0, 0.0, 0.0)
          if isCentred { for i in 0..<width { mean += x[i] / n } }
          for i in 0..<width { square += (x[i] - mean) * (x[i] - mean) / n }
          let scale = 1 / (square + epsilon).squareRoot()
          for i in 0..<width {
            v[i] *= g[i] * scale
            sum += v[i] / n
          }
          if isCentred { for i in 0..<width { v[i] -= sum } }
        }
      }
    }
    return (result, constants)
  }
}
