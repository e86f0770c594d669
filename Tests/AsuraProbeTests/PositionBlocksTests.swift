import AsuraModel
import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Testing

@Suite struct PositionBlocksTests {
  /// A golden's model with its input's first example, and a latent.
  private func parts(
    _ name: String
  ) throws -> (RecurrentTransformer<Double>, ModelInput, Tensor<Double>) {
    let golden = try Golden(name)
    let model = try golden.model(as: Double.self)
    let input = try golden.input.examples(0..<1)
    return (model, input, normal([1, input.positions, model.configuration.width], seed: 4))
  }

  // Causal masks of every kind: whole and windows, ALiBi, RoPE, relative, learned and coupled positions, cores of
  // one and two blocks, Euler steps, several heads to a key, a prelude, and one that was trained.
  @Test(arguments: [
    "add-post-rms", "coupled-post-layer", "coda-post-layer", "plain-pre-layer", "trained-columns",
  ])
  func areThoseOfTheWholeJacobian(_ name: String) throws {
    let (model, input, latent) = try parts(name)
    #expect(model.hasTriangularStepMap)
    let (positions, width) = (input.positions, model.configuration.width)
    let map = try LatentMap(model, input, iteration: 2)
    let whole = try StateJacobian(of: map, at: latent.reshaped([1, latent.count])).matrix()
    let blocks = try PositionBlocks(
      model, input, iteration: 2, of: model.configuration.iterations)(at: latent)
    #expect(blocks.shape == [positions, width, width])
    let scale = whole.elements.map(abs).max()!
    for p in 0..<positions {
      for i in 0..<width {
        for j in 0..<width {
          #expect(
            abs(blocks[[p, i, j]] - whole[[p * width + i, p * width + j]]) < 1e-12 * scale)
        }
        // Nothing comes from later positions: the union is exact.
        for j in (p + 1) * width..<max((p + 1) * width, positions * width) {
          #expect(whole[[p * width + i, j]] == 0)
        }
      }
    }
  }

  @Test func areTheSameForAnyNumberOfThreads() throws {
    let (model, input, latent) = try parts("coda-post-layer")
    let results = try [1, 2, 5].map { count in
      try Workers.$current.withValue(Workers(count: count)) {
        try PositionBlocks(model, input, iteration: 1, of: 3)(at: latent)
      }
    }
    #expect(results.allSatisfy { $0.isIdentical(to: results[0]) })
  }

  @Test func fullMasksHaveNoShortcut() throws {
    let (model, _, _) = try parts("concat-pre-layer")
    #expect(!model.hasTriangularStepMap)
    #expect(JacobianProbe().method(dimension: 48, isTriangular: false) == .dense)
    #expect(JacobianProbe().method(dimension: 48, isTriangular: true) == .blocks)
    #expect(
      JacobianProbe(extent: .leading(3)).method(dimension: 48, isTriangular: true) == .leading(3))
  }
}
