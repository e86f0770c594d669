import Asura
import Foundation

/// The machine's best rate in large matrix products, in floating-point operations a second: OpenBLAS's sgemm on
/// 2048² matrices, 2·2048³ operations, the best of some.
struct GEMMPeak: Encodable {
  let oneThread: Double
  /// With as many products side by side as there are workers, one a thread.
  let allThreads: Double

  init(workers: Workers) {
    oneThread = Self.rate(Workers(count: 1))
    allThreads = workers.count == 1 ? oneThread : Self.rate(workers)
  }

  private static func rate(_ workers: Workers) -> Double {
    let size = 2048
    var random = Random(seed: 0, for: "GEMM peak")
    let a = Tensor<Float>.uniform([size, size], using: &random)
    var best = Double.infinity
    for _ in 0..<6 {
      let start = ContinuousClock.now
      let products = workers.map(workers.count) { _ in a.matmul(a) }
      best = min(best, (ContinuousClock.now - start) / .seconds(1))
      precondition(products.count == workers.count)
    }
    return Double(2 * workers.count) * Double(size * size * size) / best
  }
}
