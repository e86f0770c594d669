import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Testing

private let solvers: [any FixedPointSolver] = [
  PlainIteration(), AndersonMixing(), NewtonKrylov(), SpeedMinimization(),
]

private func starts(_ count: Int, _ n: Int, seed: UInt64 = 5) -> Tensor<Double> {
  normal([count, n], seed: seed)
}

/// Searches from all rows; every one must have a result.
private func search(
  _ solver: any FixedPointSolver, _ map: KnownMap, _ states: Tensor<Double>,
  rule: TerminationRule = TerminationRule()
) throws -> [SearchResult] {
  try FixedPointSearch(solver, rule: rule).run(map.of(states.shape[0]), from: states)
    .map { try #require($0) }
}

@Suite struct SolverTests {
  /// Linear maps that contract: the one fixed point is known, and every solver finds it from anywhere.
  @Test func findTheFixedPointOfContractions() throws {
    let p = [1.0, -2, 3]
    let maps: [(String, KnownMap, [Double])] = [
      ("normal", .sheared([0.5, -0.3, 0.8], around: p), p),
      ("non-normal", .sheared([0.5, -0.3, 0.8], shear: 0.3, around: p), p),
      ("defective", .jordan(0.6, size: 3), [0, 0, 0]),
      ("gradient flow", .gradientFlow([1, 2, 4], step: 0.3), [0, 0, 0]),
    ]
    try withEvery("map", in: maps) { name, map, expected in
      try withEvery("solver", in: solvers) { solver in
        for result in try search(solver, map, starts(6, 3)) {
          #expect(result.end == .q, "\(currentCase): \(result.end) at \(result.q)")
          #expect(result.q <= 1e-12)
          // ‖z − p‖ ≤ ‖(A − I)⁻¹‖ ‖r‖, and ‖r‖ ≤ 1.5e-6.
          #expect(
            result.state.squaredDistance(to: Tensor([3], expected)).squareRoot() < 1e-3,
            "\(currentCase)")
        }
      }
    }
  }

  /// Far from normal, q has a valley so narrow that descent crawls; the others do not mind.
  @Test func findFixedPointsOfFarFromNormalMaps() throws {
    let p = [1.0, -2, 3]
    try withEvery(
      "solver", in: [PlainIteration(), AndersonMixing(), NewtonKrylov()] as [any FixedPointSolver]
    ) { solver in
      for result in try search(
        solver, .sheared([0.5, -0.3, 0.8], shear: 3, around: p), starts(6, 3))
      {
        #expect(result.end == .q, "\(currentCase): \(result.end) at \(result.q)")
        #expect(result.state.squaredDistance(to: Tensor([3], p)) < 1e-6, "\(currentCase)")
      }
    }
  }

  /// Eigenvalues outside the unit circle: plain iteration runs off, the others do not mind.
  @Test func findUnstableFixedPoints() throws {
    let p = [1.0, 2]
    let map = KnownMap.sheared([1.5, -0.5], shear: 1, around: p)
    let states = starts(4, 2)
    for result in try search(PlainIteration(), map, states) { #expect(result.end == .diverged) }
    try withEvery(
      "solver",
      in: [AndersonMixing(), NewtonKrylov(), SpeedMinimization()] as [any FixedPointSolver]
    ) { solver in
      for result in try search(solver, map, states) {
        #expect(result.end == .q, "\(currentCase)")
        #expect(result.state.squaredDistance(to: Tensor([2], p)) < 1e-8, "\(currentCase)")
      }
    }
  }

  /// GMRES has as many vectors as there are dimensions, so one step solves a linear map.
  @Test func newtonSolvesLinearMapsAtOnce() throws {
    let map = KnownMap.sheared([0.9, 0.2, -0.7, 3], shear: 2)
    for result in try search(NewtonKrylov(), map, starts(3, 4)) {
      #expect(result.end == .q && result.iterations <= 3)
      #expect(result.counts.jvps <= 4 * result.iterations)
      #expect(result.counts.maps >= 2 * result.iterations + 1 && result.counts.vjps == 0)
    }
  }

  /// Anderson's memory spans the plane, so a rotation, which plain iteration never leaves, is solved.
  @Test func andersonStopsARotation() throws {
    let map = KnownMap.rotation(period: 7)
    var rule = TerminationRule()
    rule.maximumIterations = 200
    for result in try search(PlainIteration(), map, starts(2, 2), rule: rule) {
      #expect(!result.end.isConverged)
    }
    for result in try search(AndersonMixing(), map, starts(2, 2), rule: rule) {
      #expect(result.end == .q && result.iterations < 20)
    }
  }

  @Test func countsWhatItUses() throws {
    let map = KnownMap.sheared([0.5, 0.25])
    let start = Tensor<Double>([1, 2], [1, 1])
    let plain = try search(PlainIteration(), map, start)[0]
    #expect(plain.counts == EvaluationCounts(maps: plain.iterations + 1))
    // ‖r_t‖ = 0.5^(t+1) but for what is gone by then: at most √2 · 1e-6 first at t = 19.
    #expect(plain.iterations == 19)
    let minimized = try search(SpeedMinimization(), map, start)[0]
    #expect(
      minimized.counts
        == EvaluationCounts(maps: minimized.iterations + 1, vjps: minimized.iterations + 1))
  }

  /// A map without a fixed point: no solver may claim one.
  @Test func nothingToFind() throws {
    let map = KnownMap.slider([1, -1])
    var rule = TerminationRule()
    rule.maximumIterations = 50
    try withEvery("solver", in: solvers) { solver in
      for result in try search(solver, map, starts(3, 2), rule: rule) {
        #expect(!result.end.isConverged, "\(currentCase): \(result.end)")
        #expect(abs(result.q - 1) < 1e-9 || result.end == .diverged, "\(currentCase)")
      }
    }
  }

  @Test func saysWhichCriterionEndedIt() throws {
    let map = KnownMap.sheared([0.99])
    var rule = TerminationRule()
    rule.maximumIterations = 3
    #expect(
      try search(PlainIteration(), map, starts(1, 1), rule: rule)[0].end == .maximumIterations)
    rule.maximumIterations = 10_000
    rule.qChange = 1e-3
    #expect(try search(PlainIteration(), map, starts(1, 1), rule: rule)[0].end == .stalled)
    // States so large that q cannot fall to its tolerance, for rounding.
    let far = KnownMap.sheared([0.5], around: [1e12])
    let large = try search(PlainIteration(), far, Tensor([1, 1], [3e12]))[0]
    #expect(large.end == .relativeResidual || large.q <= 1e-12)
    // At a fixed point already.
    let there = try search(NewtonKrylov(), map, .zeros([1, 1]))[0]
    #expect(there.end == .q && there.iterations == 0 && there.q == 0)
    // Not a number.
    let lost = try search(NewtonKrylov(), map, Tensor([1, 1], [Double.nan]))[0]
    #expect(lost.end == .diverged)
  }

  /// Rows do not feel each other, nor the number of threads.
  @Test func rowsAreSearchesOfTheirOwn() throws {
    let map = KnownMap.bistable()
    let states = starts(9, 2)
    try withEvery("solver", in: solvers) { solver in
      let all = try search(solver, map, states)
      for row in [0, 4, 8] {
        let alone = try search(solver, map, states.slice(row..<row + 1))[0]
        #expect(alone.state.isIdentical(to: all[row].state), "\(currentCase) row \(row)")
        #expect(alone.end == all[row].end && alone.iterations == all[row].iterations)
      }
      let single = try Workers.$current.withValue(Workers(count: 1)) {
        try search(solver, map, states)
      }
      for (a, b) in zip(all, single) { #expect(a.state.isIdentical(to: b.state)) }
    }
  }

  @Test func cancellingKeepsWhatHasEnded() throws {
    let found = try FixedPointSearch(PlainIteration()).run(
      KnownMap.sheared([0.5]).of(2), from: Tensor([2, 1], [0, 1]), isCancelled: { true })
    #expect(found[0]?.end == .q && found[1] == nil)
  }
}
