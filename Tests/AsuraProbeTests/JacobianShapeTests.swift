import AsuraModel
import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

private func matrix(_ rows: [[Double]]) -> Tensor<Double> {
  Tensor([rows.count, rows[0].count], rows.flatMap { $0 })
}

/// The shape of a matrix, from all of it or from products alone.
private func shape(
  _ matrix: Tensor<Double>, isWhole: Bool, count: Int = 2, probes: Int = 32
) throws -> JacobianShape {
  let map = MatrixOperator(matrix)
  return try JacobianShape(
    of: map, leading: LeadingSingular(count, of: map), eigenvalues: matrix.eigenvalues(),
    matrix: isWhole ? matrix : nil, probes: probes)
}

@Suite struct JacobianShapeTests {
  @Test func jordanBlock() throws {
    // ½ on the diagonal and 4 above: radius ½, norm about 4.
    let jordan = matrix([[0.5, 4], [0, 0.5]])
    let found = try shape(jordan, isWhole: true)
    // σ² are the roots of s² − (½² + ½² + 4²)s + ½⁴.
    let root = ((16.5 * 16.5 - 4 * 0.0625).squareRoot() + 16.5) / 2
    #expect(abs(found.spectralNorm - root.squareRoot()) < 1e-12)
    // The symmetric part is [[½, 2], [2, ½]].
    #expect(abs(found.numericalAbscissa - 2.5) < 1e-12)
    let whole = try #require(found.whole)
    #expect(abs(whole.departure - 4) < 1e-6 && abs(whole.trace - 1) < 1e-14)
    #expect(abs(found.normOverRadius - 2 * found.spectralNorm) < 1e-6)
  }

  @Test func aRotationIsNormal() throws {
    let q = try normal([24, 24], seed: 1, as: Double.self).qr().q
    let found = try shape(q.scaled(by: 0.8), isWhole: true)
    #expect(abs(found.spectralNorm - 0.8) < 1e-12 && abs(found.normOverRadius - 1) < 1e-11)
    let whole = try #require(found.whole)
    #expect(whole.departure < 1e-6 && abs(whole.effectiveRank - 24) < 1e-9)
    #expect(abs(whole.frobeniusNorm - 0.8 * 24.0.squareRoot()) < 1e-12)
  }

