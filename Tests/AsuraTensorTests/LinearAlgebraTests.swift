import AsuraTensor
import AsuraTestSupport
import Testing

/// Shapes that are square, tall, wide, of one row, of one column, and long enough to be blocked.
private let shapes = [
  [1, 1], [2, 2], [3, 3], [17, 17], [64, 64], [1, 5], [5, 1], [17, 3], [3, 17], [64, 40], [40, 64],
]
private let squares = [1, 2, 3, 17, 64]

private func random<S: Scalar>(_ shape: [Int], _ seed: UInt64, _: S.Type = S.self) -> Tensor<S> {
  var random = Random(seed: seed, for: "linear algebra \(shape)")
  return .normal(shape, using: &random)
}

private func tolerance<S: Scalar>(_ factor: Double, _: S.Type = S.self) -> Double {
  factor * Double(S.ulpOfOne)
}

/// How far the rows of `a` are from orthonormal.
private func rowDefect<S: Scalar>(_ a: Tensor<S>) -> Double {
  relativeError(a.matmul(a, transposed: (.no, .yes)), .identity(a.shape[0]))
}

private func scaledRows<S: Scalar>(_ a: Tensor<S>, by factors: Tensor<S>) -> Tensor<S> {
  let n = a.shape[1]
  return Tensor(
    a.shape, a.elements.enumerated().map { factors.elements[$0.offset / n] * $0.element })
}

/// The largest distance from an expected value to the one of `actual` nearest to it, each used
/// once.
private func spectrumError<S: Scalar>(_ actual: [Complex<S>], _ expected: [Complex<S>]) -> Double {
  var left = actual
  guard left.count == expected.count else { return .infinity }
  var worst = 0.0
  for value in expected {
    let nearest = left.indices.min { (left[$0] - value).length < (left[$1] - value).length }!
    worst = max(worst, Double((left.remove(at: nearest) - value).length))
  }
  return worst
}

@Suite struct LinearAlgebraTests {
  @Test(arguments: shapes, [1, 2] as [UInt64])
  func singularValueDecompositionRebuilds(_ shape: [Int], _ seed: UInt64) throws {
    func check<S: Scalar>(_: S.Type) throws {
      let a: Tensor<S> = random(shape, seed)
      let svd = try a.singularValueDecomposition()
      let k = shape.min()!
      #expect(svd.left.shape == [shape[0], k] && svd.right.shape == [k, shape[1]])
      let rebuilt = svd.left.matmul(scaledRows(svd.right, by: svd.values))
      #expect(relativeError(rebuilt, a) < tolerance(100, S.self))
      #expect(rowDefect(svd.left.transposed) < tolerance(100, S.self))
      #expect(rowDefect(svd.right) < tolerance(100, S.self))
      #expect(svd.values.elements == svd.values.elements.sorted(by: >))
      #expect(svd.values.elements.allSatisfy { $0 >= 0 })
      #expect(relativeError(try a.singularValues(), svd.values) < tolerance(100, S.self))
      // ‖A‖²_F = Σσ².
      let squares = a.elements.reduce(0) { $0 + Double($1) * Double($1) }
      let sigma = svd.values.elements.reduce(0) { $0 + Double($1) * Double($1) }
      #expect(abs(squares / sigma - 1) < tolerance(100, S.self))
    }
    try check(Float.self)
    try check(Double.self)
  }

