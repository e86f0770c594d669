import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

/// `exp(t·A)` of the plane's `A = [[a, −b], [b, a]]`.
private func spiral(_ a: Double, _ b: Double, _ t: Double, _ z: [Double]) -> [Double] {
  let (c, s) = (exp(a * t) * cos(b * t), exp(a * t) * sin(b * t))
  return [c * z[0] - s * z[1], s * z[0] + c * z[1]]
}

/// F with `F(z) − z = A z`.
private func step(_ a: Double, _ b: Double) -> KnownMap {
  .linear([[1 + a, -b], [b, 1 + a]])
}

private func refine(
  _ map: KnownMap, _ start: [Double], _ iterations: Int, _ factors: [Int]
) throws -> Refinement {
  try Refinement(
    from: Tensor([1, start.count], start), iterations: iterations, factors: factors
  ) { _ in map }
}

@Suite struct RefinementTests {
  /// Euler's method is of order 1 on a linear flow: exactly so in the limit, and the error bar holds it before.
  @Test(arguments: [[1, 2, 4, 8, 16, 32, 64, 128, 256], [1, 3, 9, 27, 81, 243]])
  func orderOneOnALinearFlow(factors: [Int]) throws {
    let system = try refine(step(-0.2, 0.5), [1, 0.5], 12, factors).systems[0]
    #expect(system.orders.count == factors.count - 2)
    #expect(abs(system.order - 1) < 0.02)
    #expect(abs(system.order - 1) < 2 * system.orderError)
    // Each pair of finer ones is nearer by the ratio.
    let ratio = Double(factors[1])
    for (coarse, fine) in zip(system.orders, system.orders.dropFirst()).suffix(2) {
      #expect(abs((coarse - 1) / (fine - 1) / ratio - 1) < 0.2)
    }
    let small = try refine(step(-0.02, 0.05), [1, 0.5], 120, factors).systems[0]
    let fit = try #require(small.fit)
    #expect(abs(fit.slope + 1) < 0.03 && fit.slopeError < 0.03)
  }

  /// Richardson's limit is the exponential, with an error of order 2, which the reported one covers.
  @Test func limitIsTheExponential() throws {
    let (a, b, start) = (-0.2, 0.5, [1, 0.5])
    let exact = (1...10).map { spiral(a, b, Double($0), start) }
    let length = zip([start] + exact, exact).reduce(0) { sum, pair in
      sum + hypot(pair.0[0] - pair.1[0], pair.0[1] - pair.1[1])
    }
    var errors: [Double] = []
    for factors in [[1, 2, 4, 8, 16], [1, 2, 4, 8, 16, 32], [1, 2, 4, 8, 16, 32, 64]] {
      let system = try refine(step(a, b), start, 10, factors).systems[0]
      errors.append(abs(system.limitLength - length))
      #expect(errors[errors.count - 1] < 10 * system.limitError)
      // F's own run against the exponential.
      let own = step(a, b).orbit(start, 10)
      for t in 1...10 {
        let expected = hypot(own[[t, 0]] - exact[t - 1][0], own[[t, 1]] - exact[t - 1][1])
        #expect(abs(system.deviations[t - 1] - expected) < 30 * system.limitError)
      }
    }
    #expect(errors[2] < 5e-4)
    #expect(errors[0] / errors[1] > 3 && errors[1] / errors[2] > 3)
  }

  /// A scalar flow whose path length is known: 1 − e^{−λT}; iterating F runs ahead of it.
  @Test func deviationOfADecay() throws {
    let system = try refine(.linear([[0.5]]), [1], 30, [1, 2, 4, 8, 16, 32, 64, 128]).systems[0]
    #expect(abs(system.limitLength - 1) < 1e-4)
    let largest = (1...30).map { abs(exp(-0.5 * Double($0)) - pow(0.5, Double($0))) }.max()!
    #expect(abs(system.deviation - largest) < 1e-4)
  }

