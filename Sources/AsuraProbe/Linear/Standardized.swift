internal import AsuraTensor

/// Training values brought to mean 0 and variance 1, with what closed-form probes need of them.
struct Standardized: Sendable {
  let count: Double
  /// The values' mean, `[width]`.
  let mean: Tensor<Double>
  /// One over each coordinate's standard deviation, `[width]`; 0 for one that does not vary beyond rounding, which a
  /// probe then cannot use.
  let inverse: Tensor<Double>
  /// The correlations of the coordinates, `[width, width]`.
  let correlation: Tensor<Double>
  /// The targets' means, `[column]`, and their covariances with the standardised values, `[column, width]`.
  let targetMean: Tensor<Double>
  let covariance: Tensor<Double>

  init(_ moments: Moments) {
    let (width, columns, n) = (moments.width, moments.columns, moments.count)
    count = n
    let shift = moments.x.scaled(by: 1 / n)
    let mean = moments.origin + shift
    let inverse = Tensor<Double>([width]) { out in
      for i in 0..<width {
        let variance = moments.xx[[i, i]] / n - shift[[i]] * shift[[i]]
        // Values of 32 bits differ by rounding alone below this.
        let noise = 1e-7 * abs(mean[[i]])
        out[i] = variance > noise * noise && variance > 1e-300 ? 1 / variance.squareRoot() : 0
      }
    }
    self.mean = mean
    self.inverse = inverse
    targetMean = moments.y.scaled(by: 1 / n)
    correlation = Tensor([width, width]) { out in
      read(moments.xx, shift, inverse) { xx, shift, scale in
        for i in 0..<width {
          for j in 0..<width {
            out[i * width + j] = (xx[i * width + j] / n - shift[i] * shift[j]) * scale[i] * scale[j]
          }
        }
      }
    }
    covariance = Tensor([columns, width]) { [targetMean] out in
      read(moments.yx, shift, inverse) { yx, shift, scale in
        targetMean.read { y in
          for c in 0..<columns {
            for i in 0..<width {
              out[c * width + i] = (yx[c * width + i] / n - y[c] * shift[i]) * scale[i]
            }
          }
        }
      }
    }
  }

  /// The map of raw values that `weights` `[column, width]` and `bias` are of standardised ones.
  func raw(_ weights: Tensor<Double>, bias: [Double]) -> LinearMap {
    let (columns, width) = (weights.shape[0], weights.shape[1])
    var raw = weights
    raw.update { w in
      inverse.read { scale in
        for c in 0..<columns { for i in 0..<width { w[c * width + i] *= scale[i] } }
      }
    }
    return LinearMap(
      weights: raw, bias: (0..<columns).map { bias[$0] - raw[$0].dot(mean) })
  }
}
