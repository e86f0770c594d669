public import AsuraTensor

/// Finds the eigenvalues of largest modulus of a real operator that is known only by applying it.
///
/// The implicitly restarted Arnoldi method (Lehoucq, Sorensen and Yang, "ARPACK Users' Guide",
/// 1998). It sees eigenvalues that its start vector has a share in, and of a multiple eigenvalue
/// often only one copy; a defective one is known only to a root of the precision.
///
/// ARPACK keeps its state in variables of the process, so solves wait for each other, and the
/// operator must not start another solve: it would wait for ever.
public struct ArnoldiSolver: Sendable, Equatable {
  /// How many eigenvalues to find; one more is returned when the last would split a conjugate pair.
  public var count: Int
  /// How many vectors the Krylov basis holds: between `count + 2` and the operator's size, to which
  /// it is clipped. `nil` chooses `max(2·count + 1, 20)`. More need fewer restarts and more memory.
  public var subspace: Int?
  /// The relative error wished for, as ARPACK estimates it; 0 is the machine precision.
  public var tolerance: Double
  /// After how many restarts to give up.
  public var maximumRestarts: Int
  /// What the random start vector is drawn from when none is given.
  public var seed: UInt64
  /// Whether the result holds the eigenvectors.
  public var keepVectors: Bool

  public init(
    count: Int, subspace: Int? = nil, tolerance: Double = 0, maximumRestarts: Int = 300,
    seed: UInt64 = 0, keepVectors: Bool = false
  ) {
    self.count = count
    self.subspace = subspace
    self.tolerance = tolerance
    self.maximumRestarts = maximumRestarts
    self.seed = seed
    self.keepVectors = keepVectors
  }

  /// The leading eigenvalues of the operator `apply` on vectors of `size` elements.
  ///
  /// - Parameters:
  ///   - start: A start vector `[size]`, such as the `restartVector` of a like operator's spectrum.
  ///   - apply: Takes rows `[rows, size]` to their images `[rows, size]`. The iteration applies one
  ///     row at a time, the residual check all eigenvectors at once. What it throws ends the solve.
  /// - Throws: `ArnoldiError`, or what `apply` throws. Not converging is no error: see `converged`.
  public func leadingEigenvalues<S: Scalar>(
    size: Int, start: Tensor<S>? = nil, of apply: (Tensor<S>) throws -> Tensor<S>
  ) throws -> ArnoldiSpectrum<S> {
    try validate(size: size)
    guard size <= Int32.max else {
      throw ArnoldiError.tooLarge(size: size, subspace: subspace ?? count)
    }
    let wanted = subspace ?? max(2 * count + 1, 20)
    let basisSize = min(max(wanted, count + 2), size)
    let (elements, overflow) = basisSize.multipliedReportingOverflow(by: size)
    // ARPACK counts its work array, 3b² + 6b for a basis of b, in 32 bits.
    let (square, squareOverflow) = basisSize.multipliedReportingOverflow(by: 3 * basisSize + 6)
    guard !overflow, elements <= Int32.max, !squareOverflow, square <= Int32.max else {
      throw ArnoldiError.tooLarge(size: size, subspace: basisSize)
    }
    var applications = 0
    func checked(_ rows: Tensor<S>) throws -> Tensor<S> {
      let images = try apply(rows)
      precondition(
        images.shape == rows.shape, "the operator took \(rows.shape) to \(images.shape)")
      applications += rows.shape[0]
      guard images.elements.allSatisfy(\.isFinite) else {
        throw ArnoldiError.operatorNotFinite(application: applications)
      }
      return images
    }
    if let start {
      precondition(start.shape == [size], "start vector \(start.shape) for \(size) dimensions")
      guard start.elements.allSatisfy(\.isFinite), start.elements.contains(where: { $0 != 0 })
      else { throw ArnoldiError.badStartVector }
    }
    return try arpackLock.withLock { _ in
      func iterate(from start: Tensor<S>) throws -> ArnoldiIteration<S> {
        var iteration = ArnoldiIteration(
          size: size, count: count, basisSize: basisSize, maximumRestarts: maximumRestarts,
          // Passed by value at each entry, so ARPACK's own replacement of 0 would be forgotten.
          tolerance: max(S(tolerance), S.ulpOfOne / 2), start: start.elements)
        try iteration.run(checked)
        return iteration
      }
      var iteration = try iterate(from: start ?? randomStart(size: size))
      if iteration.annihilatedStart, start != nil {
        iteration = try iterate(from: randomStart(size: size))
      }
      // Only the zero operator takes a random vector to zero; any vectors are its eigenvectors.
      let groups =
        iteration.annihilatedStart ? zeroGroups(size: size) : try iteration.extract()
      return try ArnoldiSpectrum(
        groups: groups, count: count, size: size, keepVectors: keepVectors,
        applications: applications, restarts: iteration.restarts,
        converged: iteration.finished || iteration.annihilatedStart, apply: checked)
    }
  }

  private func validate(size: Int) throws(ArnoldiError) {
    guard count >= 1 else {
      throw .invalidOption(name: "count", value: "\(count)", expected: "at least 1")
    }
    guard tolerance >= 0, tolerance.isFinite else {
      throw .invalidOption(name: "tolerance", value: "\(tolerance)", expected: "0 or more")
    }
    guard (1...Int(Int32.max)).contains(maximumRestarts) else {
      throw .invalidOption(
        name: "maximumRestarts", value: "\(maximumRestarts)", expected: "at least 1")
    }
    guard size >= 0, count <= size - 2 else {
      throw .tooFewDimensions(size: size, count: count)
    }
  }

  private func randomStart<S: Scalar>(size: Int) -> Tensor<S> {
    var random = Random(seed: seed, for: "Arnoldi start vector")
    return .normal([size], using: &random)
  }

  private func zeroGroups<S: Scalar>(size: Int) -> [RitzGroup<S>] {
    (0..<count).map { index in
      var vector = Tensor<S>.zeros([size])
      vector.update { $0[index] = 1 }
      return RitzGroup(value: .zero, real: vector)
    }
  }
}
