// Eigenvalues of the step map's Jacobian: all from the dense matrix, the leading ones without it.

import Asura
import Foundation

// In double precision: eigenvalues deserve it.
let configuration = try ModelConfiguration(
  vocabulary: 10, classes: 10, width: 16, iterations: 30,
  attention: AttentionConfiguration(heads: 2, positions: .alibi),
  mlp: MLPConfiguration(width: 32))
let model = RecurrentTransformer<Double>(configuration, seed: 1)
let input = try ModelInput(tokens: [2, 7, 1, 8, 2, 8], batch: 1, positions: 6)

// F and its Jacobian at the latent the run ends on: how the next iteration acts near there.
let latent = try model.run(input).latent
let map = try model.stepMap(input)
let jacobian = try map.linearized(at: latent)
let n = map.dimension
print("state [1, 6, 16]: \(n) dimensions")
print(String(format: "‖F(z) − z‖ / ‖z‖ = %.1e", (jacobian.value - latent).norm / latent.norm))

// J·v for all n unit vectors at once: row j of the result is column j of J.
let columns = try jacobian.jvp(Tensor.identity(n).reshaped([n] + map.shape))
let dense = try columns.reshaped([n, n]).transposed.eigenvalues()

// Arnoldi's method asks only for products.
let leading = try ArnoldiSolver(count: 6).leadingEigenvalues(size: n) { rows in
  try jacobian.jvp(rows.reshaped([rows.shape[0]] + map.shape)).reshaped(rows.shape)
}

print("\n           dense                  Arnoldi   residual")
for (i, value) in leading.values.enumerated() {
  print(
    String(
      format: "%9.6f %+9.6fi   %9.6f %+9.6fi   %.0e", dense[i].real, dense[i].imaginary,
      value.real, value.imaginary, leading.residuals[i]))
}
let difference = zip(dense, leading.values).map { ($0 - $1).length }.max() ?? .nan
print(String(format: "\nspectral radius %.6f", dense[0].length))
print(String(format: "largest difference %.0e", difference))
print("\(leading.applications) products with J, one after another; the matrix took \(n) at once")
