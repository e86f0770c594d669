import AsuraModel
import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Testing

/// A model whose blocks add nothing: at every position `F(z) = W z + c`, with c what the input makes of it.
private func linearModel(_ w: Tensor<Double>) throws -> RecurrentTransformer<Double> {
  let width = w.shape[0]
  let configuration = try ModelConfiguration(
    vocabulary: 5, classes: 3, width: width, iterations: 4,
    attention: AttentionConfiguration(heads: 1), mlp: MLPConfiguration(width: 8))
  var parameters = RecurrentTransformer<Double>(configuration, seed: 1).namedParameters
  for name in parameters.keys where name.contains("attn.out") || name.contains("mlp.down") {
    parameters[name] = .zeros(parameters[name]!.shape)
  }
  parameters["recall.weight"]!.update { recall in
    for i in 0..<width {
      for j in 0..<width { recall[i * 2 * width + width + j] = w[[i, j]] }
    }
  }
  return try RecurrentTransformer(configuration, parameters: parameters)
}

@Suite struct HandSetModelTests {
  /// The map of two inputs of three positions, and where `(I − W) z = c` has it rest: by least squares.
  private func rest(
    of w: Tensor<Double>
  ) throws -> (map: LatentMap, places: Tensor<Double>) {
    let input = try ModelInput(tokens: [0, 1, 2, 3, 4, 0], batch: 2, positions: 3)
    let map = try LatentMap(linearModel(w), input)
    let width = w.shape[0]
    let constants = try map(.zeros([2, 3 * width])).reshaped([6, width])
    let matrix = Tensor.identity(width) - w
    return (
      map,
      try matrix.leastSquares(constants.transposed).solution.transposed.reshaped([2, 3 * width])
    )
  }

  @Test func everySolverFindsWhereAContractionRests() throws {
    let w = Tensor<Double>(rows: [[0.5, 0.2, 0], [0, -0.3, 0.1], [0.1, 0, 0.7]])
    let (map, places) = try rest(of: w)
    try withEvery(
      "solver",
      in: [PlainIteration(), AndersonMixing(), NewtonKrylov(), SpeedMinimization()]
        as [any FixedPointSolver]
    ) { solver in
      let found = try FixedPointSearch(solver).run(map, from: normal([2, 9]))
      for row in 0..<2 {
        let one = try #require(found[row])
        #expect(one.end == .q, "\(currentCase)")
        #expect(one.state.squaredDistance(to: places[row]) < 1e-9, "\(currentCase)")
      }
    }
  }

  /// One eigenvalue of W outside the unit circle is one unstable mode a position.
  @Test func unstableModesAreCounted() throws {
    let w = Tensor<Double>(rows: [[1.3, 0.5], [0, 0.4]])
    let (map, places) = try rest(of: w)
    let starts: Tensor<Double> = normal([2, 6])
    #expect(
      try FixedPointSearch(PlainIteration()).run(map, from: starts).allSatisfy {
        $0?.end == .diverged
      })
    let found = try FixedPointSearch(NewtonKrylov()).run(map, from: starts)
    var random = Random(seed: 1)
    let kinds = FixedPointStarts(
      2, trajectory: starts, others: nil, random: &random)
    var set = FixedPointSet(found, starts: kinds, extent: TrajectoryExtent(places))
    #expect(set.points.count == 2 && set.convergedCount == 2)
    try set.findStability(map)
    for point in set.points {
      #expect(point.unstableModes == 3 && point.distance < 1e-5 && point.isStable == false)
      let radius = try #require(point.spectrum?.spectralRadius)
      #expect(abs(radius - 1.3) < 1e-9)
    }
  }
}
