import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

@Suite struct MatrixProductTests {
  private func naive<S: Scalar>(_ a: Tensor<S>, _ b: Tensor<S>) -> Tensor<S> {
    let (m, k, n) = (a.shape[0], a.shape[1], b.shape[1])
    let (x, y) = (a.elements, b.elements)
    return Tensor([m, n]) { c in
      for i in 0..<m {
        for j in 0..<n {
          c[i * n + j] = S((0..<k).reduce(0.0) { $0 + Double(x[i * k + $1] * y[$1 * n + j]) })
        }
      }
    }
  }

  private func check<S: Scalar>(_: S.Type, tolerance: Double) {
    withEvery(
      "m, k, n",
      in: [
        (1, 1, 1), (3, 5, 2), (17, 33, 9), (64, 16, 32), (0, 3, 2), (3, 0, 2), (3, 2, 0), (0, 0, 0),
        // Every height of the tiles of our own kernels, one, two and four registers wide.
        (37, 19, 16), (37, 19, 32), (37, 19, 112),
      ]
    ) { m, k, n in
      let (a, b): (Tensor<S>, Tensor<S>) = (normal([m, k]), normal([k, n], seed: 2))
      let expected = naive(a, b)
      let (at, bt) = (a.transposed, b.transposed)
      poisonFreeMemory()
      for product in [
        a.matmul(b), at.matmul(b, transposed: (.yes, .no)), a.matmul(bt, transposed: (.no, .yes)),
        at.matmul(bt, transposed: (.yes, .yes)),
      ] {
        #expect(relativeError(product, expected) <= tolerance, "\(S.self) \(currentCase)")
      }
    }
  }

  @Test func matmul() {
    check(Double.self, tolerance: 1e-14)
    check(Float.self, tolerance: 1e-5)
  }

  @Test func transpose() {
    let x = Tensor<Double>([2, 3], [1, 2, 3, 4, 5, 6])
    #expect(x.transposed == Tensor([3, 2], [1, 4, 2, 5, 3, 6]))
    #expect(Tensor<Double>.zeros([0, 3]).transposed.shape == [3, 0])
  }

  @Test func productsOfNaNShowIt() {
    let x = Tensor<Double>([1, 2], [0, .nan])
    #expect(x.matmul(.zeros([2, 1])).scalar.isNaN)
  }

  /// A user who names kernels gets them, so there is nothing to check.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"] == nil))
  func kernelsSuitTheProcessor() throws {
    let kernels = BLAS.kernels
    #expect(!kernels.name.isEmpty && !kernels.library.isEmpty)
    #expect(kernels.replaced != kernels.name)
    #expect(ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"] == nil)
    switch CPU.vectorLevel {
    case .avx512:
      #expect(
        ["skylakex", "cooperlake", "sapphirerapids", "zen4", "zen5"].contains(
          kernels.name.lowercased()))
    case .avx2: #expect(!["prescott", "core2", "nehalem"].contains(kernels.name.lowercased()))
    case .baseline: break
    }
  }
}
