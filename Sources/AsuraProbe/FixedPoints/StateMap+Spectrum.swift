internal import AsuraTensor

extension StateMap {
  /// The eigenvalues of one system's Jacobian at `state` `[dimension]`: all where the state is small enough for that
  /// to be quick, else the leading ones.
  func spectrum(row: Int, at state: Tensor<Double>, seed: UInt64) throws -> JacobianSpectrum {
    let start = ContinuousClock.now
    let n = dimension
    let linearization = try selecting([row]).linearized(at: state.reshaped([1, n]))
    func products(_ tangents: Tensor<Double>) throws -> Tensor<Double> {
      try linearization.jvp(tangents.reshaped([tangents.shape[0], 1, n])).reshaped(tangents.shape)
    }
    func seconds() -> Double { (ContinuousClock.now - start) / .seconds(1) }
    switch JacobianProbe().method(dimension: n) {
    case .dense:
      let unit = Tensor<Double>.identity(n)
      // A few tangents at a time: their activations stay in cache.
      let transposed = Tensor.concatenating(
        try stride(from: 0, to: n, by: 16).map { try products(unit.slice($0..<min(n, $0 + 16))) })
      let eigenvalues = try transposed.eigenvalues()
      return JacobianSpectrum(
        method: .dense, dimension: n, eigenvalues: eigenvalues,
        residual: JacobianSpectrum.traceResidual(eigenvalues, transposed), converged: true,
        applications: n, seconds: seconds(), restartVector: nil)
    case .leading(let count):
      let found = try ArnoldiSolver(count: count, seed: seed)
        .leadingEigenvalues(size: n, of: products)
      return JacobianSpectrum(
        method: .leading(count), dimension: n, eigenvalues: found.values,
        residual: found.residuals.max() ?? .nan, converged: found.converged,
        applications: found.applications, seconds: seconds(), restartVector: found.restartVector)
    }
  }
}
