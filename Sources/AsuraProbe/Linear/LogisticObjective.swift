internal import AsuraKernels
internal import AsuraTensor
internal import Foundation

/// The function to be minimised, with its gradient and an approximation of its Hessian, block by block over the rows.
final class LogisticObjective<Rows: ProbeRows> {
  private let rows: Rows
  private let parts: [Bool]
  private let labels: [Int32]
  private let values: Standardized
  private let outputs: Int
  private let penalty: Double
  private let width: Int
  private let count: Double
  // Scratch for one block.
  private var scores: [Double]
  private var logits: [Double]
  private var losses: [Double]
  private var scratch: [Float]

  init(
    _ rows: Rows, _ parts: [Bool], _ labels: [Int32], _ values: Standardized, outputs: Int,
    penalty: Double
  ) {
    self.rows = rows
    self.parts = parts
    self.labels = labels
    self.values = values
    self.outputs = outputs
    self.penalty = penalty
    width = values.mean.count
    count = values.count
    scores = [Double](repeating: 0, count: blockRows * outputs)
    logits = scores
    losses = [Double](repeating: 0, count: blockRows)
    scratch = [Float](repeating: 0, count: blockRows * (width + 1))
  }

  private var size: Int { width + 1 }

  /// Each class's share of the rows, kept away from 0 and 1.
  private lazy var shares: [Double] = {
    var counts = [Double](repeating: 0.5, count: max(outputs, 2))
    for (part, range) in rows.plan.parts.enumerated() where parts[part] {
      for row in range { counts[Int(labels[row])] += 1 }
    }
    let total = counts.reduce(0, +)
    return counts.map { $0 / total }
  }()

  /// No weights, and intercepts that give the classes their shares.
  var start: [Double] {
    var start = [Double](repeating: 0, count: outputs * size)
    if outputs == 1 {
      start[width] = log(shares[1] / shares[0])
    } else {
      for k in 0..<outputs { start[k * size + width] = log(shares[k]) }
    }
    return start
  }

  /// The raw weights `[output, width]` and biases of standardised parameters.
  private func raw(_ point: [Double]) -> LinearMap {
    values.raw(
      Tensor([outputs, width], (0..<outputs).flatMap { point[$0 * size..<$0 * size + width] }),
      bias: (0..<outputs).map { point[$0 * size + width] })
  }

  /// Writes the probabilities of a block's rows into `scores` (of the second of two classes), adds their residuals
  /// (probability less label) and their products with the values, and returns the loss.
  private func add(
    _ block: RowBlock, _ map: LinearMap, _ residuals: inout [Double],
    _ products: inout Tensor<Double>
  ) -> Double {
    let n = block.rows.count
    return scores.withUnsafeMutableBufferPointer { scores in
      labels.withUnsafeBufferPointer { labels in
        guard let p = scores.baseAddress,
          let y = labels.baseAddress.map({ $0 + block.rows.lowerBound })
        else { return 0 }
        if outputs == 1 {
          return products.update { products in
            map.weights.read { w in
              asura_logistic(
                ASURA_F64, block.x, w, map.bias[0], y, p, products, &residuals[0], n, width)
            }
          }
        }
        let loss = losses.withUnsafeMutableBufferPointer { losses in
          logits.withUnsafeMutableBufferPointer { logits in
            guard let loss = losses.baseAddress, let logits = logits.baseAddress else { return 0.0 }
            map.scores(block.x, rows: n, into: logits)
            asura_cross_entropy(ASURA_F64, logits, y, 0, loss, p, n, outputs)
            return asura_sum(ASURA_F64, loss, n)
          }
        }
        for i in 0..<n { p[i * outputs + Int(y[i])] -= 1 }
        for i in 0..<n { for k in 0..<outputs { residuals[k] += p[i * outputs + k] } }
        products.update {
          gemm(
            .yes, .no, m: outputs, n: width, k: n, p, lda: outputs, block.x, ldb: width, beta: 1,
            $0, ldc: width)
        }
        for i in 0..<n { p[i * outputs + Int(y[i])] += 1 }
        return loss
      }
    }
  }

