internal import AsuraTensor

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

extension LinearMap {
  /// Some of the columns.
  func columns(_ range: Range<Int>) -> LinearMap {
    LinearMap(weights: weights.slice(range), bias: Array(bias[range]))
  }

  static func concatenating(_ maps: [LinearMap]) -> LinearMap {
    LinearMap(weights: .concatenating(maps.map(\.weights)), bias: maps.flatMap(\.bias))
  }
}
