import AsuraTensor
import AsuraTestSupport
import ComplexModule
import Testing

/// Eigenvalues of matrices too large for LAPACK's `geev` to be left the choice of shifts; `eigenDecomposition` always
/// leaves it, so it is what these are compared with where no closed form is known.
@Suite struct MultishiftQRTests {
  /// The largest distance from a value to the nearest of the others not yet used.
  private func distance<S: Scalar>(_ found: [Complex<S>], _ expected: [Complex<S>]) -> Double {
    guard found.count == expected.count else { return .infinity }
    var left = found
    return expected.map { value in
      let nearest = left.indices.min { (left[$0] - value).length < (left[$1] - value).length }!
      return Double((left.remove(at: nearest) - value).length)
    }.max() ?? 0
  }

  private func normal<S: Scalar>(_ n: Int, seed: UInt64, _: S.Type = S.self) -> Tensor<S> {
    var random = Random(seed: seed)
    return .normal([n, n], using: &random)
  }

  private func filled(_ n: Int, _ entry: (Int, Int) -> Double) -> Tensor<Double> {
    Tensor([n, n], (0..<n * n).map { entry($0 / n, $0 % n) })
  }

  @Test(arguments: [255, 256, 257, 300, 513, 700])
  func agreesWithLAPACK(_ n: Int) throws {
    let a = normal(n, seed: UInt64(n), Double.self)
    #expect(distance(try a.eigenvalues(), try a.eigenDecomposition().values) < 1e-10)
    let single: Tensor<Float> = a.converted()
    #expect(distance(try single.eigenvalues(), try single.eigenDecomposition().values) < 3e-2)
  }

  /// Rotations by many angles with many radii, behind an orthogonal change of basis.
  @Test(arguments: [256, 400, 1024])
  func knowsAPlantedSpectrum(_ n: Int) throws {
    let values = (0..<n / 2).map { i -> Complex<Double> in
      let radius = 0.1 + Double(i % 37) / 30
      let angle = 0.01 + 6 * Double(i) / Double(n)
      return Complex(length: radius, phase: angle)
    }
    let blocks = filled(n) { row, column -> Double in
      guard row / 2 == column / 2 else { return 0 }
      let value = values[row / 2]
      if row == column { return value.real }
      return row < column ? -value.imaginary : value.imaginary
    }
    let q = try normal(n, seed: 5, Double.self).qr().q
    let found = try q.matmul(blocks).matmul(q, transposed: (.no, .yes)).eigenvalues()
    #expect(distance(found, values.flatMap { value in [value, value.conjugate] }) < 1e-12)
    for (i, value) in found.enumerated() where value.imaginary > 0 {
      #expect(found[i + 1] == value.conjugate)
    }
  }

  /// A cyclic shift is Hessenberg already and orthogonal: shifts from its entries alone are all alike, and plain QR
  /// steps would stand still.
  @Test func rootsOfUnity() throws {
    let n = 300
    let shift = filled(n) { ($0 + 1) % n == $1 ? 1 : 0 }
    let roots = (0..<n).map { (k: Int) -> Complex<Double> in
      Complex(length: 1, phase: 2 * Double.pi * Double(k) / Double(n))
    }
    #expect(distance(try shift.eigenvalues(), roots) < 1e-12)
    #expect(distance(try shift.transposed.eigenvalues(), roots) < 1e-12)
  }

  /// The second difference has the eigenvalues 2 − 2 cos(kπ/(n + 1)).
  @Test func realEigenvaluesStayReal() throws {
    let n = 320
    let matrix = filled(n) { $0 == $1 ? 2 : abs($0 - $1) == 1 ? -1 : 0 }
    let expected = (1...n).map { (k: Int) -> Complex<Double> in
      let angle = Double(k) * Double.pi / Double(n + 1)
      return Complex(2 - 2 * Double.cos(angle))
    }
    let found = try matrix.eigenvalues()
    #expect(distance(found, expected) < 1e-12)
    #expect(found.allSatisfy { $0.imaginary == 0 })
  }

  @Test func triangularAndEmptyMatricesAreReadOffTheDiagonal() throws {
    let n = 300
    #expect(try Tensor<Double>.zeros([n, n]).eigenvalues() == .init(repeating: 0, count: n))
    #expect(try Tensor<Double>.identity(n).eigenvalues() == .init(repeating: 1, count: n))
    let values = normal(n, seed: 9, Double.self)
    let upper = filled(n) { $0 < $1 ? values[[$0, $1]] : $0 == $1 ? Double($0 + 1) : 0 }
    let descending = (1...n).reversed().map { Complex(Double($0)) }
    #expect(try upper.eigenvalues() == descending)
    #expect(try upper.transposed.eigenvalues() == descending)
  }

  /// What balancing finds isolated at either end never goes through QR.
  @Test func isolatedEigenvaluesAreKept() throws {
    let n = 400
    let values = normal(n, seed: 11, Double.self)
    let matrix = filled(n) { row, column in
      let isInside = 30..<370 ~= row && 30..<370 ~= column
      return row <= column || isInside ? values[[row, column]] : 0
    }
    // Rows and columns in another order.
    let order = (0..<n).map { $0 * 171 % n }
    let shuffled = filled(n) { matrix[[order[$0], order[$1]]] }
    #expect(distance(try shuffled.eigenvalues(), try matrix.eigenDecomposition().values) < 1e-9)
  }

  /// Balancing undoes a bad choice of units.
  @Test func scalesOfManyOrdersAreBalanced() throws {
    let n = 280
    let a = normal(n, seed: 13, Double.self)
    let scaled = filled(n) { row, column in
      a[[row, column]] * Double.exp2(Double(row % 9 - column % 9) * 5)
    }
    #expect(distance(try scaled.eigenvalues(), try a.eigenvalues()) < 1e-9)
  }

  /// Entries whose squares would overflow go the way LAPACK scales them.
  @Test func hugeAndTinyEntries() throws {
    let a = normal(260, seed: 15, Double.self)
    let values = try a.eigenvalues()
    for scale in [1e200, 1e-200] {
      let scaled = filled(260) { a[[$0, $1]] * scale }
      let found = try scaled.eigenvalues().map { Complex($0.real / scale, $0.imaginary / scale) }
      #expect(distance(found, values) < 1e-10)
    }
  }

  /// A value that all but stands alone, coupled to the others by entries whose squares are below the smallest numbers or
  /// have few digits left.
  @Test func couplingsWhoseSquaresVanish() throws {
    func check<S: Scalar>(_ couplings: [S], within tolerance: Double) throws {
      let n = 300
      let a: Tensor<S> = normal(n, seed: 17)
      for coupling in couplings {
        let matrix = Tensor<S>(
          [n, n],
          (0..<n * n).map { i -> S in
            let entry = a[[i / n, i % n]]
            if i == 0 { return 50 }
            return i < n || i % n == 0 ? coupling * entry : entry
          })
        let inner = Tensor<S>(
          [n - 1, n - 1],
          (0..<(n - 1) * (n - 1)).map { i -> S in a[[i / (n - 1) + 1, i % (n - 1) + 1]] })
        let expected = try inner.eigenDecomposition().values + [Complex(50)]
        #expect(distance(try matrix.eigenvalues(), expected) < tolerance, "\(coupling)")
      }
    }
    try check([1e-20, 1e-22, 3e-23, 1e-23, 1e-30] as [Float], within: 3e-2)
    try check([1e-150, 1e-161, 1e-162, 1e-170] as [Double], within: 1e-10)
  }
}
