import AsuraTensor
import AsuraTestSupport
import Testing

@Suite struct RealSchurTests {
  @Test func putsTheChosenFirst() throws {
    func check<S: Scalar>(_: S.Type, _ tolerance: Double) throws {
      try withEvery("size", in: [1, 2, 5, 30]) { n in
        let matrix: Tensor<S> = normal([n, n], seed: 2)
        let schur = try matrix.realSchur { values in values.map { $0.length > 1 } }
        let back = schur.q.matmul(schur.t).matmul(schur.q, transposed: (.no, .yes))
        #expect(relativeError(back, matrix) < tolerance, "\(currentCase)")
        let identity = schur.q.matmul(schur.q, transposed: (.yes, .no))
        #expect(relativeError(identity, .identity(n)) < tolerance)
        let all = try matrix.eigenvalues()
        #expect(schur.chosen == all.count { $0.length > 1 })
        #expect(schur.values.prefix(schur.chosen).allSatisfy { $0.length > 1 })
        // Below the blocks of pairs there is nothing.
        for i in 0..<n { for j in 0..<max(0, i - 1) { #expect(schur.t[[i, j]] == 0) } }
      }
    }
    try check(Float.self, 1e-4)
    try check(Double.self, 1e-13)
  }

  @Test func ofNothingAndOfNaN() throws {
    #expect(try Tensor<Double>.zeros([0, 0]).realSchur { _ in [] }.chosen == 0)
    #expect(throws: LinearAlgebraError.self) {
      try Tensor<Double>([2, 2], [1, .nan, 0, 1]).realSchur { $0.map { _ in true } }
    }
  }
}
