import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Synchronization
import Testing

private func random<S: Scalar>(_ shape: [Int], _ seed: UInt64, _: S.Type = S.self) -> Tensor<S> {
  var random = Random(seed: seed, for: "arnoldi \(shape)")
  return .normal(shape, using: &random)
}

private func diagonal<S: Scalar>(_ values: [S]) -> Tensor<S> {
  var matrix = Tensor<S>.zeros([values.count, values.count])
  matrix.update { base in for (i, x) in values.enumerated() { base[i * (values.count + 1)] = x } }
  return matrix
}

/// `rows ↦ rows Aᵀ`: each row through the matrix.
private func solve<S: Scalar>(
  _ matrix: Tensor<S>, _ solver: ArnoldiSolver, start: Tensor<S>? = nil
) throws -> ArnoldiSpectrum<S> {
  try solver.leadingEigenvalues(size: matrix.shape[0], start: start) {
    $0.matmul(matrix, transposed: (.no, .yes))
  }
}

private func difference<S: Scalar>(_ a: [Complex<S>], _ b: [Complex<S>]) -> Double {
  zip(a, b).map { Double(($0 - $1).length) }.max() ?? 0
}

@Suite struct ArnoldiTests {
  @Test(arguments: [1, 2, 5, 20])
  func diagonalMatrix(_ count: Int) throws {
    let values = (1...100).map { Double($0) * ($0 % 2 == 0 ? 1 : -1) }
    let spectrum = try solve(diagonal(values), ArnoldiSolver(count: count, keepVectors: true))
    #expect(spectrum.converged)
    let expected = values.reversed().prefix(count).map { Complex($0) }
    #expect(spectrum.values.count == count && difference(spectrum.values, expected) < 1e-10)
    #expect(spectrum.residuals.allSatisfy { $0 < 1e-12 })
    #expect(spectrum.applications > count && spectrum.restarts >= 1)
    let vectors = try #require(spectrum.vectors)
    for (j, value) in expected.enumerated() {
      let peak = vectors[j].map(\.length).enumerated().max { $0.element < $1.element }!
      #expect(peak.offset == Int(abs(value.real)) - 1 && abs(peak.element - 1) < 1e-12)
    }
  }

