import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Testing

private func diagonal(_ values: [Double]) -> Tensor<Double> {
  var matrix = Tensor<Double>.zeros([values.count, values.count])
  matrix.update { base in for (i, x) in values.enumerated() { base[i * (values.count + 1)] = x } }
  return matrix
}

private func solve(
  _ matrix: Tensor<Double>, _ solver: BlockKrylovSolver, start: Tensor<Double>? = nil
) throws -> ArnoldiSpectrum<Double> {
  try solver.leadingEigenvalues(size: matrix.shape[0], start: start) {
    MatrixOperator(matrix).apply($0)
  }
}

private func difference(_ a: [Complex<Double>], _ b: [Complex<Double>]) -> Double {
  a.count > b.count ? .infinity : zip(a, b).map { ($0 - $1).length }.max() ?? 0
}

@Suite struct BlockKrylovTests {
  @Test func agreesWithLAPACKAndARPACK() throws {
    try withEvery("count", in: [1, 5, 20]) { count in
      try withEvery("block", in: [1, 4, 16]) { block in
        let matrix: Tensor<Double> = normal([160, 160], seed: 3)
        let found = try solve(matrix, BlockKrylovSolver(count: count, block: block))
        let dense = try matrix.eigenvalues()
        let name = Comment(rawValue: currentCase)
        #expect(found.converged && found.values.count >= count, name)
        #expect(difference(found.values, dense) < 1e-11 * dense[0].length, name)
        #expect(found.residuals.allSatisfy { $0 < 1e-11 }, name)
        let arpack = try ArnoldiSolver(count: count).leadingEigenvalues(size: 160) {
          MatrixOperator(matrix).apply($0)
        }
        #expect(difference(arpack.values, found.values) < 1e-10 * dense[0].length, name)
      }
    }
  }

  @Test func pairsAreWholeAndVectorsAreVectors() throws {
    // Twenty planes turned by 0.1, 0.2, … and shrunk a little more each.
    let n = 40
    var blocks = Tensor<Double>.zeros([n, n])
    var expected: [Complex<Double>] = []
    for k in 0..<n / 2 {
      let value = Complex(length: 1 - Double(k) / 40, phase: 0.1 * Double(k + 1))
      expected += [value, value.conjugate]
      blocks.update { base in
        let corner = base + 2 * k * (n + 1)
        (corner[0], corner[1]) = (value.real, -value.imaginary)
        (corner[n], corner[n + 1]) = (value.imaginary, value.real)
      }
    }
    let basis = try normal([n, n], seed: 1, as: Double.self).qr().q
    let matrix = basis.matmul(blocks).matmul(basis, transposed: (.no, .yes))
    try withEvery("count", in: 1...8) { count in
      let found = try solve(matrix, BlockKrylovSolver(count: count, block: 4))
      #expect(found.values.count == (count + 1) / 2 * 2)
      #expect(difference(found.values, expected) < 1e-11, "\(currentCase)")
      let vectors = try #require(found.vectors)
      for (j, value) in found.values.enumerated() {
        let re = MatrixOperator(matrix).apply(vectors.real.slice(j..<j + 1)).elements
        let im = MatrixOperator(matrix).apply(vectors.imaginary.slice(j..<j + 1)).elements
        for (i, x) in vectors[j].enumerated() {
          #expect((Complex(re[i], im[i]) - value * x).length < 1e-11)
        }
      }
    }
  }

  @Test func seesAllCopiesOfAMultipleEigenvalue() throws {
    let values = [3, 3, 3, 3, 2, 2] + (0..<90).map { 1 / Double($0 + 1) }
    let found = try solve(diagonal(values), BlockKrylovSolver(count: 6, block: 8))
    #expect(difference(found.values, values.map { Complex($0) }) < 1e-12)
  }

  @Test func nonNormalAndDefective() throws {
    // Grcar's matrix: Toeplitz, far from normal.
    let n = 100
    var grcar = Tensor<Double>.zeros([n, n])
    grcar.update { base in
      for i in 0..<n {
        if i > 0 { base[i * n + i - 1] = -1 }
        for j in i..<min(n, i + 4) { base[i * n + j] = 1 }
      }
    }
    let found = try solve(grcar, BlockKrylovSolver(count: 6, block: 8))
    let dense = try grcar.eigenvalues()
    #expect(found.converged && difference(found.values, dense) < 1e-6)
    // A Jordan block of order 2 at the top: known to the square root of the precision.
    var jordan = diagonal((0..<30).map { $0 < 2 ? 3 : 1 / Double($0) })
    jordan.update { $0[1] = 1 }
    let basis = try normal([30, 30], seed: 5, as: Double.self).qr().q
    let turned = basis.matmul(jordan).matmul(basis, transposed: (.no, .yes))
    let defective = try solve(turned, BlockKrylovSolver(count: 2, block: 4))
    #expect(difference(defective.values, [Complex(3), Complex(3)]) < 1e-6)
  }

