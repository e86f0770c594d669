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
  @Test func agreesWithLAPACK() throws {
    let random: Tensor<Double> = normal([160, 160], seed: 3)
    let matrix = random + random.transposed
    let dense = try matrix.symmetricEigen().values.elements
    try withEvery("count", in: [1, 5, 20]) { count in
      try withEvery("block", in: [1, 4, 16]) { block in
        let found = try solve(matrix, BlockKrylovSolver(count: count, block: block))
        let name = Comment(rawValue: currentCase)
        #expect(found.converged && found.values.count == count, name)
        #expect(difference(found.values, dense.map { Complex($0) }) < 1e-11 * dense[0], name)
        #expect(found.residuals.allSatisfy { $0 < 1e-11 }, name)
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
      let found = try solve(
        matrix, BlockKrylovSolver(count: count, order: .largestModulus, block: 4))
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

  @Test func largestRealOfASymmetricOperator() throws {
    let values = (0..<120).map { -10 + Double($0) / 10 }
    let found = try solve(diagonal(values), BlockKrylovSolver(count: 3))
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
    let random: Tensor<Double> = normal([300, 300], seed: 7)
    let matrix = random + random.transposed
    var near = matrix
    let nudge: Tensor<Double> = normal([300, 300], seed: 8)
    near.add(nudge + nudge.transposed, times: 1e-9)
    let solver = BlockKrylovSolver(count: 6)
    let first = try solve(matrix, solver)
    let (cold, warm) = (try solve(near, solver), try solve(near, solver, start: first.basis))
    #expect(warm.converged && difference(warm.values, cold.values) < 1e-9)
    #expect(warm.applications < cold.applications)
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
    let solver = BlockKrylovSolver(count: 6, order: .largestModulus, block: 2, maximumRestarts: 1)
    let found = try solve(shift, solver)
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