  @Test(arguments: 1...8)
  func rotationsKeepTheirPairsWhole(_ count: Int) throws {
    // Radius 1 − k/40 at angle 0.1 (k + 1), twenty blocks behind a change of basis, and its largest
    // first. An odd count must give one more.
    let n = 40
    var expected: [Complex<Double>] = []
    var blocks = Tensor<Double>.zeros([n, n])
    for k in 0..<n / 2 {
      let value = Complex(length: 1 - Double(k) / 40, phase: 0.1 * Double(k + 1))
      expected += [value, value.conjugate]
      blocks.update { base in
        let corner = base + 2 * k * (n + 1)
        corner[0] = value.real
        corner[1] = -value.imaginary
        corner[n] = value.imaginary
        corner[n + 1] = value.real
      }
    }
    let basis = try random([n, n], 1, Double.self).qr().q
    let matrix = basis.matmul(blocks).matmul(basis, transposed: (.no, .yes))
    let spectrum = try solve(matrix, ArnoldiSolver(count: count, keepVectors: true))
    #expect(spectrum.converged)
    #expect(spectrum.values.count == (count + 1) / 2 * 2)
    #expect(difference(spectrum.values, expected) < 1e-11)
    #expect(spectrum.residuals.allSatisfy { $0 < 1e-12 })
    let vectors = try #require(spectrum.vectors)
    for (j, value) in spectrum.values.enumerated() {
      let re = vectors.real[j].reshaped([1, n]).matmul(matrix, transposed: (.no, .yes)).elements
      let im =
        vectors.imaginary[j].reshaped([1, n]).matmul(matrix, transposed: (.no, .yes)).elements
      for (i, x) in vectors[j].enumerated() {
        #expect((Complex(re[i], im[i]) - value * x).length < 1e-12)
      }
    }
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func randomMatrixAgreesWithLAPACK(_ seed: UInt64) throws {
    func check<S: Scalar>(_: S.Type, _ tolerance: Double) throws {
      let matrix: Tensor<S> = random([150, 150], seed)
      let spectrum = try solve(matrix, ArnoldiSolver(count: 6, subspace: 40))
      let dense = try matrix.eigenvalues()
      #expect(spectrum.converged && spectrum.values.count >= 6)
      #expect(difference(spectrum.values, dense) < tolerance * Double(dense[0].length))
      #expect(spectrum.residuals.allSatisfy { Double($0) < tolerance })
      #expect(spectrum.vectors == nil)
    }
    try check(Float.self, 1e-4)
    try check(Double.self, 1e-11)
  }

  @Test func nonNormalAndDefective() throws {
    // A triangular matrix with a wild upper part: the spectrum stays its diagonal.
    let n = 60
    var triangular = random([n, n], 4, Double.self)
    triangular.update { base in
      for i in 0..<n {
        for j in 0..<i { base[i * n + j] = 0 }
        base[i * n + i] = 10 * Double.pow(0.8, Double(i))
      }
    }
    let spectrum = try solve(triangular, ArnoldiSolver(count: 4))
    #expect(spectrum.converged)
    let expected = (0..<4).map { Complex(10 * Double.pow(0.8, Double($0))) }
    #expect(difference(spectrum.values, expected) < 1e-8)

    // A Jordan block of order 2 at the top: known to the square root of the precision.
    var jordan = diagonal((0..<30).map { $0 < 2 ? 3 : 1 / Double($0) })
    jordan.update { $0[1] = 1 }
    let basis = try random([30, 30], 5, Double.self).qr().q
    let turned = basis.matmul(jordan).matmul(basis, transposed: (.no, .yes))
    let defective = try solve(turned, ArnoldiSolver(count: 2))
    #expect(defective.converged)
    #expect(difference(defective.values, [Complex(3), Complex(3)]) < 1e-6)
  }

  @Test func scaledIdentityAndZero() throws {
    for scale in [2.5, 0] {
      let spectrum = try solve(
        diagonal(.init(repeating: scale, count: 25)), ArnoldiSolver(count: 3))
      #expect(difference(spectrum.values, .init(repeating: Complex(scale), count: 3)) < 1e-14)
      #expect(spectrum.converged && spectrum.values.count == 3)
      #expect(spectrum.residuals.allSatisfy { $0 < 1e-13 })
    }
  }

  @Test func startVectorInTheNullSpaceIsReplaced() throws {
    let matrix = diagonal((0..<30).map { Double($0) })
    var start = Tensor<Double>.zeros([30])
    start.update { $0[0] = 1 }
    let spectrum = try solve(matrix, ArnoldiSolver(count: 2), start: start)
    #expect(spectrum.converged && difference(spectrum.values, [Complex(29), Complex(28)]) < 1e-12)
  }

  @Test func lowRank() throws {
    // Rank 3 with eigenvalues 4, 2, 1 and 47 zeros; five are asked for.
    let basis = try random([50, 3], 6, Double.self).qr().q
    let matrix = basis.matmul(diagonal([4, 2, 1])).matmul(basis, transposed: (.no, .yes))
    let spectrum = try solve(matrix, ArnoldiSolver(count: 5))
    #expect(difference(spectrum.values, [4, 2, 1, 0, 0].map { Complex($0) }) < 1e-13)
    #expect(spectrum.values.count == 5 && spectrum.residuals.allSatisfy { $0 < 1e-4 })
  }

  @Test func warmStartSavesApplications() throws {
    let matrix = random([200, 200], 7, Double.self)
    let nudge = random([200, 200], 8, Double.self)
    let near = Tensor([200, 200], zip(matrix.elements, nudge.elements).map { $0 + 1e-7 * $1 })
    let solver = ArnoldiSolver(count: 4, tolerance: 1e-6)
    let first = try solve(matrix, solver)
    let cold = try solve(near, solver)
    let warm = try solve(near, solver, start: first.restartVector)
    #expect(warm.converged && warm.applications < cold.applications)
    #expect(difference(warm.values, cold.values) < 1e-4)
  }

  @Test func sameSeedSameBits() throws {
    let matrix = random([80, 80], 9, Double.self)
    let (a, b) = (
      try solve(matrix, ArnoldiSolver(count: 4, seed: 3)),
      try solve(matrix, ArnoldiSolver(count: 4, seed: 3))
    )
    #expect(a.values == b.values && a.residuals == b.residuals && a.applications == b.applications)
  }

  @Test func givingUpIsReported() throws {
    // Nearly equal moduli all round the circle cannot be told apart in one restart.
    var shift = Tensor<Double>.zeros([300, 300])
    shift.update { base in for i in 0..<300 { base[i * 300 + (i + 1) % 300] = 1 } }
    let spectrum = try solve(shift, ArnoldiSolver(count: 6, maximumRestarts: 1))
    #expect(!spectrum.converged && spectrum.values.count < 6)
    // ARPACK counts the basis it stops at.
    #expect((1...2).contains(spectrum.restarts))
  }

  @Test func smallestSizes() throws {
    let spectrum = try solve(diagonal([1.0, 3, 2]), ArnoldiSolver(count: 1))
    #expect(difference(spectrum.values, [Complex(3)]) < 1e-14)
    for (size, count) in [(0, 1), (1, 1), (2, 1), (10, 9)] {
      #expect(throws: ArnoldiError.tooFewDimensions(size: size, count: count)) {
        try solve(Tensor<Double>.identity(size), ArnoldiSolver(count: count))
      }
    }
  }

