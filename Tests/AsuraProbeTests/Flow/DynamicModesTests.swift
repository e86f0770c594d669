import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

private typealias C = Complex<Double>

/// The largest distance from an expected value to the nearest actual one.
private func distance(_ actual: [C], _ expected: [C]) -> Double {
  guard actual.count == expected.count else { return .infinity }
  return expected.map { e in actual.map { ($0 - e).length }.min() ?? .infinity }.max() ?? 0
}

/// `S A S⁻¹` for a fixed well-conditioned S of size 4.
private func similar(_ matrix: [[Double]]) throws -> [[Double]] {
  let n = matrix.count
  let s = Tensor<Double>.identity(n) + normal([n, n], seed: 7).scaled(by: 0.3)
  let inverse = try s.leastSquares(.identity(n)).solution
  let product = s.matmul(Tensor([n, n], matrix.flatMap { $0 })).matmul(inverse)
  return (0..<n).map { product[$0].elements }
}

@Suite struct DynamicModesTests {
  /// Exactly the eigenvalues of a linear map, from one of its paths, whatever constant is added.
  @Test func linearMap() throws {
    let (c, s) = (0.8 * cos(0.7), 0.8 * sin(0.7))
    let matrix = try similar([[0.95, 0, 0, 0], [0, -0.4, 0, 0], [0, 0, c, -s], [0, 0, s, c]])
    let states = KnownMap.linear(matrix, [1, -2, 3, 0.5]).orbit([1, 1, 1, 1], 20)
    let modes = try #require(try DynamicModes(ofPath: states, steps: 0..<20))
    #expect(modes.rank == 4 && modes.pairs == 19 && modes.residual < 1e-12)
    #expect(distance(modes.eigenvalues, [C(0.95), C(-0.4), C(c, s), C(c, -s)]) < 1e-10)
    #expect(!modes.isInterpolating)
    // The modes are the map's eigenvectors.
    let map = Tensor([4, 4], matrix.flatMap { $0 })
    for (i, value) in modes.eigenvalues.enumerated() {
      let (re, im) = (modes.modes.real.slice(i..<i + 1), modes.modes.imaginary.slice(i..<i + 1))
      let (imageRe, imageIm) = (
        re.matmul(map, transposed: (.no, .yes)), im.matmul(map, transposed: (.no, .yes))
      )
      let differenceRe = imageRe - (re.scaled(by: value.real) - im.scaled(by: value.imaginary))
      let differenceIm = imageIm - (re.scaled(by: value.imaginary) + im.scaled(by: value.real))
      #expect(differenceRe.norm + differenceIm.norm < 1e-9)
    }
  }

  /// Highly non-normal: eigenvalues 0.9 and 0.5, with a norm a hundred times as large.
  @Test func nonNormal() throws {
    let states = KnownMap.linear([[0.9, 100], [0, 0.5]]).orbit([1, 1], 15)
    let modes = try #require(try DynamicModes(ofPath: states, steps: 0..<15))
    #expect(distance(modes.eigenvalues, [C(0.9), C(0.5)]) < 1e-9 && modes.residual < 1e-11)
  }

  /// A Jordan block: known to a root of the precision only.
  @Test func defective() throws {
    let states = KnownMap.linear([[0.7, 1], [0, 0.7]]).orbit([1, 1], 15)
    let modes = try #require(try DynamicModes(ofPath: states, steps: 0..<15))
    #expect(distance(modes.eigenvalues, [C(0.7), C(0.7)]) < 1e-5 && modes.residual < 1e-12)
  }

