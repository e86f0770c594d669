import Asura
import AsuraModel
import AsuraProbe
import Foundation

/// Eigenvalues of one iteration's Jacobian, `[position × width]` squared, at the latent of iteration 8.
func spectra(_ workload: Workload<Double>, width: String, shape: String) throws -> [Measure] {
  let iteration = 8
  let run = try workload.model.run(workload.input, iterations: iteration)
  let map = try workload.model.stepMap(workload.input, iteration: iteration + 1)
  return [
    Measure(
      name: "top 20 eigenvalues", shape: shape, target: 10,
      contestants: [
        .ours { .moduli(moduli(try .leading(20, of: map, at: run.latent))) },
        .init("PyTorch jvp", .theirs("eig-top20 \(width)")),
        .init("PyTorch linearize", .theirs("eig-top20-linearized \(width)")),
      ], tolerance: 1e-8),
    Measure(
      name: "dense spectrum", shape: shape, target: 1.3,
      contestants: [
        .ours { .moduli(moduli(try .dense(of: map, at: run.latent))) },
        .init("PyTorch eager", .theirs("eig-dense \(width)")),
      ], tolerance: 1e-8),
  ]
}

/// The 20 largest; a search for so many may return one more, the other half of a pair.
private func moduli(_ spectrum: JacobianSpectrum) -> [Double] {
  spectrum.eigenvalues.prefix(20).map(\.length)
}
