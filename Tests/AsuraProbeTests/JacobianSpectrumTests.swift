import AsuraModel
import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

private typealias C = Complex<Double>

/// The largest distance from an expected value to the nearest actual one not yet taken.
private func mismatch(_ actual: [C], _ expected: [C]) -> Double {
  guard actual.count == expected.count else { return .infinity }
  var left = actual
  var worst = 0.0
  for value in expected {
    let nearest = left.indices.min { (left[$0] - value).length < (left[$1] - value).length }
    guard let nearest else { return .infinity }
    worst = max(worst, (left.remove(at: nearest) - value).length)
  }
  return worst
}

/// A model, input and latent that PyTorch differentiated: Tests/Goldens/README.md.
private struct Golden {
  let map: LatentMap
  let latent: Tensor<Double>
  let jacobian: Tensor<Double>
  let eigenvalues: [C]

  init(_ name: String) throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../Goldens/\(name).safetensors")
    let golden = try Safetensors(contentsOf: file)
    let json = try #require(golden.metadata["configuration"])
    let configuration = try ModelConfiguration(json: Data(json.utf8), source: name)
    let prefix = "parameter."
    let parameters = try golden.entries.keys.filter { $0.hasPrefix(prefix) }.map {
      (String($0.dropFirst(prefix.count)), try golden.tensor($0, as: Double.self))
    }
    let model = try RecurrentTransformer(
      configuration, parameters: Dictionary(uniqueKeysWithValues: parameters))
    let shape = try #require(golden.entries["input.tokens"]?.shape)
    let input = try ModelInput(
      tokens: golden.integers("input.tokens").map { Int32($0) }, batch: shape[0],
      positions: shape[1], channels: shape[2],
      positionIDs: golden.integers("input.ids").map { Int32($0) })
    // z₂ = F(z₁) is iteration 2.
    map = try LatentMap(model, input.examples(0..<1), iteration: 2)
    latent = try golden.tensor("latent.1").slice(0..<1).reshaped([1, map.dimension])
    jacobian = try golden.tensor("jacobian")
    let real: Tensor<Double> = try golden.tensor("jacobian.eigenvalues.real")
    let imaginary: Tensor<Double> = try golden.tensor("jacobian.eigenvalues.imag")
    eigenvalues = zip(real.elements, imaginary.elements).map { C($0, $1) }
  }
}

/// A model whose blocks add nothing, so that `F(z) = W_z z + W_e e + b` at every position: the Jacobian is
/// W_z once a position, and so is its spectrum.
private func linearMap(
  _ matrix: Tensor<Double>, positions: Int = 3, update: Update = Update()
) throws -> LatentMap {
  let width = matrix.shape[0]
  let configuration = try ModelConfiguration(
    vocabulary: 5, classes: 3, width: width, iterations: 4,
    attention: AttentionConfiguration(heads: 1), mlp: MLPConfiguration(width: 8), update: update)
  var parameters = RecurrentTransformer<Double>(configuration, seed: 1).namedParameters
  for name in parameters.keys where name.contains("attn.out") || name.contains("mlp.down") {
    parameters[name] = .zeros(parameters[name]!.shape)
  }
  parameters["recall.weight"]!.update { w in
    for i in 0..<width {
      for j in 0..<width { w[i * 2 * width + width + j] = matrix[[i, j]] }
    }
  }
  let model = try RecurrentTransformer(configuration, parameters: parameters)
  let tokens = (0..<positions).map { Int32($0 % 5) }
  return try LatentMap(model, ModelInput(tokens: tokens, batch: 1, positions: positions))
}

private func latent(_ map: LatentMap) -> Tensor<Double> {
  var random = Random(seed: 3, for: "latent")
  return .normal([1, map.dimension], using: &random)
}

private func matrix(_ rows: [[Double]]) -> Tensor<Double> {
  Tensor([rows.count, rows[0].count], rows.flatMap { $0 })
}

@Suite struct JacobianSpectrumTests {
  @Test(arguments: ["concat-pre-layer", "plain-pre-layer", "trained-columns"])
  func agreesWithPyTorch(_ name: String) throws {
    let golden = try Golden(name)
    let jacobian = try StateJacobian(of: golden.map, at: golden.latent)
    #expect(relativeError(try jacobian.matrix(), golden.jacobian) < 1e-12)
    // The transpose's products, in other numbers than a chunk's.
    let w: Tensor<Double> = normal([11, jacobian.dimension])
    #expect(
      relativeError(try jacobian.applyTransposed(w), w.matmul(golden.jacobian)) < 1e-12)
    let dense = try JacobianSpectrum.dense(of: golden.map, at: golden.latent)
    // Positions of equal digits give the trained model equal blocks, whose common eigenvalues are defective: known to
    // a root of the precision only.
    let tolerance = name == "trained-columns" ? 1e-4 : 1e-10
    #expect(mismatch(dense.eigenvalues, golden.eigenvalues) < tolerance)
    #expect(dense.residual < 1e-13 && dense.converged && dense.method == .dense)
    #expect(abs(dense.spectralRadius - golden.eigenvalues[0].length) < tolerance)
    #expect(dense.outsideUnitCircle == golden.eigenvalues.count { $0.length > 1 + 1e-9 })
    #expect(!dense.mayHaveMoreOutside)
    #expect(dense.applications == dense.dimension && dense.dimension == golden.latent.count)