  @Test(arguments: shapes, [1, 2] as [UInt64])
  func qrRebuildsWithPositiveDiagonal(_ shape: [Int], _ seed: UInt64) throws {
    func check<S: Scalar>(_: S.Type) throws {
      let a: Tensor<S> = random(shape, seed)
      let qr = try a.qr()
      let k = shape.min()!
      #expect(qr.q.shape == [shape[0], k] && qr.r.shape == [k, shape[1]])
      #expect(relativeError(qr.q.matmul(qr.r), a) < tolerance(100, S.self))
      #expect(rowDefect(qr.q.transposed) < tolerance(100, S.self))
      for i in 0..<k {
        #expect(qr.r[[i, i]] >= 0)
        for j in 0..<i { #expect(qr.r[[i, j]] == 0) }
      }
    }
    try check(Float.self)
    try check(Double.self)
  }

  @Test(arguments: squares, [1, 2] as [UInt64])
  func choleskyRebuilds(_ n: Int, _ seed: UInt64) throws {
    func check<S: Scalar>(_: S.Type) throws {
      let root: Tensor<S> = random([n, n + 2], seed)
      let a = root.matmul(root, transposed: (.no, .yes))
      let l = try a.cholesky()
      #expect(relativeError(l.matmul(l, transposed: (.no, .yes)), a) < tolerance(100, S.self))
      for i in 0..<n { for j in i + 1..<max(n, i + 1) { #expect(l[[i, j]] == 0) } }
    }
    try check(Float.self)
    try check(Double.self)
  }

  @Test(arguments: squares, [1, 2] as [UInt64])
  func symmetricEigenRebuilds(_ n: Int, _ seed: UInt64) throws {
    func check<S: Scalar>(_: S.Type) throws {
      let root: Tensor<S> = random([n, n], seed)
      let half = root.matmul(root.transposed)
      // Indefinite: shift a positive definite matrix by its mean diagonal.
      let shift = (0..<n).reduce(S(0)) { $0 + half[[$1, $1]] } / S(n)
      var a = half
      a.update { base in for i in 0..<n { base[i * n + i] -= shift } }
      let eigen = try a.symmetricEigen()
      let rebuilt = eigen.vectors.matmul(
        scaledRows(eigen.vectors, by: eigen.values), transposed: (.yes, .no))
      // For n = 1 the shifted matrix is 0 up to rounding: compare with the unshifted scale.
      let scale = relativeError(half, .zeros(half.shape)) * 1e-30
      let error = relativeError(rebuilt, a) * relativeError(a, .zeros(a.shape)) * 1e-30
      #expect(error <= tolerance(100, S.self) * scale)
      #expect(rowDefect(eigen.vectors) < tolerance(100, S.self))
      #expect(eigen.values.elements == eigen.values.elements.sorted(by: >))
    }
    try check(Float.self)
    try check(Double.self)
  }

  @Test(arguments: squares, [1, 2, 3] as [UInt64])
  func eigenvectorsSatisfyTheirEquation(_ n: Int, _ seed: UInt64) throws {
    func check<S: Scalar>(_: S.Type) throws {
      let a: Tensor<S> = random([n, n], seed)
      let eigen = try a.eigenDecomposition()
      #expect(eigen.values.count == n)
      // Rows V: A vᵀ = λ vᵀ, that is V Aᵀ = Λ V, in real and imaginary parts.
      let re = eigen.vectors.real.matmul(a, transposed: (.no, .yes))
      let im = eigen.vectors.imaginary.matmul(a, transposed: (.no, .yes))
      let norm = Double(try a.singularValues().elements[0])
      for j in 0..<n {
        let vector = eigen.vectors[j]
        let length = vector.reduce(0.0) { $0 + Double($1.lengthSquared) }.squareRoot()
        #expect(abs(length - 1) < tolerance(100, S.self))
        for i in 0..<n {
          let difference = Complex(re[[j, i]], im[[j, i]]) - eigen.values[j] * vector[i]
          #expect(Double(difference.length) < tolerance(50, S.self) * norm)
        }
      }
      let lengths = eigen.values.map(\.length)
      #expect(lengths == lengths.sorted(by: >))
      for (j, value) in eigen.values.enumerated() where value.imaginary > 0 {
        #expect(eigen.values[j + 1] == value.conjugate)
      }
      let alone = try a.eigenvalues()
      #expect(spectrumError(alone, eigen.values) < tolerance(1000, S.self) * norm)
      // The sum of the eigenvalues is the trace.
      let trace = (0..<n).reduce(0.0) { $0 + Double(a[[$1, $1]]) }
      let sum = alone.reduce(0.0) { $0 + Double($1.real) }
      #expect(abs(trace - sum) < tolerance(100, S.self) * norm * Double(n))
    }
    try check(Float.self)
    try check(Double.self)
  }

  @Test func rotationBlocksHaveTheirAngles() throws {
    // Blocks r (cos θ, −sin θ; sin θ, cos θ) have eigenvalues r e^{±iθ}, here behind a change of
    // basis.
    let blocks = [(2.0, 0.3), (1.0, 1.2), (0.5, 3.0), (1.0, 0.0)]
    var matrix = Tensor<Double>.zeros([8, 8])
    var expected: [Complex<Double>] = []
    for (b, (radius, angle)) in blocks.enumerated() {
      let value = Complex(length: radius, phase: angle)
      expected += [value, value.conjugate]
      matrix.update { base in
        base[(2 * b) * 8 + 2 * b] = value.real
        base[(2 * b) * 8 + 2 * b + 1] = -value.imaginary
        base[(2 * b + 1) * 8 + 2 * b] = value.imaginary
        base[(2 * b + 1) * 8 + 2 * b + 1] = value.real
      }
    }
    let q = try random([8, 8], 3, Double.self).qr().q
    let turned = q.matmul(matrix).matmul(q, transposed: (.no, .yes))
    let values = try turned.eigenvalues()
    #expect(spectrumError(values, expected) < 1e-13)
    #expect(values[0].imaginary > 0 && values[1] == values[0].conjugate)
  }

  @Test func companionMatrixHasThePolynomialsRoots() throws {
    // (x − 1)(x − 2)…(x − 6), coefficients by hand.
    let coefficients = [-21.0, 175, -735, 1624, -1764, 720]
    var companion = Tensor<Double>.zeros([6, 6])
    companion.update { base in
      for j in 0..<6 { base[j] = -coefficients[j] }
      for i in 1..<6 { base[i * 6 + i - 1] = 1 }
    }
    let roots = try companion.eigenvalues()
    #expect(spectrumError(roots, (1...6).map { Complex(Double($0)) }) < 1e-9)
    // x⁵ = 1: the roots of unity.
    var shift = Tensor<Double>.zeros([5, 5])
    shift.update { base in for i in 0..<5 { base[i * 5 + (i + 1) % 5] = 1 } }
    let unity = (0..<5).map { Complex(length: 1, phase: 2 * .pi * Double($0) / 5) }
    #expect(spectrumError(try shift.eigenvalues(), unity) < 1e-14)
  }

  @Test func defectiveMatrixIsKnownToARootOfThePrecision() throws {
    // One Jordan block of order 4 at 1/2, behind a change of basis: error of order ε^(1/4).
    var jordan = Tensor<Double>.identity(4)
    jordan.update { base in
      for i in 0..<4 { base[i * 4 + i] = 0.5 }
      for i in 0..<3 { base[i * 4 + i + 1] = 1 }
    }
    let q = try random([4, 4], 9, Double.self).qr().q
    let turned = q.matmul(jordan).matmul(q, transposed: (.no, .yes))
    let error = spectrumError(try turned.eigenvalues(), .init(repeating: Complex(0.5), count: 4))
    #expect(error < 1e-3)
    // Left as it is, the triangular matrix is solved exactly, with one eigenvector.
    let eigen = try jordan.eigenDecomposition()
    #expect(eigen.values == .init(repeating: Complex(0.5), count: 4))
    for j in 0..<4 { #expect(abs(abs(eigen.vectors.real[[j, 0]]) - 1) < 1e-12) }
  }

  @Test(arguments: shapes)
  func leastSquaresLeavesAnOrthogonalResidual(_ shape: [Int]) throws {
    func check<S: Scalar>(_: S.Type) throws {
      let a: Tensor<S> = random(shape, 4)
      let b: Tensor<S> = random([shape[0], 3], 5)
      let solved = try a.leastSquares(b)
      #expect(solved.solution.shape == [shape[1], 3])
      #expect(solved.rank == shape.min()!)
      #expect(relativeError(solved.singularValues, try a.singularValues()) < tolerance(100, S.self))
      let fit = a.matmul(solved.solution)
      let residual = Tensor(b.shape, zip(b.elements, fit.elements).map { $0 - $1 })
      let normal = a.matmul(residual, transposed: (.yes, .no))
      let largest = normal.elements.map { Double(abs($0)) }.max()!
      let condition = Double(
        solved.singularValues.elements.first! / solved.singularValues.elements.last!)
      #expect(largest < tolerance(1000, S.self) * condition)
      let one = try a.leastSquares(Tensor([shape[0]], (0..<shape[0]).map { b[[$0, 0]] }))
      #expect(one.solution.shape == [shape[1]])
      let column = Tensor([shape[1]], (0..<shape[1]).map { solved.solution[[$0, 0]] })
      #expect(relativeError(one.solution, column) < tolerance(100, S.self) * condition)
    }
    try check(Float.self)
    try check(Double.self)
  }

  @Test func leastSquaresReportsRank() throws {
    // Rank 2 of 5 columns; the solution of smallest norm lies in the row space.
    let rows: Tensor<Double> = random([2, 5], 6)
    let a = random([9, 2], 7, Double.self).matmul(rows)
    let solved = try a.leastSquares(random([9], 8, Double.self))
    #expect(solved.rank == 2)
    let x = solved.solution.reshaped([5, 1])
    let projection = try rows.transposed.leastSquares(x)
    #expect(relativeError(rows.transposed.matmul(projection.solution), x) < 1e-12)
    #expect(try a.leastSquares(random([9], 8, Double.self), cutoff: 0.999).rank == 1)
  }

  @Test func emptyMatrices() throws {
    let none = Tensor<Double>.zeros([0, 0])
    #expect(try none.eigenvalues().isEmpty)
    #expect(try none.eigenDecomposition().vectors.real.shape == [0, 0])
    #expect(try none.symmetricEigen().values.isEmpty)
    #expect(try none.cholesky().isEmpty)
    for shape in [[0, 0], [0, 3], [3, 0]] {
      let a = Tensor<Float>.zeros(shape)
      #expect(try a.singularValues().shape == [0])
      #expect(try a.singularValueDecomposition().right.shape == [0, shape[1]])
      #expect(try a.qr().q.shape == [shape[0], 0])
      let solved = try a.leastSquares(.zeros([shape[0], 2]))
      #expect(solved.solution == .zeros([shape[1], 2]) && solved.rank == 0)
    }
  }

  @Test func zeroMatrixIsHandled() throws {
    let zero = Tensor<Double>.zeros([3, 3])
    #expect(try zero.eigenvalues() == [0, 0, 0])
    #expect(try zero.singularValues() == .zeros([3]))
    let qr = try zero.qr()
    #expect(qr.r == zero && rowDefect(qr.q.transposed) < 1e-15)
    #expect(try zero.leastSquares(.zeros([3])).rank == 0)
  }

  @Test func badInputThrowsBeforeLAPACKSeesIt() throws {
    for bad in [Double.nan, .infinity, -.infinity] {
      var a = Tensor<Double>.identity(4)
      a.update { $0[6] = bad }
      let calls: [() throws -> Void] = [
        { _ = try a.eigenvalues() }, { _ = try a.eigenDecomposition() },
        { _ = try a.symmetricEigen() }, { _ = try a.singularValues() },
        { _ = try a.singularValueDecomposition() }, { _ = try a.qr() }, { _ = try a.cholesky() },
        { _ = try a.leastSquares(.zeros([4])) },
        { _ = try Tensor<Double>.identity(4).leastSquares(a) },
      ]
      for call in calls {
        let error = try #require(throws: LinearAlgebraError.self, performing: call)
        guard case .notFinite(_, let shape, let row, let column, let value) = error else {
          Issue.record("\(error)")
          continue
        }
        #expect(shape == [4, 4] && row == 1 && column == 2)
        #expect(value == bad || (value.isNaN && bad.isNaN))
        #expect("\(error)".contains("row 1, column 2"))
      }
    }
    let indefinite = Tensor<Double>([2, 2], [1, 2, 2, 1])
    #expect(throws: LinearAlgebraError.notPositiveDefinite(shape: [2, 2], order: 2)) {
      try indefinite.cholesky()
    }
  }

  @Test func inputIsLeftAlone() throws {
    let a: Tensor<Double> = random([20, 20], 11)
    let before = a.elements
    _ = try a.eigenDecomposition()
    _ = try a.singularValueDecomposition()
    _ = try a.qr()
    _ = try a.leastSquares(a)
    #expect(a.elements == before)
    // A slice is factorised from where it begins.
    let part = a.slice(5..<12)
    #expect(try part.singularValues() == Tensor([7, 20], part.elements).singularValues())
  }

  @Test func threadsDoNotChangeResults() throws {
    let a: Tensor<Double> = random([520, 520], 12)
    let one = try Workers.$current.withValue(Workers(count: 1)) { try a.eigenvalues() }
    let two = try Workers.$current.withValue(Workers(count: 2)) { try a.eigenvalues() }
    #expect(one == two)
  }
}
