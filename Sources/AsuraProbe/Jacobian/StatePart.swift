public import AsuraTensor

/// The part of a state that a Jacobian is looked at in. Only what the part does to itself is seen: what leads out of
/// it, and comes back in a later iteration, is not.
public enum StatePart: Sendable, Equatable {
  case whole
  /// The latent of one position.
  case position(Int)
  /// The span of orthonormal rows `[k, position × width]`.
  case subspace(Tensor<Double>)

  /// The operator within the part.
  public func restricting(
    _ jacobian: any LinearOperator, width: Int
  ) -> any LinearOperator {
    basis(dimension: jacobian.dimension, width: width).map { RestrictedOperator(jacobian, to: $0) }
      ?? jacobian
  }

  /// The part's orthonormal basis, a row each; nil for the whole.
  func basis(dimension: Int, width: Int) -> Tensor<Double>? {
    switch self {
    case .whole: return nil
    case .position(let position):
      var rows = Tensor<Double>.zeros([width, dimension])
      rows.update { q in for i in 0..<width { q[i * dimension + position * width + i] = 1 } }
      return rows
    case .subspace(let basis): return basis
    }
  }

  func dimension(whole: Int, width: Int) -> Int {
    switch self {
    case .whole: whole
    case .position: width
    case .subspace(let basis): basis.shape[0]
    }
  }
}

extension StatePart {
  /// The subspace of the `count` leading principal components of `states` `[rows, dimension]`: where the
  /// trajectories they come from spread most.
  ///
  /// - Throws: `ProbeError` when the states spread in fewer directions than that.
  public static func principalComponents(
    _ count: Int, of states: Tensor<Double>
  ) throws -> StatePart {
    let (rows, size) = (states.shape[0], states.shape[1])
    let mean = Tensor([1, rows], repeating: 1 / Double(max(1, rows))).matmul(states)
    let centred = states - Tensor([rows, 1], repeating: 1).matmul(mean)
    let decomposition = try centred.singularValueDecomposition()
    let values = decomposition.values.elements
    let rank = values.count { $0 > (values.first ?? 0) * 1e-12 * Double(max(rows, size)) }
    guard count >= 1, count <= rank else {
      throw ProbeError(
        .notFound,
        "there \(rank == 1 ? "is 1 principal component" : "are \(rank) principal components") "
          + "among the \(rows) latents looked at, not \(count)",
        remedy: rank > 0
          ? "Ask for pca:\(rank) or fewer, or for more examples."
          : "The latents do not move, and all are the same.")
    }
    return .subspace(decomposition.right.slice(0..<count))
  }

  /// The span of the rows `[k, dimension]`, orthonormalised.
  ///
  /// - Throws: `ProbeError` when they are not finite or depend on each other.
  public static func span(of rows: Tensor<Double>) throws -> StatePart {
    guard rows.shape[0] >= 1, rows.shape[0] <= rows.shape[1], rows.isFinite else {
      throw ProbeError(
        .notFound,
        "a basis of shape \(rows.shape) " + (rows.isFinite ? "spans no subspace" : "is not finite"))
    }
    let factors = try rows.transposed.qr()
    let k = rows.shape[0]
    let diagonal = (0..<k).map { factors.r[[$0, $0]] }
    guard let least = diagonal.min(), least > 1e-10 * (diagonal.max() ?? 0) else {
      throw ProbeError(
        .notFound, "the \(k) vectors of the basis depend on each other",
        remedy: "Give independent vectors.")
    }
    return .subspace(factors.q.transposed)
  }
}

extension StatePart {
  /// The leading principal components of a run's recorded latents at some iterations of some examples.
  public static func principalComponents(
    _ count: Int, of run: TracedRun, iterations: [Int], examples: [Int]
  ) throws -> StatePart {
    try principalComponents(
      count,
      of: .concatenating(try iterations.map { try run.states(of: examples, iteration: $0) }))
  }
}
