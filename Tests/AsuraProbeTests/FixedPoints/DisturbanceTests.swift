import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

@Suite struct PathIndependenceTests {
  private func paths(
    _ map: KnownMap, trajectory: [[Double]], others: [[Double]]?
  ) throws -> PathIndependence {
    var random = Random(seed: 3)
    let states = Tensor<Double>(rows: trajectory)
    let starts = FixedPointStarts(
      12, trajectory: states, others: others.map { Tensor(rows: $0) }, random: &random)
    var rule = TerminationRule()
    rule.maximumIterations = 500
    let last = states.slice(states.shape[0] - 1..<states.shape[0])
    let rest = try #require(
      try FixedPointSearch(PlainIteration(), rule: rule).run(map, from: last)[0])
    return try PathIndependence(
      map, from: starts, against: rest, rule: rule,
      answers: { states in (0..<states.shape[0]).map { [states[$0].elements[0] > 0 ? 1 : 0] } })
  }

  @Test func contractionsForgetWhereTheyCameFrom() throws {
    let found = try paths(
      .sheared([0.5, -0.4], around: [2, 1]), trajectory: [[0, 0], [1, 1]], others: [[-5, 3]])
    #expect(found.paths.count == 9 && found.sameShare == 1)
    #expect(found.alignment > 1 - 1e-9 && found.worstAlignment > 1 - 1e-9)
    #expect(found.paths.allSatisfy { $0.answersAlike == 1 && $0.end == .q })
  }

  @Test func theBistableMapRemembers() throws {
    // The other input's state lies in the other basin.
    let found = try paths(.bistable(), trajectory: [[0.2, 0], [0.9, 0]], others: [[-0.5, 0]])
    for path in found.paths where path.kind == .otherInput {
      #expect(abs(path.cosine + 1) < 1e-6 && abs(path.distance - 2) < 1e-4)
      #expect(path.answersAlike == 0)
    }
    #expect(found.sameShare < 1 && abs(found.worstAlignment + 1) < 1e-6)
    // n ends at +1 and m at −1: the mean cosine over pairs follows from how many.
    let plus = 1 + found.paths.count { $0.cosine > 0 }
    let (n, m) = (Double(plus), Double(found.paths.count + 1 - plus))
    let expected = (n * (n - 1) / 2 + m * (m - 1) / 2 - n * m) / ((n + m) * (n + m - 1) / 2)
    #expect(abs(found.alignment - expected) < 1e-5)
  }
}

