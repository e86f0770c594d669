import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

/// The steps of `count` iterations of a map from a state.
private func series(_ map: KnownMap, from z: [Double], _ count: Int) throws -> StepSeries {
  var meter = StepMeter(count: 1)
  var states = Tensor<Double>([1, z.count], z)
  meter.add(states, iteration: 0)
  for t in 1...count {
    states = try map(states)
    meter.add(states, iteration: t)
  }
  return meter.series[0]
}

private func verdict(
  _ map: KnownMap, from z: [Double], _ count: Int = 60, rule: SettlingRule = SettlingRule()
) throws -> SettlingVerdict {
  let steps = try series(map, from: z, count)
  return try #require(rule.verdict(on: steps))
}

@Suite struct SettlingTests {
  @Test func contractionsConverge() throws {
    let found = try verdict(.sheared([0.5, 0.3, -0.2], around: [3, 1, 2]), from: [0, 0, 0])
    #expect(found.settling == .converged && found.last == 60)
    // The step is 0.5^t times something near 2; it is below 1e-4 of √14 for good from t ≈ 14.
    let since = try #require(found.since)
    #expect((11...15).contains(since))
    let rate = try #require(found.rate)
    #expect(abs(rate.value - 0.5) < 0.01 && rate.agrees(with: 0.5) && !rate.agrees(with: 0.6))
    // It came to rest at zero, too, where steps relative to the norm never shrink.
    let atZero = try verdict(.sheared([0.5, 0.3]), from: [1, 1])
    #expect(atZero.settling == .converged && atZero.relativeStep > 0.5)
    // Down a gradient the slowest curvature sets the pace.
    let flow = try verdict(.gradientFlow([0.2, 1, 3], step: 0.5), from: [1, 1, 1], 120)
    #expect(flow.settling == .converged)
    let slowest = try #require(flow.rate)
    #expect(abs(slowest.value - 0.9) < 1e-6)
  }

  /// A Jordan block of size k shrinks as t^(k−1) λ^t: slower than λ at first, as the rate measured says.
  @Test func defectiveMapsAreSlowerThanTheirRadius() throws {
    let found = try verdict(.jordan(0.5, size: 3), from: [0, 0, 1], 40)
    #expect(found.settling == .converged)
    let rate = try #require(found.rate)
    #expect(rate.value > 0.5 && rate.value < 0.58)
    // Without the power it is the radius.
    let plain = try verdict(.sheared([0.5, 0.2, 0.1], shear: 5), from: [0, 0, 1], 40)
    let usual = try #require(plain.rate)
    #expect(usual.agrees(with: 0.5))
  }

  @Test func rotationsAreCycles() throws {
    for period in 2...8 {
      let found = try verdict(.rotation(period: Double(period)), from: [1, 0.5])
      #expect(found.settling == .cycle(period: period), "\(period): \(found)")
    }
    // A turn by an angle that no small number of times makes whole turns of.
    #expect(try verdict(.rotation(period: 2 * .pi), from: [1, 0]).settling == .none)
    // Period 5 is not taken for 10, nor 10 for 5.
    #expect(try verdict(.rotation(period: 10), from: [1, 0]).settling == .none)
  }

  @Test func theLogisticMap() throws {
    let expected: [(Double, Settling)] = [
      (2.8, .converged), (3.2, .cycle(period: 2)), (3.5, .cycle(period: 4)), (4, .none),
    ]
    try withEvery("r", in: expected) { r, settling in
      let found = try verdict(.logistic(r), from: [0.3], 200)
      #expect(found.settling == settling, "\(currentCase)")
    }
    // The multiplier at 1 − 1/r is 2 − r.
    let rate = try #require(try verdict(.logistic(2.8), from: [0.3], 200).rate)
    #expect(abs(rate.value - 0.8) < 0.01 && rate.agrees(with: 0.8))
  }

  @Test func slidersDrift() throws {
    let found = try verdict(.slider([1, 2, -1]), from: [0, 0, 0])
    #expect(found.settling == .drifting && abs(found.step - 6.0.squareRoot()) < 1e-12)
    // Also once the step is small beside the norm.
    let late = try verdict(.slider([1e-3, 0]), from: [1000, 0])
    #expect(late.settling == .drifting && late.relativeStep < 1e-5)
    let still = try #require(late.rate)
    #expect(abs(still.value - 1) < 1e-6)
    // The slowest of convergences is none.
    #expect(try verdict(.sheared([0.97], around: [1]), from: [0]).settling != .drifting)
  }

  @Test func growthInOneDirection() throws {
    let found = try verdict(.sheared([1.1, 0.5], shear: 1), from: [2, 1])
    #expect(found.settling == .directionSettled && abs(found.growth - 1.1) < 1e-9)
    let rate = try #require(found.rate)
    #expect(abs(rate.value - 1.1) < 1e-6)
    // A turn that grows settles in no direction.
    let turning = try verdict(.rotation(period: 5, growth: 1.1), from: [1, 0])
    #expect(turning.settling == .none && abs(turning.growth - 1.1) < 1e-9)
  }

  @Test func readoutAtRestWhileTheStateMoves() throws {
    let map = KnownMap.rotation(period: 2 * .pi)
    func settle(_ probability: (Int, Tensor<Double>) -> Double) throws -> SettlingVerdict {
      var meter = StepMeter(count: 1)
      var states = Tensor<Double>([1, 2], [1, 0])
      for t in 0...40 {
        let p = probability(t, states)
        meter.add(states, iteration: t, probabilities: Tensor([1, 1, 2], [p, 1 - p]))
        states = try map(states)
      }
      return try #require(SettlingRule().verdict(on: meter.series[0]))
    }
    let settled = try settle { t, _ in t < 12 ? 0.2 : 0.9 }
    #expect(settled.settling == .readoutSettled && settled.since == 13 && settled.answerSince == 12)
    let moving = try settle { _, z in 0.5 + 0.4 * z.elements[0] }
    #expect(moving.settling == .none)
  }

  @Test func roundingIsNoPartOfTheRate() throws {
    // As if recorded in 32 bits: the last steps are rounding.
    var meter = StepMeter(count: 1)
    for t in 0...60 {
      let decay = Float(pow(0.6, Double(t)))
      let z: [Double] = (0..<50).map { index in
        let single: Float = Float(index + 1) + decay * Float(index % 3)
        return Double(single)
      }
      meter.add(Tensor([1, 50], z), iteration: t)
    }
    let found = try #require(
      SettlingRule(precision: Double(Float.ulpOfOne)).verdict(on: meter.series[0]))
    #expect(found.settling == .converged)
    let rate = try #require(found.rate)
    #expect(abs(rate.value - 0.6) < 0.02 && rate.range.upperBound < 40)
  }

  @Test func gapsAndShortTraces() throws {
    var meter = StepMeter(count: 2)
    let z: Tensor<Double> = normal([2, 4])
    meter.add(z, iteration: 0)
    #expect(meter.series.allSatisfy { SettlingRule().verdict(on: $0) == nil })
    meter.add(z, iteration: 5)
    #expect(meter.series[0].steps[1].isNaN && SettlingRule().verdict(on: meter.series[0]) == nil)
    meter.add(z, iteration: 6)
    let found = try #require(SettlingRule().verdict(on: meter.series[1]))
    // One step of nothing is not yet rest.
    #expect(found.step == 0 && found.settling == .none && found.rate == nil)
  }
}
