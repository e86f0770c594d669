import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Testing

@Suite struct FixedPointSetTests {
  /// The bistable map from a grid of starts.
  private func bistable(_ solver: any FixedPointSolver = NewtonKrylov()) throws -> FixedPointSet {
    let map = KnownMap.bistable()
    var random = Random(seed: 2)
    let rows: [[Double]] = (0..<20).map { index in
      let (x, y) = (Double(index) / 19, Double(index % 3) - 1)
      return [3 * x - 1.5, 0.3 * y]
    }
    let trajectory = Tensor(rows: rows)
    let starts = FixedPointStarts(
      60, trajectory: trajectory, others: Tensor(rows: [[0.4, 0.1], [-0.2, 1]]), random: &random)
    #expect(starts.kinds.count == 60 && starts.states.shape == [60, 2])
    for kind in FixedPointStarts.Kind.allCases { #expect(starts.kinds.count { $0 == kind } == 15) }
    let found = try FixedPointSearch(solver).run(map.of(60), from: starts.states)
    return FixedPointSet(found, starts: starts, extent: TrajectoryExtent(trajectory))
  }

  @Test func theBistableMapHasThree() throws {
    for solver in [NewtonKrylov(), SpeedMinimization()] as [any FixedPointSolver] {
      let set = try bistable(solver)
      #expect(set.points.count == 3)
      #expect(set.points.map { ($0.state[[0]] * 1000).rounded() / 1000 }.sorted() == [-1, 0, 1])
      #expect(set.points.map(\.starts.count).reduce(0, +) == set.convergedCount)
      for (index, point) in set.points.enumerated() {
        #expect(point.q <= 1e-12 && !point.isFar)
        #expect(point.starts.allSatisfy { set.reached[$0] == index })
      }
      #expect(
        set.searches.count == 60 && set.convergedCount + set.failures.values.reduce(0, +) == 60)
    }
    // At ±1 the eigenvalues are 1 − 2h and the decay, at the saddle 1 + h is one of them.
    var set = try bistable()
    #expect(set.points.allSatisfy { $0.unstableModes == nil && $0.isStable == nil })
    try set.findStability(KnownMap.bistable())
    for point in set.points {
      let isSaddle = abs(point.state[[0]]) < 0.5
      let radius = try #require(point.spectrum?.spectralRadius)
      #expect(abs(radius - (isSaddle ? 1.3 : 0.5)) < 1e-5)
      #expect(point.unstableModes == (isSaddle ? 1 : 0) && point.isStable == !isSaddle)
    }
    // Plain iteration never stays at the saddle.
    let plain = try bistable(PlainIteration())
    #expect(plain.points.map { $0.state[[0]].rounded() }.sorted() == [-1, 1])
  }

  @Test func ofTheSamePointTheBestIsKept() throws {
    var random = Random(seed: 1)
    let trajectory = Tensor<Double>(rows: [[0, 0], [1, 1]])
    let starts = FixedPointStarts(4, trajectory: trajectory, others: nil, random: &random)
    var rule = TerminationRule()
    rule.q = 1e-8
    let found = try FixedPointSearch(PlainIteration(), rule: rule).run(
      KnownMap.sheared([0.5, 0.2], around: [3, 3]).of(4), from: starts.states)
    let set = FixedPointSet(found, starts: starts, extent: TrajectoryExtent(trajectory))
    #expect(set.points.count == 1 && set.points[0].starts == [0, 1, 2, 3])
    #expect(set.points[0].q == found.compactMap { $0?.q }.min())
  }

  /// A root where the trajectory never was is flagged, and kept.
  @Test func farRootsAreReported() throws {
    var random = Random(seed: 1)
    let trajectory = Tensor<Double>(rows: [[1, 0], [1.1, 0], [1.2, 0]])
    let starts = FixedPointStarts(3, trajectory: trajectory, others: nil, random: &random)
    let found = try FixedPointSearch(NewtonKrylov()).run(
      KnownMap.sheared([0.5, 0.2], around: [500, 0]).of(3), from: starts.states)
    let set = FixedPointSet(found, starts: starts, extent: TrajectoryExtent(trajectory))
    #expect(set.points.count == 1 && set.points[0].isFar)
    #expect(abs(set.points[0].distance - 498.8) < 1e-3)
    #expect(abs(set.points[0].relativeNorm - 500 / 1.2) < 1e-3)
  }
}

@Suite struct BasinTests {
  /// Along any direction the border of x = 1's basin is the saddle's line x = 0, if it is crossed at all.
  @Test func theBistableMapsBorderIsTheSaddle() throws {
    // Small steps: the iteration cannot jump over the saddle from within the radii tried.
    let map = KnownMap.bistable(step: 0.1)
    var options = Basin.Options()
    options.directions = 24
    options.limit = 2
    options.precision = 1.001
    var random = Random(seed: 4)
    let place = Tensor<Double>([2], [1, 0])
    let basin = try Basin(
      of: place, map, test: ReturnTest(iterations: 2000), options: options, random: &random)
    #expect(basin.isComplete && basin.directions.count == 24 && basin.scale == 1)
    // The directions again, from the same numbers.
    var again = Random(seed: 4)
    let units: Tensor<Double> = .normal([24, 2], using: &again)
    for (index, direction) in basin.directions.enumerated() {
      let unit = units[index].elements.map { $0 / units[index].norm }
      // x = 1 + r u reaches 0 at r = −1/u.
      let border = unit[0] < 0 ? -1 / unit[0] : .infinity
      if border > options.limit {
        #expect(direction.outside == nil && direction.inside == options.limit)
      } else {
        #expect(abs((direction.radius ?? .nan) - border) < 2e-3 * border)
      }
    }
    #expect(basin.unbounded == basin.directions.count { $0.outside == nil })
    #expect(basin.spread.smallest <= basin.spread.median)
  }

  @Test func contractionsHaveNoBorder() throws {
    var random = Random(seed: 1)
    let basin = try Basin(
      of: Tensor([2], [0, 0]), KnownMap.sheared([0.5, 0.9]), test: .forRadius(0.9),
      random: &random)
    #expect(basin.unbounded == 16 && basin.spread.smallest == .infinity)
    #expect(basin.directions.allSatisfy { $0.inside == basin.limit })
  }

  @Test func unstablePointsHaveNone() throws {
    var random = Random(seed: 1)
    let basin = try Basin(
      of: Tensor([1], [0]), KnownMap.logistic(2.8), test: ReturnTest(iterations: 500),
      random: &random)
    #expect(basin.directions.allSatisfy { $0.inside == 0 })
    #expect(basin.spread.largest < 0.01)
  }

  @Test func returnsCountIterations() throws {
    let map = KnownMap.sheared([0.5], around: [1])
    let back = try ReturnTest(iterations: 50).returns(
      map, row: 0, from: Tensor([3, 1], [1, 2, .nan]), to: Tensor([1], [1]))
    // 0.5^t ≤ 1e-3 first at t = 10.
    #expect(back == [0, 10, nil])
  }
}
