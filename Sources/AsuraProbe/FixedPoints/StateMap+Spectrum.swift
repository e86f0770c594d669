internal import AsuraTensor

extension StateMap {
  /// The eigenvalues of one system's Jacobian at `state` `[dimension]`: all where the state is small enough for that
  /// to be quick, else the leading ones.
  func spectrum(row: Int, at state: Tensor<Double>, seed: UInt64) throws -> JacobianSpectrum {
    let jacobian = try StateJacobian(of: selecting([row]), at: state.reshaped([1, dimension]))
    switch JacobianProbe().method(dimension: dimension) {
    case .leading(let count): return try .leading(count, of: jacobian, seed: seed)
    case .dense, .blocks: return try .dense(of: jacobian)
    }
  }
}
