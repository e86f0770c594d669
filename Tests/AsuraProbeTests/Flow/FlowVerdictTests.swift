import AsuraProbe
import AsuraTensor
import Foundation
import Testing

/// The verdict on a map's path, with a refinement and without.
private func verdicts(
  _ map: KnownMap, _ start: [Double], _ iterations: Int
) throws -> (with: FlowVerdict, without: FlowVerdict) {
  let states = map.orbit(start, iterations)
  let path = geometry(states)
  let refinement = try Refinement(
    from: Tensor([1, start.count], start), iterations: iterations, factors: [1, 2, 4, 8, 16]
  ) { _ in map }
  let floor = 1e-12 * (path.norms.max() ?? 0)
  return (
    FlowVerdict(path, states: states, floor: floor, refinement: refinement.systems[0]),
    FlowVerdict(path, states: states, floor: floor)
  )
}

@Suite struct FlowVerdictTests {
  /// Each kind, by maps whose dynamics are beyond doubt; told alike with the map and from the path alone.
  @Test(arguments: [
    // Half the way to a point each time; to and fro; turning by a radian as it shrinks.
    (KnownMap.linear([[0.5]], [1]), [1.0], FlowVerdict.Kind.contraction),
    (.linear([[-0.6]]), [1], .contraction),
    (.linear(rotation(1, times: 0.6)), [1, 0], .contraction),
    // Highly non-normal: it grows a hundredfold before it rests.
    (.linear([[0.5, 100], [0, 0.4]]), [1, 1], .contraction),
    // Small steps of Euler's method: a spiral, a gradient flow of a quartic, a slow decay.
    (.linear([[0.97, -0.1], [0.1, 0.97]]), [1, 0], .flow),
    (.quarticDescent(step: 0.05), [1], .flow),
    (.linear([[0.92]]), [1], .flow),
    // A clock of twelve hours, one that never strikes the same hour twice, a counter.
    (.linear(rotation(.pi / 6)), [1, 0], .clock), (.linear(rotation(1)), [1, 0], .clock),
    (.linear([[1, 0], [0, 0.3]], [0.5, 0]), [0, 1], .clock),
    // A cycle of unequal steps: the logistic map's period of 4.
    (.logistic(3.5), [0.3828196830], .clock),
    // Chaos; a way to and fro that grows.
    (.logistic(4), [0.3], .neither), (.linear([[-1.2]]), [1], .neither),
  ])
  func kinds(map: KnownMap, start: [Double], expected: FlowVerdict.Kind) throws {
    let (with, without) = try verdicts(map, start, 60)
    #expect(with.kind == expected, "\(with)")
    #expect(without.kind == expected, "\(without)")
  }

  @Test func numbersBehindIt() throws {
    let clock = try verdicts(.linear(rotation(.pi / 6)), [1, 0], 60).with
    #expect(clock.period == 12 && abs(clock.meanCosine - cos(.pi / 6)) < 1e-12)
    #expect(clock.speedVariation < 1e-12 && clock.finalStep > 0.99 && !clock.comesToRest)
    let logistic = try verdicts(.logistic(3.5), [0.3828196830], 60).with
    #expect(logistic.period == 4)
    let spiral = try verdicts(.linear([[0.97, -0.1], [0.1, 0.97]]), [1, 0], 200).with
    #expect(spiral.comesToRest && (spiral.deviation ?? 1) < 0.1 && spiral.period == nil)
    #expect(abs((spiral.order ?? 0) - 1) < 0.1)
  }

  @Test func standingStillIsAPoint() throws {
    let (with, without) = try verdicts(.linear([[1]]), [2], 10)
    #expect(with.kind == .contraction && without.kind == .contraction && with.comesToRest)
  }
}
