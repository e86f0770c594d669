import AsuraModel
import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Testing

/// Each kind of patch against the same done by hand, with the model's own edits and nothing of the engine's.
@Suite struct PatchKindTests {
  private let model: RecurrentTransformer<Double>
  private let experiment: PatchExperiment<Double>
  private let site = Site.block(.core, index: 1, .z)

  init() throws {
    model = try patchModel()
    experiment = try PatchExperiment(model, patchPairs(), seed: 3)
  }

  /// The recorded value of a pair's run, `[1, …]`.
  private func recorded(
    _ side: PatchSide, _ pair: Int, _ site: Site, _ iteration: Int
  ) throws -> Tensor<Double> {
    try model.run(
      input(side, experiment, pair: pair), record: .sites(site.description)
    ).recorded[site, iteration]!
  }

  /// A pair's base run with a change of one site's value in some iterations, by hand.
  private func edited(
    _ pair: Int, _ site: Site, _ iterations: ClosedRange<Int>,
    _ change: @escaping @Sendable (inout Tensor<Double>, Int) throws -> Void
  ) throws -> PatchValues {
    let edit = Edit<Double>.replace(site.description, at: .range(iterations)) { value, context in
      var value = value
      try change(&value, context.iteration)
      return value
    }
    let run = try model.run(input(.base, experiment, pair: pair), edit: [edit])
    return try values(run.logits, experiment, pair: pair)
  }