  @Test func largestRealOfASymmetricOperator() throws {
    let values = (0..<120).map { -10 + Double($0) / 10 }
    let found = try solve(diagonal(values), BlockKrylovSolver(count: 3, order: .largestReal))
    #expect(difference(found.values, [1.9, 1.8, 1.7].map { Complex($0) }) < 1e-11)
    #expect(found.converged)
  }

  @Test func smallRankAndNothingAtAll() throws {
    let basis = try normal([50, 3], seed: 6, as: Double.self).qr().q
    let matrix = basis.matmul(diagonal([4, 2, 1])).matmul(basis, transposed: (.no, .yes))
    let found = try solve(matrix, BlockKrylovSolver(count: 5, block: 8))
    #expect(difference(found.values, [4, 2, 1, 0, 0].map { Complex($0) }) < 1e-12)
    let zero = try solve(.zeros([20, 20]), BlockKrylovSolver(count: 3))
    #expect(zero.values.allSatisfy { $0.length == 0 } && zero.residuals.allSatisfy { $0 == 0 })
  }

  @Test func smallestSizes() throws {
    try withEvery("size", in: 3...20) { size in
      let values = (0..<size).map { Double(size - $0) }
      for count in Set([1, size / 2, size - 2]) where count >= 1 {
        let found = try solve(diagonal(values), BlockKrylovSolver(count: count, block: 8))
        let expected = values.prefix(count).map { Complex($0) }
        #expect(difference(found.values, expected) < 1e-12, "\(currentCase)")
      }
    }
    #expect(throws: ArnoldiError.tooFewDimensions(size: 4, count: 3)) {
      try solve(.identity(4), BlockKrylovSolver(count: 3))
    }
  }

  @Test func startsFromALikeOperatorsSubspace() throws {
    let matrix: Tensor<Double> = normal([300, 300], seed: 7)
    var near = matrix
    near.add(normal([300, 300], seed: 8), times: 1e-9)
    let solver = BlockKrylovSolver(count: 6)
    let first = try solve(matrix, solver)
    let (cold, warm) = (try solve(near, solver), try solve(near, solver, start: first.basis))
    #expect(warm.converged && difference(warm.values, cold.values) < 1e-9)
    #expect(2 * warm.applications < cold.applications)
  }

  @Test func sameSeedSameBits() throws {
    let matrix: Tensor<Double> = normal([80, 80], seed: 9)
    let solver = BlockKrylovSolver(count: 4, seed: 3)
    let (a, b) = (try solve(matrix, solver), try solve(matrix, solver))
    #expect(a.values == b.values && a.residuals == b.residuals)
  }

  @Test func givingUpIsReported() throws {
    var shift = Tensor<Double>.zeros([300, 300])
    shift.update { base in for i in 0..<300 { base[i * 300 + (i + 1) % 300] = 1 } }
    let found = try solve(shift, BlockKrylovSolver(count: 6, block: 2, maximumRestarts: 1))
    #expect(!found.converged && found.restarts == 1 && found.values.count < 6)
  }

  @Test func badInput() throws {
    for solver in [
      BlockKrylovSolver(count: 0), BlockKrylovSolver(count: 2, block: 0),
      BlockKrylovSolver(count: 2, tolerance: .nan),
      BlockKrylovSolver(count: 2, maximumRestarts: 0),
    ] {
      let error = try #require(throws: ArnoldiError.self) { try solve(.identity(30), solver) }
      guard case .invalidOption = error else {
        Issue.record("\(error)")
        continue
      }
    }
    #expect(throws: ArnoldiError.badStartVector) {
      try solve(
        .identity(30), BlockKrylovSolver(count: 2), start: Tensor([1, 30], repeating: .nan))
    }
    #expect(throws: ArnoldiError.operatorNotFinite(application: 16)) {
      try BlockKrylovSolver(count: 2).leadingEigenvalues(size: 30) {
        Tensor($0.shape, repeating: .infinity)
      }
    }
  }
}
