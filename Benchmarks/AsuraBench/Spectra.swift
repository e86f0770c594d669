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
        .ours { .moduli(try leading(20, of: map, at: run.latent)) },
        .init("PyTorch jvp", .theirs("eig-top20 \(width)")),
        .init("PyTorch linearize", .theirs("eig-top20-linearized \(width)")),
      ], tolerance: 1e-8),
    Measure(
      name: "dense spectrum", shape: shape, target: 1.3,
      contestants: [
        .ours { .moduli(try all(of: map, at: run.latent).prefix(20)) },
        .init("PyTorch eager", .theirs("eig-dense \(width)")),
      ], tolerance: 1e-8),
  ]
}

/// Moduli of the leading eigenvalues by Arnoldi iteration on Jacobian-vector products.
private func leading(
  _ count: Int, of map: StepMap<Double>, at z: Tensor<Double>
) throws -> some Sequence<Double> {
  let jacobian = try map.linearized(at: z)
  let spectrum =
    try ArnoldiSolver(count: count).leadingEigenvalues(size: map.dimension) { rows in
      try jacobian.jvp(rows.reshaped([rows.shape[0]] + map.shape)).reshaped(rows.shape)
    } as ArnoldiSpectrum<Double>
  return spectrum.values.prefix(count).map(\.length)
}

/// Moduli of all eigenvalues: the Jacobian by forward mode, some unit tangents at a time, then LAPACK.
private func all(of map: StepMap<Double>, at z: Tensor<Double>) throws -> [Double] {
  let (size, block) = (map.dimension, 64)
  let unit = Tensor<Double>.identity(size)
  let columns = try Workers.current.map((size + block - 1) / block) { i in
    let tangents = unit.slice(i * block..<min(size, (i + 1) * block))
    return try map.linearized(at: z).jvp(tangents.reshaped([tangents.shape[0]] + map.shape))
  }
  // Its rows are the Jacobian's columns; a transpose has the same eigenvalues.
  return try Tensor.concatenating(columns).reshaped([size, size]).eigenvalues().map(\.length)
}
