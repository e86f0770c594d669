internal import AsuraTensor

/// Sums over some rows of values `x` and columns of targets `y`: all that closed-form probes need to know of them.
///
/// Sums of different rows add up, and those of a part can be taken off again, so one pass over the data serves every
/// training set of a cross-validation. They are taken about an origin near the mean, so that little is lost to
/// rounding where values vary little about it.
struct Moments: Sendable {
  /// What sums are taken about, `[width]`.
  let origin: Tensor<Double>
  var count = 0.0
  /// `Σx`, `[width]`
  var x: Tensor<Double>
  /// `Σx xᵀ`, `[width, width]`
  var xx: Tensor<Double>
  /// `Σy` and `Σy²`, `[column]`
  var y: Tensor<Double>
  var yy: Tensor<Double>
  /// `Σy xᵀ`, `[column, width]`
  var yx: Tensor<Double>

  var width: Int { x.count }
  var columns: Int { y.count }

  init(origin: Tensor<Double>, columns: Int) {
    self.origin = origin
    let width = origin.count
    x = .zeros([width])
    xx = .zeros([width, width])
    y = .zeros([columns])
    yy = .zeros([columns])
    yx = .zeros([columns, width])
  }

  /// Adds `factor` times the sums of `other`, which are about the same origin.
  mutating func add(_ other: Moments, times factor: Double = 1) {
    count += factor * other.count
    x.add(other.x, times: factor)
    xx.add(other.xx, times: factor)
    y.add(other.y, times: factor)
    yy.add(other.yy, times: factor)
    yx.add(other.yx, times: factor)
  }

  static func - (a: Moments, b: Moments) -> Moments {
    var difference = a
    difference.add(b, times: -1)
    return difference
  }

  /// The sums of each part of `rows`, `targets` being `[row, column]` of a block at a time.
  static func parts(
    of rows: some ProbeRows, columns: Int,
    targets: (Range<Int>, UnsafeMutablePointer<Double>) -> Void
  ) throws -> [Moments] {
    let width = rows.plan.width
    var parts: [Moments] = []
    var centred = Tensor<Double>.zeros([blockRows, width])
    var block = Tensor<Double>.zeros([blockRows, columns])
    try rows.forEachBlock(of: rows.plan.parts.map { _ in true }) { part in
      let count = part.rows.count
      if parts.isEmpty {
        let origin = mean(part.x, count, width)
        parts = rows.plan.parts.map { _ in Moments(origin: origin, columns: columns) }
      }
      block.update { targets(part.rows, $0) }
      centred.update { out in
        parts[part.part].origin.read { origin in
          for row in 0..<count {
            let (from, to) = (part.x + row * width, out + row * width)
            for i in 0..<width { to[i] = from[i] - origin[i] }
          }
        }
      }
      parts[part.part].append(centred, block, count)
    }
    if parts.isEmpty {
      parts = rows.plan.parts.map { _ in Moments(origin: .zeros([width]), columns: columns) }
    }
    return parts
  }

  private static func mean(
    _ x: UnsafePointer<Double>, _ count: Int, _ width: Int
  ) -> Tensor<Double> {
    Tensor([width]) { mean in
      mean.update(repeating: 0, count: width)
      for row in 0..<count { for i in 0..<width { mean[i] += x[row * width + i] } }
      for i in 0..<width { mean[i] /= Double(count) }
    }
  }

  /// Adds rows as they are, `[row, width]`, with their targets `[row, column]`.
  mutating func append(centring rows: Tensor<Double>, _ targets: Tensor<Double>) {
    let (n, width) = (rows.shape[0], width)
    var centred = rows
    centred.update { x in
      origin.read { origin in
        for row in 0..<n { for i in 0..<width { x[row * width + i] -= origin[i] } }
      }
    }
    append(centred, targets, n)
  }

  private mutating func append(_ rows: Tensor<Double>, _ targets: Tensor<Double>, _ n: Int) {
    let (width, columns) = (width, columns)
    count += Double(n)
    rows.read { a in
      targets.read { b in
        xx.update {
          gemm(
            .yes, .no, m: width, n: width, k: n, a, lda: width, a, ldb: width, beta: 1, $0,
            ldc: width)
        }
        yx.update {
          gemm(
            .yes, .no, m: columns, n: width, k: n, b, lda: columns, a, ldb: width, beta: 1, $0,
            ldc: width)
        }
        x.update { sum in
          for row in 0..<n { for i in 0..<width { sum[i] += a[row * width + i] } }
        }
        y.update { sum in
          yy.update { squares in
            for row in 0..<n {
              for i in 0..<columns {
                let value = b[row * columns + i]
                sum[i] += value
                squares[i] += value * value
              }
            }
          }
        }
      }
    }
  }
}

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

/// Scores `W x + b` of a value.
struct LinearMap: Sendable {
  /// `[column, width]`
  var weights: Tensor<Double>
  /// `[column]`
  var bias: [Double]

  /// The scores `[row, column]` of some rows.
  func scores(_ x: UnsafePointer<Double>, rows: Int, into out: UnsafeMutablePointer<Double>) {
    let (columns, width) = (weights.shape[0], weights.shape[1])
    weights.read { w in
      bias.withUnsafeBufferPointer { bias in
        gemm(
          .no, .yes, m: rows, n: columns, k: width, x, lda: width, w, ldb: width,
          bias: bias.baseAddress, out, ldc: columns)
      }
    }
  }
}