    for count in [1, 4, 7] {
      let leading = try JacobianSpectrum.leading(count, of: golden.map, at: golden.latent)
      let expected = Array(dense.eigenvalues.prefix(leading.eigenvalues.count))
      #expect(leading.converged && leading.method == .leading(count))
      #expect((count...count + 1).contains(leading.eigenvalues.count))
      #expect(mismatch(leading.eigenvalues, expected) < tolerance, "\(count) of \(name)")
      #expect(leading.residual < 1e-10)
    }
  }

  @Test func isTheSameForAnyNumberOfThreads() throws {
    let golden = try Golden("concat-pre-layer")
    let results = try [1, 2, 5].map { count in
      try Workers.$current.withValue(Workers(count: count)) {
        try StateJacobian(of: golden.map, at: golden.latent).matrix()
      }
    }
    #expect(results.allSatisfy { $0.isIdentical(to: results[0]) })
  }

  @Test func startsFromTheSpectrumBefore() throws {
    let golden = try Golden("concat-pre-layer")
    let cold = try JacobianSpectrum.leading(4, of: golden.map, at: golden.latent)
    let warm = try JacobianSpectrum.leading(4, of: golden.map, at: golden.latent, after: cold)
    #expect(mismatch(warm.eigenvalues, cold.eigenvalues) < 1e-10)
    #expect(warm.applications < cold.applications)
  }

  @Test func rotationAndDecay() throws {
    // 0.9·(rotation by 1 radian), 1.25 and −0.5; three positions: each value three times.
    let (c, s) = (0.9 * cos(1.0), 0.9 * sin(1.0))
    let map = try linearMap(
      matrix([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1.25, 0], [0, 0, 0, -0.5]]))
    let spectrum = try JacobianSpectrum.dense(of: map, at: latent(map))
    let once = [C(1.25), C(c, s), C(c, -s), C(-0.5)]
    #expect(mismatch(spectrum.eigenvalues, once + once + once) < 1e-12)
    #expect(spectrum.outsideUnitCircle == 3 && abs(spectrum.spectralRadius - 1.25) < 1e-12)
  }

  @Test func nonNormal() throws {
    // Triangular with a large upper part: the norm is a thousand times the radius.
    let map = try linearMap(matrix([[0.9, 900, 0], [0, 0.5, 900], [0, 0, -0.3]]), positions: 2)
    let spectrum = try JacobianSpectrum.dense(of: map, at: latent(map))
    let once = [C(0.9), C(0.5), C(-0.3)]
    #expect(mismatch(spectrum.eigenvalues, once + once) < 1e-10)
    #expect(spectrum.outsideUnitCircle == 0 && spectrum.residual < 1e-14)
  }

  @Test func defective() throws {
    // One Jordan block of size 3: known only to the cube root of the precision.
    let map = try linearMap(matrix([[0.7, 1, 0], [0, 0.7, 1], [0, 0, 0.7]]), positions: 1)
    let spectrum = try JacobianSpectrum.dense(of: map, at: latent(map))
    #expect(mismatch(spectrum.eigenvalues, [C(0.7), C(0.7), C(0.7)]) < 1e-4)
    #expect(spectrum.residual < 1e-14)
  }

  @Test func eulerStepsPullTowardsOne() throws {
    // z + Δ(Wz − z) has eigenvalues 1 − Δ + Δλ.
    let map = try linearMap(
      matrix([[-1, 0], [0, 0.5]]), positions: 2, update: Update(kind: .euler, step: 0.25))
    let spectrum = try JacobianSpectrum.dense(of: map, at: latent(map))
    #expect(mismatch(spectrum.eigenvalues, [C(0.875), C(0.875), C(0.5), C(0.5)]) < 1e-14)
  }

  @Test func boundsWhatWasNotSought() throws {
    let n = 12
    let values = (0..<n).map { 2 - Double($0) / 8 }
    var diagonal = Tensor<Double>.zeros([n, n])
    diagonal.update { for i in 0..<n { $0[i * (n + 1)] = values[i] } }
    let map = try linearMap(diagonal, positions: 1)
    let few = try JacobianSpectrum.leading(3, of: map, at: latent(map))
    #expect(few.outsideUnitCircle == 3 && few.mayHaveMoreOutside)
    let most = try JacobianSpectrum.leading(10, of: map, at: latent(map))
    #expect(most.outsideUnitCircle == 8 && !most.mayHaveMoreOutside)
    // More than a Krylov method can give: all of them, the dense way.
    let all = try JacobianSpectrum.leading(n - 1, of: map, at: latent(map))
    #expect(all.method == .dense && mismatch(all.eigenvalues, values.map { C($0) }) < 1e-12)
  }

  @Test func denseCostKnowsWhatIsTooMuch() {
    #expect(DenseCost(dimension: 1024).isReasonable)
    #expect(!DenseCost(dimension: 200_000).isReasonable)
    #expect(!DenseCost(dimension: .max / 2).isReasonable)
  }
}