  private func expect(
    _ patch: Patch, _ expected: (_ pair: Int) throws -> PatchValues,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    for cell in try cells(experiment, [patch]) {
      let wanted = try expected(cell.pair)
      for metric in PatchMetric.allCases {
        #expect(
          abs(cell.values[metric] - wanted[metric]) < 1e-10, "\(metric), pair \(cell.pair)",
          sourceLocation: sourceLocation)
      }
      #expect(
        cell.values != experiment.base(cell.pair), "the patch does nothing",
        sourceLocation: sourceLocation)
    }
  }

  @Test func replaceOneHeadAtOnePosition() throws {
    try expect(Patch(PatchPlace(site, at: 3, head: 2, position: 4))) { pair in
      let source = try recorded(.source, pair, site, 3)
      return try edited(pair, site, 3...3) { value, _ in
        // Head 2 of three has the columns 8 to 11 of twelve.
        value.update { v in for i in 0..<4 { v[4 * 12 + 8 + i] = source[[0, 4, 8 + i]] } }
      }
    }
  }

  @Test func replaceHeldFromAnotherIteration() throws {
    let latent = Site.latent
    try expect(
      Patch(PatchPlace(latent, iterations: 2...4, position: 1), .replace(.source, .offset(-1)))
    ) { pair in
      let sources = try (1...3).map { try recorded(.source, pair, latent, $0) }
      return try edited(pair, latent, 2...4) { value, t in
        value.update { v in for i in 0..<12 { v[12 + i] = sources[t - 2][[0, 1, i]] } }
      }
    }
    try expect(Patch(PatchPlace(latent, at: 4), .replace(.source, .fixed(0)))) { pair in
      let source = try recorded(.source, pair, latent, 0)
      return try edited(pair, latent, 4...4) { value, _ in value = source }
    }
  }

  @Test func patternsAreFrozen() throws {
    let pattern = Site.block(.core, index: 0, .pattern)
    let z = Site.block(.core, index: 0, .residPre)
    // The stream is patched, but heads go on looking where the base's looked.
    let patch = Patch([
      Patch.Change(PatchPlace(z, at: 2, position: 1)),
      Patch.Change(PatchPlace(pattern, iterations: 2...5), .replace(.base)),
    ])
    try expect(patch) { pair in
      let source = try recorded(.source, pair, z, 2)
      let run = try model.run(
        input(.base, experiment, pair: pair), record: .sites(pattern.description))
      let frozen = try (2...5).map { try #require(run.recorded[pattern, $0]) }
      let edits = [
        Edit<Double>.replace(z.description, at: 2) { value, _ in
          var value = value
          value.update { v in for i in 0..<12 { v[12 + i] = source[[0, 1, i]] } }
          return value
        },
        Edit<Double>.replace(pattern.description, at: .range(2...5)) { _, context in
          frozen[context.iteration - 2]
        },
      ]
      return try values(
        model.run(input(.base, experiment, pair: pair), edit: edits).logits, experiment, pair: pair)
    }
  }

  @Test func onePatternHeadAndQuery() throws {
    let pattern = Site.block(.core, index: 0, .pattern)
    try expect(Patch(PatchPlace(pattern, at: 2, head: 1, position: 3))) { pair in
      let source = try recorded(.source, pair, pattern, 2)
      return try edited(pair, pattern, 2...2) { value, _ in
        value.update { v in for k in 0..<5 { v[(1 * 5 + 3) * 5 + k] = source[[0, 1, 3, k]] } }
      }
    }
  }

  @Test func meanAndZero() throws {
    let means = try (0..<4).map { try recorded(.base, $0, site, 2) }
    try expect(Patch(PatchPlace(site, at: 2, position: 0), .mean)) { pair in
      try edited(pair, site, 2...2) { value, _ in
        value.update { v in
          for i in 0..<12 { v[i] = means.reduce(0) { $0 + $1[[0, 0, i]] } / 4 }
        }
      }
    }
    try expect(Patch(PatchPlace(site, at: 2, head: 0), .zero)) { pair in
      try edited(pair, site, 2...2) { value, _ in
        value.update { v in for p in 0..<5 { for i in 0..<4 { v[p * 12 + i] = 0 } } }
      }
    }
  }

  @Test func resampleIsAnotherPairsValue() throws {
    let patch = Patch(PatchPlace(site, at: 3), .resample)
    for cell in try cells(experiment, [patch]) {
      let others = try (0..<4).filter { $0 != cell.pair }.map { other in
        let value = try recorded(.base, other, site, 3)
        return try edited(cell.pair, site, 3...3) { found, _ in found = value }
      }
      let isOne = others.contains {
        abs($0.logitDifference - cell.values.logitDifference) < 1e-10
      }
      #expect(isOne)
    }
  }

  @Test func noiseHasTheSitesSpread() throws {
    let model: RecurrentTransformer<Double> = try patchModel { $0.core = 1 }
    let pairs = try patchPairs(count: 500, positions: 2)
    let experiment = try PatchExperiment(model, pairs, direction: .noise)
    let logits = try model.run(pairs.clean).logits!.elements
    let mean = logits.reduce(0, +) / Double(logits.count)
    let variance = logits.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(logits.count)
    let result = try experiment.result(of: [Patch(PatchPlace(.logits, at: 5), .noise(3))])
    // The difference of two classes' noise, averaged over two positions, has the variance of one.
    let added = experiment.pairs.indices.map {
      result.cells[0][$0]!.values.logitDifference - experiment.base($0).logitDifference
    }
    let found = added.reduce(0) { $0 + $1 * $1 } / Double(added.count)
    // Of 500 draws the estimate of a deviation is off by 1/√1000, 3%.
    #expect(abs((found / (9 * variance)).squareRoot() - 1) < 0.12)
    #expect(abs(added.reduce(0, +) / Double(added.count)) < 0.5 * variance.squareRoot())
  }

  @Test func steering() throws {
    let vector = Tensor<Double>([4], [1, -2, 0.5, 3])
    try expect(Patch(PatchPlace(site, iterations: 2...3, head: 1), .steer(vector))) { pair in
      try edited(pair, site, 2...3) { value, _ in
        value.update { v in
          for p in 0..<5 { for i in 0..<4 { v[p * 12 + 4 + i] += vector.elements[i] } }
        }
      }
    }
  }

  @Test func subspaceOfOneAxisAndOfAll() throws {
    // Along one axis it is that axis's coordinate that is replaced.
    var axis = [Double](repeating: 0, count: 12)
    axis[5] = 1
    let resid = Site.block(.core, index: 0, .residPost)
    try expect(Patch(PatchPlace(resid, at: 4), .subspace(Tensor([1, 12], axis)))) { pair in
      let source = try recorded(.source, pair, resid, 4)
      return try edited(pair, resid, 4...4) { value, _ in
        value.update { v in for p in 0..<5 { v[p * 12 + 5] = source[[0, p, 5]] } }
      }
    }
    // The whole space is a plain replacement.
    try expect(Patch(PatchPlace(resid, at: 4), .subspace(.identity(12)))) { pair in
      let source = try recorded(.source, pair, resid, 4)
      return try edited(pair, resid, 4...4) { value, _ in value = source }
    }
  }

  @Test func aGivenValue() throws {
    let made = Tensor<Double>([1, 5, 12], repeating: 0.25)
    try expect(Patch(PatchPlace(site, at: 2, position: 2), .value { _, _ in made })) { pair in
      try edited(pair, site, 2...2) { value, _ in
        value.update { v in for i in 0..<12 { v[2 * 12 + i] = 0.25 } }
      }
    }
  }
}
