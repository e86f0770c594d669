internal import AsuraModel
internal import AsuraTensor

extension JacobianProbe {
  /// The modes of the Jacobian at one latent, with what they do.
  func explainedModes(
    _ run: TracedRun, iteration: Int, example: Int
  ) throws -> JacobianTrajectory.Modes {
    let (latent, _) = try self.latent(run, iteration: iteration, example: example)
    let (positions, width) = (run.input.positions, run.model.configuration.width)
    let jacobian = part.restricting(
      try StateJacobian(
        of: run.latentMap(examples: [example], at: iteration),
        at: latent.reshaped([1, latent.count])), width: width)
    let isWhole = jacobian.dimension <= Self.largestAutomaticDense || extent == .all
    let values: [Complex<Double>]
    let vectors: ComplexRows<Double>?
    if isWhole {
      let pairs = try jacobian.matrix().eigenDecomposition()
      (values, vectors) = (pairs.values, pairs.vectors)
    } else {
      let count = max(Self.automaticCount, 2 * modes)
      let solver = ArnoldiSolver(
        count: count, subspace: 4 * count, tolerance: tolerance, seed: seed, keepVectors: true)
      let found = try solver.leadingEigenvalues(size: jacobian.dimension, of: jacobian.apply)
      (values, vectors) = (found.values, found.vectors)
    }
    let readout = try run.stepMap(example: example, at: iteration).linearizedReadout(at: latent)
    let facts = try run.positionFacts(of: example)
    let basis = part.basis(dimension: positions * width, width: width)
    let choices = vectors == nil ? [] : ModeChoice.choosing(modes, of: values, isWhole: isWhole)
    return try JacobianTrajectory.Modes(
      iteration: iteration, example: example,
      modes: choices.compactMap { choice in
        guard let vectors else { return nil }
        func whole(_ rows: Tensor<Double>) -> Tensor<Double> {
          let row = rows.slice(choice.index..<choice.index + 1)
          return (basis.map { row.matmul($0) } ?? row).reshaped([positions * width])
        }
        return try JacobianMode(
          kind: choice.kind, eigenvalue: values[choice.index], real: whole(vectors.real),
          imaginary: whole(vectors.imaginary), positions: positions, facts: facts, seed: seed
        ) { tangents in
          let count = tangents.shape[0]
          let logits = try readout.jvp(tangents.reshaped([count, 1, positions, width]))
          return logits.reshaped([count, positions, logits.rowLength])
        }
      }, isWhole: isWhole)
  }
}
