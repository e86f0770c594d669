import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

@Suite struct PathGeometryTests {
  @Test func straightLine() {
    let path = geometry(KnownMap.linear([[1, 0], [0, 1]], [3, 4]).orbit([1, 1], 10), first: 5)
    #expect(path.steps == Array(repeating: 5, count: 10))
    #expect(path.length == 50 && path.displacement == 50 && path.extent == 50)
    #expect(path.straightness == 1 && path.meanCosine == 1)
    #expect(path.iterations == 5...15 && path.cosines.count == 9)
    #expect(path.distances[3] == 15)
  }

  /// A step of a rotation by θ is a chord, `2r·sin(θ/2)`, and turns by θ against the one before.
  @Test(arguments: [3, 4, 5, 12, 100])
  func cycle(period: Int) {
    let angle = 2 * Double.pi / Double(period)
    let path = geometry(KnownMap.linear(rotation(angle)).orbit([2, 0], period))
    #expect(path.steps.allSatisfy { abs($0 - 4 * sin(angle / 2)) < 1e-13 })
    #expect(path.cosines.allSatisfy { abs($0 - cos(angle)) < 1e-12 })
    #expect(path.displacement < 1e-13 && path.straightness < 1e-13)
    // The farthest place is the opposite one, or the two beside it.
    let opposite = 4 * sin(Double(period / 2) * angle / 2)
    #expect(abs(path.extent - opposite) < 1e-12)
  }

  @Test func backAndForth() {
    let path = geometry(KnownMap.linear([[-1]]).orbit([1], 6))
    #expect(path.meanCosine == -1 && path.length == 12 && path.displacement == 0)
  }

  /// `ρ^t` has length 1 − ρ^T and steps that shrink by ρ.
  @Test func geometricDecay() throws {
    let path = geometry(KnownMap.linear([[0.5]]).orbit([1], 20))
    #expect(abs(path.length - (1 - pow(0.5, 20))) < 1e-15 && path.straightness == 1)
    #expect(path.movingSteps(above: 0.1) == 3)
    let decay = try #require(StepDecay(path))
    #expect(decay.law == .geometric && abs(decay.factor - 0.5) < 1e-14)
    #expect(decay.geometric.residual < 1e-13 && decay.power.residual > 0.5)
    #expect(decay.iterations == 1...20)
    // What is below the floor does not count.
    #expect(StepDecay(path, floor: 0.001)?.iterations == 1...9)
    #expect(StepDecay(path, floor: 0.1) == nil)
    #expect(StepDecay(path, floor: 0.001, laterHalf: true)?.iterations == 5...9)
  }

  /// Places whose steps are `t^p` exactly.
  @Test(arguments: [-2, -1, -0.5, 1])
  func powerLaw(power: Double) throws {
    var places = [0.0]
    for t in 1...30 { places.append(places[t - 1] + pow(Double(t), power)) }
    let decay = try #require(StepDecay(geometry(Tensor([31, 1], places))))
    #expect(decay.law == .power && abs(decay.power.slope - power) < 1e-12)
    #expect(decay.power.slopeError < 1e-12)
  }

  @Test func constantAndUndecidedSteps() throws {
    let steady = geometry(KnownMap.linear(rotation(0.3)).orbit([1, 0], 40))
    #expect(StepDecay(steady)?.law == .constant)
    // Noise follows no law.
    var random = Random(seed: 2)
    var places = [0.0]
    for t in 1...40 { places.append(places[t - 1] + exp(2 * random.normal())) }
    #expect(StepDecay(geometry(Tensor([41, 1], places)))?.law == .undecided)
  }

  @Test func standingStill() {
    let path = geometry(KnownMap.linear([[1]]).orbit([2], 5))
    #expect(path.length == 0 && path.extent == 0 && path.straightness.isNaN)
    #expect(path.meanCosine.isNaN && StepDecay(path) == nil)
  }

  @Test func systemsAreApart() {
    let (a, b) = (normal([6, 3], as: Double.self), normal([6, 3], seed: 2, as: Double.self))
    var recorder = PathRecorder()
    for t in 0..<6 { recorder.append(.concatenating([a.slice(t..<t + 1), b.slice(t..<t + 1)])) }
    #expect(recorder.paths == [geometry(a), geometry(b)])
  }
}

@Suite struct LineFitTests {
  /// Anscombe's first quartet (1973): published slope 0.500, intercept 3.00, standard error of the slope 0.118.
  @Test func anscombe() throws {
    let x = [10.0, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5]
    let y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68]
    let fit = try #require(LineFit(x, y))
    #expect(abs(fit.slope - 0.5001) < 5e-5 && abs(fit.intercept - 3.0001) < 5e-5)
    #expect(abs(fit.slopeError - 0.1179) < 5e-5)
  }

  @Test func exactAndImpossible() throws {
    let fit = try #require(LineFit([1, 2, 4], [3, 5, 9]))
    #expect(fit.slope == 2 && fit.intercept == 1 && fit.residual == 0 && fit.slopeError == 0)
    #expect(LineFit([1, 2], [3, 5])?.slopeError.isNaN == true)
    #expect(LineFit([1], [3]) == nil && LineFit([2, 2], [3, 4]) == nil)
    #expect(LineFit([1, 2], [3, .nan]) == nil)
  }
}

@Suite struct DepthLawTests {
  /// The same way in i equal steps.
  @Test func finerSteps() throws {
    let law = DepthLaw(
      [8, 32, 16, 64].map { i in
        let move = KnownMap.linear([[1]], [1 / Double(i)])
        return DepthLaw.Depth(iterations: i, paths: [geometry(move.orbit([0], i))])
      })
    #expect(law.depths.map(\.iterations) == [8, 16, 32, 64])
    let (largest, mean) = (try #require(law.largest), try #require(law.mean))
    #expect(abs(largest.slope + 1) < 1e-12 && largest.slopeError < 1e-12)
    #expect(abs(mean.slope + 1) < 1e-12)
  }

  /// A contraction does the same however long it runs: its longest step stays, while the mean falls as 1/i for no
  /// better reason than that it rests.
  @Test func contraction() throws {
    let law = DepthLaw(
      [16, 32, 64].map { i in
        DepthLaw.Depth(
          iterations: i, paths: [geometry(KnownMap.linear([[0.2]]).orbit([1], i))])
      })
    #expect(abs(try #require(law.largest).slope) < 1e-9)
    #expect(abs(try #require(law.mean).slope + 1) < 1e-3)
  }
}
