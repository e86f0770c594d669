import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

@Suite struct RandomTests {
  /// `kat_vectors` of Random123 1.14, philox 4x32, 10 rounds.
  @Test func knownAnswers() {
    let ones = UInt32.max
    #expect(
      Random.block(counter: (0, 0, 0, 0), key: (0, 0))
        == (0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
    #expect(
      Random.block(counter: (ones, ones, ones, ones), key: (ones, ones))
        == (0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
    #expect(
      Random.block(
        counter: (0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344),
        key: (0xa409_3822, 0x299f_31d0))
        == (0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
  }

  @Test func numbersAreTheWordsOfTheBlocks() {
    var random = Random(seed: 0)
    let first = Random.block(counter: (0, 0, 0, 0), key: (0, 0))
    #expect(random.next() == UInt64(first.0) | UInt64(first.1) << 32)
    #expect(random.next() == UInt64(first.2) | UInt64(first.3) << 32)
    let second = Random.block(counter: (1, 0, 0, 0), key: (0, 0))
    #expect(random.next() == UInt64(second.0) | UInt64(second.1) << 32)
    #expect(random.position == 3)
  }

  @Test func resumesFromItsCodedState() throws {
    var random = Random(seed: 7, for: "test")
    for _ in 0..<5 { _ = random.next() }
    var copy = try JSONDecoder().decode(Random.self, from: JSONEncoder().encode(random))
    #expect(copy == random)
    #expect((0..<9).map { _ in copy.next() } == (0..<9).map { _ in random.next() })
  }

  /// Within six standard errors of the exact moments.
  private func expectMoments(_ x: [Double], mean: Double, variance: Double, fourth: Double) {
    let n = Double(x.count)
    let m = x.reduce(0, +) / n
    let v = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / n
    #expect(abs(m - mean) < 6 * (variance / n).squareRoot())
    #expect(abs(v - variance) < 6 * ((fourth - variance * variance) / n).squareRoot())
  }

  @Test func uniformMoments() {
    var random = Random(seed: 3)
    let x = (0..<200_000).map { _ in random.uniform() }
    #expect(x.allSatisfy { $0 >= 0 && $0 < 1 })
    expectMoments(x, mean: 0.5, variance: 1.0 / 12, fourth: 1.0 / 80)
    // Neighbours are uncorrelated.
    let products = zip(x, x.dropFirst()).map { ($0 - 0.5) * ($1 - 0.5) }
    let correlation = products.reduce(0, +) / Double(products.count) * 12
    #expect(abs(correlation) < 6 / Double(x.count).squareRoot())
  }

  @Test func normalMoments() {
    var random = Random(seed: 4)
    let x: Tensor<Double> = .normal([200_000], using: &random)
    expectMoments(x.elements, mean: 0, variance: 1, fourth: 3)
    let beyond = x.elements.count { abs($0) > 1.959963984540054 }
    #expect(abs(Double(beyond) - 10_000) < 6 * (200_000 * 0.05 * 0.95).squareRoot())
    #expect(x.isFinite)
    let scaled: Tensor<Float> = .normal([20_000], scale: 3, using: &random)
    #expect(abs(scaled.dot(scaled) / 20_000 - 9) < 6 * 9 * (2.0 / 20_000).squareRoot())
  }

  @Test func uniformTensorsStayInTheirRange() {
    var random = Random(seed: 5)
    let x: Tensor<Float> = .uniform([100_000], in: -2..<3, using: &random)
    #expect(x.elements.allSatisfy { $0 >= -2 && $0 < 3 })
    #expect(abs(x.sum / 100_000 - 0.5) < 0.03)
    // So narrow that rounding reaches the upper bound.
    let narrow: Tensor<Float> = .uniform([100], in: 1..<Float(1).nextUp, using: &random)
    #expect(narrow.elements.allSatisfy { $0 == 1 })
  }

  @Test func streamsAreUnrelated() {
    let base = Random(seed: 6)
    let streams =
      [base, Random(seed: 7), Random(seed: 6, stream: 1), Random(seed: 6, for: "a")]
      + [Random(seed: 6, for: "b"), base.split(0), base.split(1), base.split(0).split(0)]
    let draws = streams.map { stream in
      var stream = stream
      return (0..<4000).map { _ in stream.uniform() - 0.5 }
    }
    for (i, a) in draws.enumerated() {
      for b in draws[..<i] {
        let correlation = zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } / 4000 * 12
        #expect(abs(correlation) < 6 / 4000.0.squareRoot())
      }
    }
    let many = Set((0..<10_000).map { base.split($0).stream })
    #expect(many.count == 10_000)
  }

  @Test func splittingDependsOnNothingDrawn() {
    var random = Random(seed: 8)
    let before = random.split(3)
    _ = random.next()
    #expect(random.split(3) == before)
  }
}