  @Test(arguments: [3, 5, 12])
  func rotationsLieOnTheCircle(period: Int) throws {
    let angle = 2 * Double.pi / Double(period)
    let states = KnownMap.linear(rotation(angle)).orbit([1, 0], 3 * period)
    let modes = try #require(try DynamicModes(ofPath: states, steps: 0..<3 * period))
    #expect(
      distance(modes.eigenvalues, [C(cos(angle), sin(angle)), C(cos(angle), -sin(angle))]) < 1e-12)
  }

  /// Noise takes the many small singular values: the optimal threshold leaves the two modes that are there.
  @Test func hardThresholdLeavesNoiseOut() throws {
    let (pairs, dimension) = (60, 40)
    let plane = try normal([dimension, 2], seed: 3, as: Double.self).qr().q
    let orbit = KnownMap.linear(rotation(0.4, times: 0.98)).orbit([1, 0], pairs)
    let clean = orbit.matmul(plane, transposed: (.no, .yes))
    let noisy = clean + normal([pairs + 1, dimension], seed: 4).scaled(by: 1e-4)
    let modes = try DynamicModes(
      from: noisy.slice(0..<pairs), to: noisy.slice(1..<pairs + 1), rule: .hardThreshold)
    let expected = [C(0.98 * cos(0.4), 0.98 * sin(0.4)), C(0.98 * cos(0.4), -0.98 * sin(0.4))]
    #expect(modes.rank == 2 && distance(modes.eigenvalues, expected) < 1e-3)
    // The share of energy that the two hold tells them apart as well.
    let energy = try DynamicModes(
      from: noisy.slice(0..<pairs), to: noisy.slice(1..<pairs + 1), rule: .energy(1 - 1e-4))
    #expect(energy.rank == 2)
    let one = try DynamicModes(
      from: noisy.slice(0..<pairs), to: noisy.slice(1..<pairs + 1), rule: .fixed(1))
    #expect(one.rank == 1 && one.residual > 0.1)
  }

  @Test func tooLittleToFit() throws {
    let still = KnownMap.linear([[1]]).orbit([2], 6)
    #expect(try DynamicModes(ofPath: still, steps: 0..<6) == nil)
    let path = KnownMap.linear([[0.5]]).orbit([1], 6)
    #expect(try DynamicModes(ofPath: path, steps: 0..<1) == nil)
    let two = try #require(try DynamicModes(ofPath: path, steps: 0..<2))
    #expect(two.isInterpolating && abs(two.eigenvalues[0].real - 0.5) < 1e-14)
  }

  /// numpy's answer for the same snapshots: Tests/Goldens/README.md.
  @Test func agreesWithNumPy() throws {
    let golden = try Golden("flow")
    let states = try golden["states"]
    let count = states.shape[0] - 1
    let modes = try DynamicModes(
      from: states.slice(0..<count), to: states.slice(1..<count + 1), rule: .fixed(5))
    let values = zip(try golden["dmd.real"].elements, try golden["dmd.imag"].elements)
      .map { C($0, $1) }
    #expect(distance(modes.eigenvalues, values) < 1e-10)
    #expect(abs(modes.residual - (try golden["dmd.residual"].scalar)) < 1e-12)

    let components = try PrincipalComponents(of: states, count: 3)
    #expect(relativeError(components.scores, try golden["pca.scores"]) < 1e-10)
    #expect(relativeError(Tensor([3], components.shares), try golden["pca.shares"]) < 1e-12)
  }
}

@Suite struct PrincipalComponentTests {
  /// Points on an ellipse with half-axes 3 and 1: variances 9 : 1.
  @Test func ellipse() throws {
    let points = (0..<12).flatMap { i -> [Double] in
      let angle = Double(i) * .pi / 6
      return [5 + cos(angle), 3 * sin(angle) - 2, 7]
    }
    let components = try PrincipalComponents(of: Tensor([12, 3], points), count: 3)
    #expect(relativeError(components.mean, Tensor([3], [5, -2, 7])) < 1e-14)
    #expect(abs(components.shares[0] - 0.9) < 1e-14 && abs(components.shares[1] - 0.1) < 1e-14)
    #expect(abs(components.directions[[0, 1]] - 1) < 1e-14)
    #expect(abs(components.project(Tensor([3], [5, 1, 7]))[0] - 3) < 1e-13)
    #expect(abs(components.scores[[3, 0]] - 3) < 1e-13)
  }

  @Test func oneplace() throws {
    let components = try PrincipalComponents(of: Tensor([4, 2], repeating: 3), count: 2)
    #expect(components.shares == [0, 0] && components.scores.norm == 0)
  }
}

@Suite struct PathCoordinatesTests {
  /// Distances and angles survive, with as many coordinates as states span.
  @Test func keepsGeometry() throws {
    let states = normal([20, 7], as: Double.self).matmul(normal([7, 50], seed: 2, as: Double.self))
    var basis = PathCoordinates(origin: states[0])
    let rows = (0..<20).map { basis.append(states[$0]) }
    #expect(basis.count == 7)
    let matrix = PathCoordinates.matrix(rows, width: 7)
    for i in 0..<20 {
      for j in 0..<20 {
        let (a, b) = (
          matrix[i].squaredDistance(to: matrix[j]).squareRoot(),
          states[i].squaredDistance(to: states[j]).squareRoot()
        )
        #expect(abs(a - b) < 1e-12 * 100)
      }
    }
    let (place, distance) = basis.project(states[4])
    #expect(distance < 1e-12 && relativeError(Tensor([7], place), matrix[4]) < 1e-12)
    #expect(basis.project(normal([50], seed: 9)).distance > 1)
  }

  /// Nearly parallel states keep their small differences.
  @Test func isOrthonormalToRounding() {
    let base = normal([30], as: Double.self)
    var basis = PathCoordinates(origin: base)
    var states: [Tensor<Double>] = []
    for t in 0..<15 {
      states.append(base + normal([30], seed: UInt64(10 + t)).scaled(by: pow(10, -Double(t) / 2)))
    }
    let rows = states.map { basis.append($0) }
    let matrix = PathCoordinates.matrix(rows, width: basis.count)
    for t in 1..<15 {
      let (a, b) = (
        matrix[t].squaredDistance(to: matrix[t - 1]).squareRoot(),
        states[t].squaredDistance(to: states[t - 1]).squareRoot()
      )
      #expect(abs(a - b) < 1e-12)
    }
  }
}
