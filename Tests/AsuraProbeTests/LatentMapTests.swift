import AsuraModel
import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Testing

@Suite struct LatentMapTests {
  private let model: RecurrentTransformer<Double>
  private let input: ModelInput

  init() throws {
    model = RecurrentTransformer(
      try ModelConfiguration(
        vocabulary: 5, classes: 4, width: 8, iterations: 4,
        attention: AttentionConfiguration(heads: 2),
        mlp: MLPConfiguration(width: 12)), seed: 3)
    // Enough rows for several parts.
    input = try ModelInput(tokens: (0..<60 * 3).map { Int32($0 * 7 % 5) }, batch: 60, positions: 3)
  }

  @Test func isTheModelsStepRowByRow() throws {
    let map = try LatentMap(model, input)
    #expect(map.count == 60 && map.dimension == 24)
    let z: Tensor<Double> = normal([60, 24])
    let whole = try model.stepMap(input)(z.reshaped([60, 3, 8])).reshaped([60, 24])
    #expect(relativeError(try map(z), whole) < 1e-14)
    let linearization = try map.linearized(at: z)
    #expect(relativeError(linearization.value, whole) < 1e-14)

    let (v, w): (Tensor<Double>, Tensor<Double>) = (
      normal([2, 60, 24], seed: 2), normal([60, 24], seed: 3)
    )
    let tape = try model.stepMap(input).linearized(at: z.reshaped([60, 3, 8]))
    let expected = try tape.jvp(v.reshaped([2, 60, 3, 8])).reshaped([2, 60, 24])
    #expect(relativeError(try linearization.jvp(v), expected) < 1e-13)
    let back = try tape.vjp(w.reshaped([60, 3, 8])).reshaped([60, 24])
    #expect(relativeError(try linearization.vjp(w), back) < 1e-13)
  }

  @Test func selectsSystems() throws {
    let map = try LatentMap(model, input)
    let z: Tensor<Double> = normal([60, 24])
    let rows = [59, 4, 4, 0]
    let selected = try map.selecting(rows)
    let states = Tensor.concatenating(rows.map { z.slice($0..<$0 + 1) })
    let images = try selected(states)
    let all = try map(z)
    #expect(relativeError(images, .concatenating(rows.map { all.slice($0..<$0 + 1) })) < 1e-14)
  }
}
