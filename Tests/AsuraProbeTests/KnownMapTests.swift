import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Testing

@Suite struct KnownMapTests {
  /// The closed-form Jacobians are those of the closed-form values.
  @Test func derivativesAreTheirs() throws {
    let maps: [(String, KnownMap)] = [
      ("sheared", .sheared([0.9, 0.5, -0.3], shear: 4, around: [1, 2, 3])),
      ("jordan", .jordan(0.5, size: 3)), ("rotation", .rotation(period: 5, growth: 1.1)),
      ("slider", .slider([1, -2])), ("logistic", .logistic(3.2)), ("bistable", .bistable()),
      ("gradient flow", .gradientFlow([1, 3], step: 0.1)),
    ]
    try withEvery("map", in: maps) { name, map in
      let n = map.dimension
      let two = map.of(2)
      let z: Tensor<Double> = normal([2, n]).scaled(by: 0.4)
      let linearization = try two.linearized(at: z)
      #expect(linearization.value == (try two(z)))
      let v: Tensor<Double> = normal([3, 2, n], seed: 2)
      let products = try linearization.jvp(v)
      let h = 1e-5
      for k in 0..<3 {
        var (up, down) = (z, z)
        up.add(v[k], times: h)
        down.add(v[k], times: -h)
        let difference = (try two(up) - two(down)).scaled(by: 1 / (2 * h))
        #expect(relativeError(products[k], difference) < 1e-8, "\(currentCase)")
      }
      let w: Tensor<Double> = normal([2, n], seed: 3)
      let back = try linearization.vjp(w)
      for row in 0..<2 {
        #expect(abs(products[0][row].dot(w[row]) - back[row].dot(v[0][row])) < 1e-12)
      }
    }
  }
}
