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