  /// The gradient flow of `V = z⁴/4`, dz/dt = −z³: z(t) = z₀/√(1 + 2 z₀² t).
  @Test func gradientFlow() throws {
    let system = try refine(.quarticDescent(step: 0.1), [1], 40, [1, 2, 4, 8, 16, 32]).systems[0]
    #expect(abs(system.order - 1) < 0.01)
    let length = 1 - 1 / (1 + 2 * 0.1 * 40).squareRoot()
    #expect(abs(system.limitLength - length) < 1e-5)
    let own = KnownMap.quarticDescent(step: 0.1).orbit([1], 40)
    let largest = (1...40).map { abs(own[[$0, 0]] - 1 / (1 + 0.2 * Double($0)).squareRoot()) }
      .max()!
    #expect(abs(system.deviation - largest / length) < 1e-4)
  }

  /// A map that is itself an Euler step of size Δ is refined to the same flow.
  @Test func stepsOfEulerModels() throws {
    let (field, delta) = (step(-0.2, 0.5), 0.25)
    let euler = field.eulerStep(delta)
    let coarse = try refine(field, [1, 0.5], 5, [1, 4, 16, 64]).systems[0]
    let fine = try refine(euler, [1, 0.5], 20, [1, 4, 16]).systems[0]
    // Four of its iterations are one unit of time: every fourth deviation of Δ = ¼ is that of k = 4.
    let exact = (1...5).map { spiral(-0.2, 0.5, Double($0), [1, 0.5]) }
    let own = euler.orbit([1, 0.5], 20)
    for t in 1...5 {
      let expected = hypot(own[[4 * t, 0]] - exact[t - 1][0], own[[4 * t, 1]] - exact[t - 1][1])
      #expect(abs(fine.deviations[4 * t - 1] - expected) < 1e-3)
    }
    #expect(fine.deviation < coarse.deviation / 2)
  }

  @Test func constantSpeedIsExact() throws {
    let system = try refine(.linear([[1]], [0.25]), [0], 10, [1, 2, 4]).systems[0]
    #expect(system.isExact && system.deviation < 1e-12 && system.order.isNaN)
    let still = try refine(.linear([[1]]), [3], 10, [1, 2, 4]).systems[0]
    #expect(still.isExact && still.deviation == 0)
  }

  /// The logistic map at 4 is no flow's: its Euler refinements settle where it is chaotic.
  @Test func chaosIsNotNearAFlow() throws {
    let system = try refine(.logistic(4), [0.3], 50, [1, 2, 4, 8, 16, 32]).systems[0]
    #expect(system.deviation > 0.3)
  }

  @Test func unsharedMapsAndSystems() throws {
    // A field that changes from one iteration to the next: constant within each, so exact.
    let refinement = try Refinement(
      from: Tensor([2, 1], [0, 1]), iterations: 4, factors: [1, 2, 4]
    ) { t in KnownMap.linear([[1]], [Double(t)]).of(2) }
    #expect(refinement.systems.count == 2 && refinement.systems.allSatisfy(\.isExact))
    #expect(abs(refinement.systems[1].limitLength - 10) < 1e-12)
  }

  @Test func cancelledAndDiverging() throws {
    var told: [Int] = []
    let cut = try Refinement(
      from: Tensor([1, 2], [1, 0]), iterations: 10, factors: [1, 2],
      isCancelled: { told.count == 3 }, progress: { told.append($0) },
      map: { _ in step(-0.2, 0.5) })
    #expect(told == [1, 2, 3] && cut.iterations == 3)
    #expect(cut.systems[0].deviations.count == 3 && cut.systems[0].limitError.isNaN)
    let explosive = KnownMap(
      dimension: 1, value: { [1e200 * $0[0] * $0[0]] }, jacobian: { [[2e200 * $0[0]]] })
    #expect {
      _ = try refine(explosive, [10], 10, [1, 2])
    } throws: { ($0 as? ProbeError)?.kind == .notFinite }
  }

  @Test func factors() {
    for good in [[1, 2], [1, 2, 4, 8], [1, 3, 9]] { #expect(Refinement.areGeometric(good)) }
    for bad in [[], [1], [2, 4], [1, 2, 3], [1, 1, 1], [1, 2, 4, 9], [1, -2, 4], [0, 0]] {
      #expect(!Refinement.areGeometric(bad))
    }
  }
}
