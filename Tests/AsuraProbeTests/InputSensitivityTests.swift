import AsuraModel
import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

/// A token for each position, so that a row of the embedding is one position's input.
private func input(_ positions: Int) throws -> ModelInput {
  try ModelInput(tokens: (0..<Int32(positions)).map { $0 }, batch: 1, positions: positions)
}

@Suite struct InputSensitivityTests {
  @Test func ofALinearMap() throws {
    // Blocks that add nothing: z_{t+1} = A z + B e + b at each position, so ∂z_t/∂e = (1 + A + … + A^{t−1}) B.
    let width = 4
    let configuration = try ModelConfiguration(
      vocabulary: 3, classes: 2, width: width, iterations: 4,
      attention: AttentionConfiguration(heads: 1), mlp: MLPConfiguration(width: 4), finalNorm: false
    )
    var parameters = RecurrentTransformer<Double>(configuration, seed: 1).namedParameters
    for name in parameters.keys where name.contains("attn.out") || name.contains("mlp.down") {
      parameters[name] = .zeros(parameters[name]!.shape)
    }
    let model = try RecurrentTransformer(configuration, parameters: parameters)
    let recall = parameters["recall.weight"]!
    func half(_ start: Int) -> Tensor<Double> {
      Tensor(
        [width, width], (0..<width).flatMap { i in (0..<width).map { recall[[i, start + $0]] } })
    }
    let (b, a) = (half(0), half(width))
    let traced = try TracedModel(model, input(3), iterations: 4)
    let found = try InputSensitivity(traced.run, example: 0, iterations: 4)
    #expect(found.isExact && found.iterations == [0, 1, 2, 3, 4])
    var expected = Tensor<Double>.zeros([width, width])
    for t in 0...4 {
      let logits = parameters["head.weight"]!.matmul(expected)
      for p in 0..<3 {
        for q in 0..<3 {
          #expect(abs(found.latent.norms[[t, p, q]] - (p == q ? expected.norm : 0)) < 1e-12)
          #expect(abs(found.logits.norms[[t, p, q]] - (p == q ? logits.norm : 0)) < 1e-12)
        }
      }
      expected = a.matmul(expected) + b
    }
    #expect(found.latent.reach() == [[-1, -1, -1]] + Array(repeating: [0, 0, 0], count: 4))
  }

  @Test func agreesWithDifferences() throws {
    // A prelude, a core of two blocks, a coda, and an initial latent that is the input.
    let (positions, width) = (3, 6)
    let configuration = try ModelConfiguration(
      vocabulary: 3, classes: 4, width: width, prelude: 1, core: 2, coda: 1, iterations: 3,
      attention: AttentionConfiguration(heads: 2, positions: .alibi),
      mlp: MLPConfiguration(width: 8), initialLatent: .input)
    let model = RecurrentTransformer<Double>(configuration, seed: 5)
    let traced = try TracedModel(model, input(positions), iterations: 3)
    let found = try InputSensitivity(traced.run, example: 0, iterations: 3)

    func logits(_ token: Int, _ column: Int, _ step: Double) throws -> [Int: Tensor<Double>] {
      var parameters = model.namedParameters
      parameters["embed.weight"]!.update { $0[token * width + column] += step }
      var options = RunOptions<Double>()
      options.iterations = 3
      options.readout = .iterations(.only([0, 1, 2, 3]))
      return try RecurrentTransformer(configuration, parameters: parameters)
        .run(input(positions), options).readout
    }
    let step = 1e-5
    for q in 0..<positions {
      var squares = Array(repeating: Array(repeating: 0.0, count: positions), count: 4)
      for column in 0..<width {
        let (up, down) = (try logits(q, column, step), try logits(q, column, -step))
        for t in 0...3 {
          for p in 0..<positions {
            let slope = (up[t]![0][p] - down[t]![0][p]).scaled(by: 1 / (2 * step))
            squares[t][p] += slope.dot(slope)
          }
        }
      }
      for t in 0...3 {
        for p in 0..<positions {
          let expected = squares[t][p].squareRoot()
          // The recorded initial latent is in 32 bits.
          #expect(abs(found.logits.norms[[t, p, q]] - expected) < 1e-4 * (1 + expected))
        }
      }
    }
  }

  @Test func theWaveTravelsOneWindowAnIteration() throws {
    let positions = 9
    let configuration = try ModelConfiguration(
      vocabulary: 9, classes: 4, width: 8, iterations: 6,
      attention: AttentionConfiguration(heads: 2, positions: .alibi, mask: .causal, window: 1),
      mlp: MLPConfiguration(width: 8))
    let model = RecurrentTransformer<Double>(configuration, seed: 2)
    let traced = try TracedModel(model, input(positions), iterations: 6)
    let found = try InputSensitivity(traced.run, example: 0, iterations: 6)
    for (t, row) in found.latent.reach(threshold: 0).enumerated() {
      for (q, reach) in row.enumerated() {
        #expect(reach == (t == 0 ? -1 : min(t, positions - 1 - q)), "t \(t), input \(q)")
      }
    }
    let wave = found.latent.byDistance
    #expect(wave[3][3] > 0 && wave[3][4] == 0 && wave[6][6] > 0 && wave[6][7] == 0)
    // Causal: nothing from later positions.
    #expect(found.logits.norms[[6, 2, 3]] == 0)

    // From some directions only, an estimate.
    let some = try InputSensitivity(
      traced.run, example: 0, iterations: 6, directions: 4, seed: 1)
    #expect(!some.isExact && some.directions == 4)
    let (a, b) = (some.latent.norms[6].norm, found.latent.norms[6].norm)
    #expect(abs(a / b - 1) < 0.5 && a != b)
  }

  @Test func stopsWhenAsked() throws {
    let configuration = try ModelConfiguration(
      vocabulary: 3, classes: 2, width: 4, iterations: 4,
      attention: AttentionConfiguration(heads: 1), mlp: MLPConfiguration(width: 4))
    let traced = try TracedModel(
      RecurrentTransformer(configuration, seed: 1), input(3), iterations: 4)
    var done = 0
    let found = try InputSensitivity(
      traced.run, example: 0, iterations: 4, isCancelled: { done == 2 },
      progress: { _ in done += 1 })
    #expect(found.iterations == [0, 1] && found.latent.norms.shape == [2, 3, 3])
  }
}
