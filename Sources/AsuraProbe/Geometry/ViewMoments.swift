internal import AsuraTensor

/// First and second moments of several views of the same points, summed up while the points come by: all that linear
/// CKA, Procrustes distance and principal components need, in memory that does not grow with the points.
///
/// Each view is counted from the mean of the first points seen, so that little is lost to rounding, and carries its
/// points' squared norms as one more column, which the debiased CKA needs.
struct ViewMoments: Sendable {
  let widths: [Int]
  private(set) var count = 0
  private var shifts: [Tensor<Double>] = []
  /// Where each view's columns begin, its norms' column being its last.
  private let starts: [Int]
  private let total: Int
  /// Sums of all columns.
  private var sums: [Double]
  /// By view: the products of its columns with its own and those of all later views, `[width + 1, total − start]`.
  private var products: [Tensor<Double>]

  init(widths: [Int]) {
    self.widths = widths
    var starts: [Int] = []
    var total = 0
    for width in widths {
      starts.append(total)
      total += width + 1
    }
    (self.starts, self.total) = (starts, total)
    sums = Array(repeating: 0, count: total)
    products = zip(widths, starts).map { [total] in .zeros([$0 + 1, total - $1]) }
  }

  /// The bytes that moments of such views take, sums and one slab's own.
  static func bytes(widths: [Int]) -> Double {
    let total = Double(widths.reduce(0) { $0 + $1 + 1 })
    return 8 * total * total
  }

  /// Adds points, `[point, width]` for each view.
  mutating func add(_ views: [Tensor<Double>]) {
    let rows = views[0].shape[0]
    if shifts.isEmpty {
      shifts = views.map { view in
        var mean = Tensor<Double>.zeros([view.shape[1]])
        for row in 0..<rows { mean.add(view[row], times: 1 / Double(rows)) }
        return mean
      }
    }
    let (total, starts, widths) = (total, starts, widths)
    let columns = Tensor<Double>([rows, total]) { out in
      for (v, view) in views.enumerated() {
        read(view, shifts[v]) { x, shift in
          let width = widths[v]
          for row in 0..<rows {
            let place = out + row * total + starts[v]
            var square = 0.0
            for i in 0..<width {
              let u = x[row * width + i] - shift[i]
              place[i] = u
              square += u * u
            }
            place[width] = square
          }
        }
      }
    }
    let added = Workers.current.map(views.count) { v in
      let (height, length) = (widths[v] + 1, total - starts[v])
      return Tensor<Double>([height, length]) { out in
        columns.read { x in
          gemm(
            .yes, .no, m: height, n: length, k: rows, x + starts[v], lda: total, x + starts[v],
            ldb: total, out, ldc: length)
        }
      }
    }
    for (v, product) in added.enumerated() { products[v].add(product) }
    columns.read { x in
      for row in 0..<rows { for i in 0..<total { sums[i] += x[row * total + i] } }
    }
    count += rows
  }

  // MARK: - Centred

  /// The mean of view `v` from its shift.
  private func offset(_ v: Int) -> [Double] {
    sums[starts[v]..<starts[v] + widths[v]].map { $0 / Double(count) }
  }

  /// The mean of view `v`.
  func mean(_ v: Int) -> Tensor<Double> {
    var mean = Tensor<Double>([widths[v]], offset(v))
    mean.add(shifts[v])
    return mean
  }

  /// `XᵀY` of the centred points of views `a ≤ b`, `[width of a, width of b]`.
  func crossProduct(_ a: Int, _ b: Int) -> Tensor<Double> {
    precondition(a <= b, "views \(a) and \(b) out of order")
    let (first, second, length) = (offset(a), offset(b), products[a].shape[1])
    let shift = starts[b] - starts[a]
    return Tensor([widths[a], widths[b]]) { out in
      products[a].read { x in
        for i in 0..<widths[a] {
          for j in 0..<widths[b] {
            out[i * widths[b] + j] =
              x[i * length + shift + j] - Double(count) * first[i] * second[j]
          }
        }
      }
    }
  }

  /// The sum of the centred points' squared norms.
  func squaredNorm(_ v: Int) -> Double {
    let offset = offset(v)
    return max(0, sums[starts[v] + widths[v]] - Double(count) * offset.reduce(0) { $0 + $1 * $1 })
  }

  /// Σ ‖x‖²‖y‖² over the centred points of views `a ≤ b`: ‖u − δ‖² = ‖u‖² − 2δ·u + ‖δ‖², multiplied out.
  func normProduct(_ a: Int, _ b: Int) -> Double {
    let (first, second, length) = (offset(a), offset(b), products[a].shape[1])
    let shift = starts[b] - starts[a]
    let (c, d) = (first.reduce(0) { $0 + $1 * $1 }, second.reduce(0) { $0 + $1 * $1 })
    return products[a].read { x in
      let norms = x + widths[a] * length + shift
      var sum =
        norms[widths[b]] + d * sums[starts[a] + widths[a]] + c * sums[starts[b] + widths[b]]
        - 3 * Double(count) * c * d
      for j in 0..<widths[b] { sum -= 2 * second[j] * norms[j] }
      for i in 0..<widths[a] {
        let row = x + i * length + shift
        var inner = 0.0
        for j in 0..<widths[b] { inner += row[j] * second[j] }
        sum += first[i] * (4 * inner - 2 * row[widths[b]])
      }
      return sum
    }
  }
}