@Suite struct PerturbationTests {
  @Test func linearMapsForgetAtTheirRate() throws {
    var random = Random(seed: 1)
    let found = try Perturbation(
      of: Tensor([2], [1, 0]), at: 5, KnownMap.linear([[0.5, 0], [0, 0.5]], [0.5, 0]),
      sizes: [0.1, 1], directions: 4, iterations: 40, random: &random)
    // The state stays at (1, 0); a push of s is below 1e-3 once s 0.5^t is.
    for push in found.pushes(of: 0.1) { #expect(push.returned == 7 && push.growth == 1) }
    for push in found.pushes(of: 1) { #expect(push.returned == 10 && push.finalDistance < 1e-11) }
    #expect(found.followed == 40 && found.iteration == 5 && found.pushes.count == 8)
    #expect(found.sizes == [0.1, 1])
  }

  /// A non-normal map lets a disturbance grow before it dies, although its radius is below 1.
  @Test func nonNormalMapsAmplifyFirst() throws {
    var random = Random(seed: 1)
    let found = try Perturbation(
      of: Tensor([2], [0, 0]), at: 0, KnownMap.sheared([0.9, 0.5], shear: 20), sizes: [0.1],
      directions: 6, iterations: 200, random: &random)
    #expect(found.pushes.contains { $0.growth > 3 })
    #expect(found.pushes.allSatisfy { $0.returned == nil || $0.growth < 100 })
  }

  @Test func answersOfTheOtherBasinChange() throws {
    var random = Random(seed: 7)
    let found = try Perturbation(
      of: Tensor([2], [1, 0]), at: 0, KnownMap.bistable(), sizes: [0.01, 1.5], directions: 16,
      iterations: 200, random: &random,
      answers: { states in (0..<states.shape[0]).map { [states[$0].elements[0] > 0 ? 1 : 0] } })
    #expect(found.pushes(of: 0.01).allSatisfy { $0.answersChanged == 0 && $0.returned != nil })
    for push in found.pushes(of: 1.5) {
      #expect((push.answersChanged == 1) == (push.returned == nil))
    }
    #expect(found.pushes(of: 1.5).contains { $0.answersChanged == 1 })
  }
}

@Suite struct OverthinkingTests {
  /// Reads class 1 with the state's first number as its probability.
  private let readout: ProbabilityReader = { states in
    Tensor(
      [states.shape[0], 1, 2],
      (0..<states.shape[0]).flatMap { [1 - states[$0].elements[0], states[$0].elements[0]] })
  }

  @Test func aDecayLosesItsAnswers() throws {
    // 0.8 · 0.99^t: right (above ½) while t ≤ 46; 0.52 · 0.99^t only while t ≤ 3.
    let found = try Overthinking(
      KnownMap.linear([[0.99]]).of(2), from: Tensor([2, 1], [0.8, 0.52]), trained: 10, last: 100,
      targets: .init([[1], [1]]), readout: readout)
    #expect(found.isComplete && found.iterations == Array(1...100))
    #expect(found.exactMatch[2] == 1 && found.exactMatch[9] == 0.5 && found.exactMatch[99] == 0)
    #expect(found.exactMatch == found.perSymbol)
    #expect(found.flips.toWrong == 1 && found.flips.toRight == 0)
    #expect(found.net?.lost == 1 && found.net?.won == 0)
    #expect(found.answerChanges.reduce(0, +) == 2)
    let slope = try #require(found.slope)
    // One example falls, the other stays wrong: the mean is half, and so is its error.
    #expect(slope.value < -0.05 && abs(slope.error + slope.value) < 1e-12)
    #expect(abs(found.readoutChange[0] - (0.8 + 0.52) * 0.01 / 2) < 1e-12)
  }

  @Test func rotationsFlipBothWays() throws {
    // cos(2πt/4)/2 + ½ in steps: right at t = 0, 4, 8, …
    let map = KnownMap.rotation(period: 4)
    let found = try Overthinking(
      map, from: Tensor([1, 2], [1, 0]), trained: 4, last: 40, targets: .init([[1]]),
      readout: { states in
        let x = 0.5 + 0.4 * states.elements[0]
        return Tensor([1, 1, 2], [1 - x + 1e-6, x])
      })
    // Right at 4, 8, …, 40: after 4, nine times from wrong to right, and nine times back.
    #expect(found.flips.toWrong == 9 && found.flips.toRight == 9)
    #expect(found.net?.lost == 0 && found.net?.won == 0)
  }

  @Test func withoutTargetsAnswersAreOnlyCompared() throws {
    let found = try Overthinking(
      KnownMap.linear([[0.9]]), from: Tensor([1, 1], [0.9]), trained: 2, last: 20, targets: nil,
      readout: readout)
    #expect(found.exactMatch.isEmpty && found.slope == nil && found.net == nil)
    #expect(found.answerChanges.reduce(0, +) == 1 && found.confidence.count == 20)
  }

  @Test func stopsWhereStatesOverflow() throws {
    let found = try Overthinking(
      KnownMap.linear([[1e100]]), from: Tensor([1, 1], [1]), trained: 1, last: 10,
      targets: nil, readout: { _ in Tensor([1, 1, 1], [1]) })
    #expect(!found.isComplete && found.iterations == [1, 2, 3])
  }
}