  @Test func badInput() throws {
    let identity = Tensor<Double>.identity(30)
    for solver in [
      ArnoldiSolver(count: 0), ArnoldiSolver(count: 2, tolerance: -1),
      ArnoldiSolver(count: 2, tolerance: .nan), ArnoldiSolver(count: 2, maximumRestarts: 0),
    ] {
      let error = try #require(throws: ArnoldiError.self) { try solve(identity, solver) }
      guard case .invalidOption = error else {
        Issue.record("\(error)")
        continue
      }
    }
    for start in [Tensor<Double>.zeros([30]), Tensor([30], repeating: .nan)] {
      #expect(throws: ArnoldiError.badStartVector) {
        try solve(identity, ArnoldiSolver(count: 2), start: start)
      }
    }
    var calls = 0
    #expect(throws: ArnoldiError.operatorNotFinite(application: 4)) {
      try ArnoldiSolver(count: 2).leadingEigenvalues(size: 30) { (rows: Tensor<Double>) in
        calls += 1
        return calls == 4 ? Tensor(rows.shape, repeating: .nan) : rows.matmul(random([30, 30], 1))
      }
    }
  }

  @Test func refusesWorkSpaceThatArpackCannotCount() throws {
    // The basis still fits into 32 bits, 3b² does not.
    #expect(throws: ArnoldiError.tooLarge(size: 28_001, subspace: 28_001)) {
      try ArnoldiSolver(count: 14_000).leadingEigenvalues(size: 28_001) {
        (rows: Tensor<Double>) in rows
      }
    }
  }

  @Test func operatorsErrorEndsTheSolveAndTheNextOneWorks() throws {
    struct Stop: Error {}
    var calls = 0
    #expect(throws: Stop.self) {
      try ArnoldiSolver(count: 2).leadingEigenvalues(size: 30) {
        (rows: Tensor<Float>) throws -> Tensor<Float> in
        calls += 1
        if calls == 7 { throw Stop() }
        return rows.matmul(random([30, 30], 1))
      }
    }
    let spectrum = try solve(diagonal((1...30).map(Float.init)), ArnoldiSolver(count: 1))
    #expect(difference(spectrum.values, [Complex(30)]) < 1e-3)
  }

  @Test func solvesInManyThreadsDoNotMix() throws {
    let wrong = Atomic<Int>(0)
    try Workers(count: 4).forEach(8) { part in
      let values = (1...40).map { Double($0 * (part + 1)) }
      let spectrum = try solve(diagonal(values), ArnoldiSolver(count: 2))
      if abs(spectrum.values[0].real - values[39]) > 1e-9 { wrong.add(1, ordering: .relaxed) }
    }
    #expect(wrong.load(ordering: .relaxed) == 0)
  }
}