  func evaluate(_ point: [Double], _ gradient: inout [Double]) throws -> Double {
    let map = raw(point)
    var loss = 0.0
    var residuals = [Double](repeating: 0, count: outputs)
    var products = Tensor<Double>.zeros([outputs, width])
    try rows.forEachBlock(of: parts) { loss += add($0, map, &residuals, &products) }
    var value = loss / count
    read(products, values.mean, values.inverse) { products, mean, scale in
      for k in 0..<outputs {
        for i in 0..<width {
          let w = point[k * size + i]
          value += penalty / 2 * w * w
          let slope = (products[k * width + i] - residuals[k] * mean[i]) * scale[i] / count
          gradient[k * size + i] = slope + penalty * w
        }
        gradient[k * size + width] = residuals[k] / count
      }
    }
    return value
  }

  /// The inverse of the Hessian's blocks, one an output; at the first point, where no weights are yet, from the
  /// values' correlations alone.
  func preconditioner(_ point: [Double], isFirst: Bool) throws -> (inout [Double]) -> Void {
    let blocks = isFirst ? firstBlocks : try weightedBlocks(point)
    let solvers = try blocks.map { try PositiveDefinite($0) }
    let size = size
    return { vector in
      vector.withUnsafeMutableBufferPointer { vector in
        guard let base = vector.baseAddress else { return }
        for (k, solver) in solvers.enumerated() { solver.solve(base + k * size, count: 1) }
      }
    }
  }

  private var firstBlocks: [Tensor<Double>] {
    (0..<outputs).map { k in
      let share = outputs == 1 ? shares[1] : shares[k]
      let weight = share * (1 - share)
      return Tensor([size, size]) { h in
        values.correlation.read { s in
          for i in 0..<width {
            for j in 0..<width { h[i * size + j] = weight * s[i * width + j] }
            h[i * size + i] += penalty + 1e-10
            (h[i * size + width], h[width * size + i]) = (0, 0)
          }
          h[width * size + width] = weight + 1e-10
        }
      }
    }
  }

  /// `1/n Σ p (1 − p) (x̃, 1)(x̃, 1)ᵀ + λ` of each output, in 32 bits: it only steers the steps, and products take half
  /// the time.
  private func weightedBlocks(_ point: [Double]) throws -> [Tensor<Double>] {
    let map = raw(point)
    var sums = (0..<outputs).map { _ in Tensor<Float>.zeros([size, size]) }
    var residuals = [Double](repeating: 0, count: outputs)
    var products = Tensor<Double>.zeros([outputs, width])
    try rows.forEachBlock(of: parts) { block in
      _ = add(block, map, &residuals, &products)
      let n = block.rows.count
      for k in 0..<outputs {
        read(values.mean, values.inverse) { mean, scale in
          scratch.withUnsafeMutableBufferPointer { scratch in
            guard let a = scratch.baseAddress else { return }
            for i in 0..<n {
              let p = scores[i * outputs + k]
              let root = (p * (1 - p)).squareRoot()
              let (from, to) = (block.x + i * width, a + i * size)
              for j in 0..<width { to[j] = Float(root * (from[j] - mean[j]) * scale[j]) }
              to[width] = Float(root)
            }
            sums[k].update {
              gemm(
                .yes, .no, m: size, n: size, k: n, a, lda: size, a, ldb: size, beta: 1, $0,
                ldc: size)
            }
          }
        }
      }
    }
    return sums.map { sum in
      Tensor([size, size]) { h in
        sum.read { sum in for i in 0..<size * size { h[i] = Double(sum[i]) / count } }
        let trace = (0..<size).reduce(0) { $0 + h[$1 * size + $1] }
        // Rounding of 32 bits must not make it indefinite.
        let margin = 1e-6 * trace / Double(size) + 1e-10
        for i in 0..<size { h[i * size + i] += margin + (i < width ? penalty : 0) }
      }
    }
  }
}