  @Test func effectiveRankOfUnequalShares() throws {
    // Shares ½, ¼, ¼: e^(½ ln 2 + ½ ln 4) = 2^1.5.
    let found = try shape(
      matrix([[2, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]), isWhole: true)
    #expect(abs(found.whole!.effectiveRank - pow(2, 1.5)) < 1e-12)
  }

  @Test func productsAloneAgreeWithLAPACK() throws {
    let random: Tensor<Double> = normal([90, 90], seed: 2)
    let all = try random.singularValueDecomposition()
    let leading = try LeadingSingular(6, of: MatrixOperator(random))
    #expect(leading.converged && leading.residual < 1e-10)
    for i in 0..<6 {
      #expect(abs(leading.values[i] - all.values.elements[i]) < 1e-11 * leading.values[0])
      // Vectors are unique up to their common sign.
      let sign = leading.right[i].dot(all.right[i]) > 0 ? 1.0 : -1
      #expect(relativeError(leading.right[i].scaled(by: sign), all.right[i]) < 1e-8)
      #expect(relativeError(leading.left[i].scaled(by: sign), all.left.transposed[i]) < 1e-8)
    }
    let (whole, products) = (
      try shape(random, isWhole: true), try shape(random, isWhole: false)
    )
    #expect(abs(whole.numericalAbscissa - products.numericalAbscissa) < 1e-8)
    let symmetric = (random + random.transposed).scaled(by: 0.5)
    let largest = try symmetric.symmetricEigen().values.elements[0]
    #expect(abs(products.numericalAbscissa - largest) < 1e-7)
    #expect(products.whole == nil)
  }

  @Test func ofATrainedModel() throws {
    let golden = try Golden("trained-columns")
    let model = try golden.model(as: Double.self)
    let map = try LatentMap(model, golden.input, iteration: 2)
    let state = try golden["latent.1"].reshaped([1, map.dimension])
    let leading = try LeadingSingular(5, of: StateJacobian(of: map, at: state))
    let expected = try golden["jacobian.singular"].elements
    for (a, b) in zip(leading.values, expected) { #expect(abs(a - b) < 1e-10 * expected[0]) }
    #expect(leading.values.count == 5 && leading.residual < 1e-10)
  }

  @Test func tracesAreEstimatedWithHonestErrorBars() throws {
    // Of 40 matrices' traces some 38 should lie within two standard errors.
    var within = 0
    for seed in 0..<40 {
      var random: Tensor<Double> = normal([30, 30], seed: UInt64(seed) + 100)
      random.add(.identity(30), times: 2)
      let found = try JacobianShape(
        of: MatrixOperator(random), leading: LeadingSingular(1, of: MatrixOperator(random)),
        eigenvalues: [Complex(1)], probes: 64, seed: UInt64(seed))
      let trace = (0..<30).reduce(0) { $0 + random[[$1, $1]] }
      let estimate = found.traceEstimate
      if abs(estimate.value - trace) < 2 * estimate.standardError { within += 1 }
      let squares = found.squaredNormEstimate
      #expect(abs(squares.value - random.dot(random)) < 6 * squares.standardError)
    }
    #expect((33...40).contains(within))
    // A diagonal's probes are all exact: signs cancel.
    let exact = try shape(matrix([[1, 0, 0], [0, 2, 0], [0, 0, 4]]), isWhole: false)
    #expect(exact.traceEstimate.value == 7 && exact.traceEstimate.standardError == 0)
  }

  @Test func restrictsToPositionsAndSubspaces() throws {
    let random: Tensor<Double> = normal([12, 12], seed: 5)
    let map = MatrixOperator(random)
    let block = StatePart.position(2).restricting(map, width: 3)
    let expected = Tensor([3, 3], (6..<9).flatMap { i in (6..<9).map { random[[i, $0]] } })
    #expect(relativeError(try block.matrix(), expected) < 1e-14)
    let w: Tensor<Double> = normal([2, 3])
    #expect(relativeError(try block.applyTransposed(w), w.matmul(expected)) < 1e-14)
    // The span of an invariant subspace keeps its eigenvalues.
    let schur = try random.realSchur { $0.map { $0.length > 2.5 } }
    let rows = schur.q.transposed.slice(0..<schur.chosen)
    let mixing: Tensor<Double> = normal([schur.chosen, schur.chosen], seed: 6)
    let part = try StatePart.span(of: mixing.matmul(rows))
    let inside = try part.restricting(map, width: 3).matrix().eigenvalues()
    let outside = try random.eigenvalues()
    #expect(zip(inside, outside).allSatisfy { ($0 - $1).length < 1e-10 })
    #expect(throws: ProbeError.self) {
      try StatePart.span(of: Tensor([2, 12], repeating: 1))
    }
  }

  @Test func principalComponentsOfKnownSpread() throws {
    // Points along two directions only, the first ten times as wide.
    let axes = try normal([8, 2], seed: 7, as: Double.self).qr().q.transposed
    let points = Tensor([20, 2], (0..<20).flatMap { [10 * cos(Double($0)), sin(3 * Double($0))] })
    let states = points.matmul(axes)
    guard case .subspace(let basis) = try StatePart.principalComponents(2, of: states) else {
      Issue.record("no subspace")
      return
    }
    #expect(abs(abs(basis[0].dot(axes[0])) - 1) < 1e-3)
    let error = try #require(throws: ProbeError.self) {
      try StatePart.principalComponents(3, of: states)
    }
    #expect(error.description.contains("2 principal components"))
  }
}
