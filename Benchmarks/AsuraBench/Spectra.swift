import Asura
import AsuraModel
import AsuraProbe
import Foundation

/// Eigenvalues of one iteration's Jacobian, `[position × width]` squared, at the latent of iteration 8.
func spectra(_ workload: Workload<Double>, width: String, shape: String) throws -> [Measure] {
  let iteration = 8
  let run = try workload.model.run(workload.input, iterations: iteration)
  let map = try LatentMap(workload.model, workload.input, iteration: iteration + 1)
  let state = run.latent.reshaped([1, map.dimension])
  return [
    Measure(
      name: "top 20 eigenvalues", shape: shape, target: 10,
      contestants: [
        .ours { .moduli(moduli(try .leading(20, of: map, at: state))) },
        .init("PyTorch jvp", .theirs("eig-top20 \(width)")),
        .init("PyTorch linearize", .theirs("eig-top20-linearized \(width)")),
      ], tolerance: 1e-8),
    Measure(
      name: "dense spectrum", shape: shape, target: 1.5,
      contestants: [
        .ours { .moduli(moduli(try .dense(of: map, at: state))) },
        .init("PyTorch eager", .theirs("eig-dense \(width)")),
      ], tolerance: 1e-8),
    Measure(
      name: "Jacobian by Jᵀ·w", shape: shape, target: 1,
      contestants: [
        .ours { .moduli([try StateJacobian(of: map, at: state).matrix().norm]) },
        .ours("by J·v") {
          let columns = Tensor<Double>.identity(map.dimension)
          return .moduli([try StateJacobian(of: map, at: state).apply(columns).norm])
        },
      ], tolerance: 1e-12),
  ]
}

/// The 20 leading eigenvalues at each of 50 iterations, `[64 × 128]` squared: each search starts from what the one
/// before it found, against searches that start anew.
func spectraAlongARun(_ workload: Workload<Double>) throws -> Measure {
  let iterations = 50
  let map = try LatentMap(workload.model, workload.input)
  var states = [Tensor<Double>.zeros([1, map.dimension])]
  for _ in 1..<iterations { states.append(try map(states[states.count - 1])) }
  let latents = states
  func follow(_ isWarm: Bool) throws -> Outcome {
    var previous: JacobianSpectrum?
    var radii: [Double] = []
    for state in latents {
      let spectrum = try JacobianSpectrum.leading(
        20, of: map, at: state, after: isWarm ? previous : nil)
      radii.append(spectrum.spectralRadius)
      previous = spectrum
    }
    return .moduli(radii)
  }
  return Measure(
    name: "50 spectra", shape: "8192²", target: 1,
    contestants: [.ours { try follow(true) }, .ours("started anew") { try follow(false) }],
    tolerance: 1e-8)
}

/// The 20 largest; a search for so many may return one more, the other half of a pair.
private func moduli(_ spectrum: JacobianSpectrum) -> [Double] {
  spectrum.eigenvalues.prefix(20).map(\.length)
}
