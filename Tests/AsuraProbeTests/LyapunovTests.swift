import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

/// A map of one state in closed form, with its Jacobian by rows.
private struct FormulaMap: StateMap {
  let dimension: Int
  var count = 1
  let value: @Sendable ([Double]) -> [Double]
  let jacobian: @Sendable ([Double]) -> [[Double]]

  struct Linearization: StateLinearization {
    let value: Tensor<Double>
    let matrices: [Tensor<Double>]

    func jvp(_ tangents: Tensor<Double>) -> Tensor<Double> {
      let (k, n) = (tangents.shape[0], value.shape[1])
      return .concatenating(
        (0..<k).flatMap { i in
          matrices.indices.map { row in
            tangents[i].slice(row..<row + 1).matmul(matrices[row], transposed: (.no, .yes))
          }
        }
      ).reshaped([k, matrices.count, n])
    }

    func vjp(_ cotangents: Tensor<Double>) -> Tensor<Double> {
      .concatenating(
        matrices.indices.map { cotangents.slice($0..<$0 + 1).matmul(matrices[$0]) })
    }
  }

  func callAsFunction(_ states: Tensor<Double>) -> Tensor<Double> {
    Tensor(states.shape, (0..<count).flatMap { value(states[$0].elements) })
  }

  func linearized(at states: Tensor<Double>) -> any StateLinearization {
    Linearization(
      value: self(states),
      matrices: (0..<count).map { row in
        Tensor([dimension, dimension], jacobian(states[row].elements).flatMap { $0 })
      })
  }

  func selecting(_ rows: [Int]) -> any StateMap {
    var map = self
    map.count = rows.count
    return map
  }
}

@Suite struct LyapunovTests {
  @Test func logisticMapDoublesDifferences() throws {
    // r = 4: ln 2 for almost every start (Ott, Chaos in Dynamical Systems, 2002).
    let map = FormulaMap(
      dimension: 1, count: 3, value: { [4 * $0[0] * (1 - $0[0])] },
      jacobian: { [[4 - 8 * $0[0]]] })
    let found = try LyapunovExponents(
      1, from: Tensor([3, 1], [0.1234, 0.37, 0.811]), through: Array(0..<20_000),
      map: { _ in map })
    for example in 0..<3 {
      #expect(abs(found.final(example)[0] - log(2)) < 5e-3)
      #expect(found.drift(example) < 5e-3)
    }
    #expect(found.running.shape == [20_000, 3, 1])
  }

  @Test func henon() throws {
    // a = 1.4, b = 0.3: 0.4192 (Sprott, Chaos and Time-Series Analysis, 2003); their sum is ln b, exactly.
    let map = FormulaMap(
      dimension: 2, value: { [1 - 1.4 * $0[0] * $0[0] + $0[1], 0.3 * $0[0]] },
      jacobian: { [[-2.8 * $0[0], 1], [0.3, 0]] })
    let found = try LyapunovExponents(
      2, from: Tensor([1, 2], [0.1, 0.1]), through: Array(0..<30_000), map: { _ in map })
    let exponents = found.final(0)
    #expect(abs(exponents[0] - 0.4192) < 4e-3)
    #expect(abs(exponents[0] + exponents[1] - log(0.3)) < 1e-10)
  }

  @Test func linearMapsHaveTheLogarithmsOfTheirModuli() throws {
    // Far from normal, and yet in the end only the moduli count.
    let map = FormulaMap(
      dimension: 3, value: { [1.5 * $0[0] + 40 * $0[1], 0.5 * $0[1] + 9 * $0[2], 0.1 * $0[2]] },
      jacobian: { _ in [[1.5, 40, 0], [0, 0.5, 9], [0, 0, 0.1]] })
    let found = try LyapunovExponents(
      3, from: .zeros([1, 3]), through: Array(0..<4000), map: { _ in map })
    for (a, b) in zip(found.final(0), [1.5, 0.5, 0.1]) { #expect(abs(a - log(b)) < 5e-3) }
    // Early on the shear shows: over few iterations growth is faster than in the long run.
    #expect(found.running[[2, 0, 0]] > log(1.5) + 0.3)
  }

  @Test func mapsMayChangeAndDirectionsMayVanish() throws {
    func scaling(_ a: Double, _ b: Double) -> FormulaMap {
      FormulaMap(
        dimension: 2, value: { [a * $0[0], b * $0[1]] }, jacobian: { _ in [[a, 0], [0, b]] })
    }
    let found = try LyapunovExponents(
      2, from: Tensor([1, 2], [1, 1]), through: [5, 6],
      map: { t in t == 5 ? scaling(2, 0) : scaling(8, 3) })
    #expect(abs(found.final(0)[0] - log(16) / 2) < 0.8 && found.final(0)[1] == -.infinity)
    #expect(found.end.elements == [16, 0] && found.iterations == [5, 6])
  }

  @Test func stopsWhenAsked() throws {
    let map = FormulaMap(dimension: 1, value: { $0 }, jacobian: { _ in [[1]] })
    var done = 0
    let found = try LyapunovExponents(
      1, from: .zeros([1, 1]), through: Array(0..<10), map: { _ in map },
      isCancelled: { done == 4 }, progress: { _, _ in done += 1 })
    #expect(found.iterations == [0, 1, 2, 3] && found.final(0) == [0])
  }
}

@Suite struct SeparationTests {
  @Test func areasOfKnownRanks() throws {
    #expect(try #require(Separation([3, 4], [1, 2])).area == 1)
    #expect(try #require(Separation([1, 2], [3, 4])).area == 0)
    #expect(try #require(Separation([1, 1], [1, 1])).area == 0.5)
    // Of six pairs four are won and one is tied.
    let some = try #require(Separation([5, 3], [1, 3, 4]))
    #expect(abs(some.area - 4.5 / 6) < 1e-15 && some.counts.first == 2 && some.counts.second == 3)
    #expect(some.interval.contains(some.area))
    // −∞ is a score like any other.
    #expect(try #require(Separation([0], [-.infinity])).area == 1)
  }

  @Test func noneOfOneKindIsNoArea() {
    #expect(Separation([], [1, 2]) == nil && Separation([1], []) == nil)
    #expect(Separation([1, .nan], [2]) == nil)
  }

  @Test func intervalsCoverTheTruth() throws {
    // Normal scores one standard deviation apart: Φ(1/√2) = 0.7602.
    var covered = 0
    for seed in 0..<60 {
      var random = Random(seed: UInt64(seed), for: "scores")
      let first = (0..<40).map { _ in random.normal() + 1 }
      let second = (0..<40).map { _ in random.normal() }
      let found = try #require(Separation(first, second, resamples: 400, seed: UInt64(seed)))
      if found.interval.contains(0.7602) { covered += 1 }
    }
    #expect(covered >= 50)
  }
}
