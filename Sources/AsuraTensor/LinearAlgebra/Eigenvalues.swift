public import ComplexModule

/// Eigenvalues of a real square matrix with their right eigenvectors, largest magnitude first.
public struct EigenDecomposition<S: Scalar>: Sendable {
  /// The eigenvalues, each as often as its algebraic multiplicity.
  public let values: [Complex<S>]
  /// The eigenvectors, `[n, n]`: row `j` belongs to `values[j]` and has Euclidean norm 1.
  public let vectors: ComplexRows<S>
}

/// Complex vectors of equal length as the rows of two real matrices.
public struct ComplexRows<S: Scalar>: Sendable {
  /// The real parts, `[count, length]`.
  public let real: Tensor<S>
  /// The imaginary parts, `[count, length]`.
  public let imaginary: Tensor<S>

  public init(real: Tensor<S>, imaginary: Tensor<S>) {
    precondition(
      real.rank == 2 && real.shape == imaginary.shape,
      "real parts \(real.shape), imaginary parts \(imaginary.shape)")
    self.real = real
    self.imaginary = imaginary
  }

  /// Vector `index`.
  public subscript(index: Int) -> [Complex<S>] {
    zip(real[index].elements, imaginary[index].elements).map { Complex($0, $1) }
  }
}

extension Tensor {
  /// The eigenvalues of a real matrix `[n, n]`, largest magnitude first, each as often as its
  /// algebraic multiplicity.
  ///
  /// Conjugate pairs are adjacent, the positive imaginary part first. A matrix without rows has
  /// none. An eigenvalue whose vectors are nearly dependent (a defective one above all) is known
  /// only to a root of the machine precision; `magnitude` of `Complex` is the larger part, `length`
  /// the modulus. LAPACK's `geev`: balancing, Hessenberg form, small-bulge multishift QR; of a large matrix the
  /// last is `MultishiftQR`.
  ///
  /// - Throws: `LinearAlgebraError` when an element is not finite or the iteration does not
  ///   converge.
  public func eigenvalues() throws(LinearAlgebraError) -> [Complex<S>] {
    let (values, order, _, _) = try generalEigen(vectors: false)
    return order.map { values[$0] }
  }

  /// The eigenvalues of a real matrix `[n, n]` and their right eigenvectors: `A v = λ v`.
  ///
  /// The order is that of `eigenvalues()`. A defective matrix has fewer independent eigenvectors
  /// than rows, and some of those returned are then nearly parallel.
  ///
  /// - Throws: `LinearAlgebraError` when an element is not finite or the iteration does not
  ///   converge.
  public func eigenDecomposition() throws(LinearAlgebraError) -> EigenDecomposition<S> {
    let (values, order, packed, n) = try generalEigen(vectors: true)
    var real = Tensor.zeros([n, n])
    var imaginary = Tensor.zeros([n, n])
    packed.read { source in
      real.update { re in
        imaginary.update { im in
          for (row, j) in order.enumerated() {
            // A pair j, j+1 shares two rows: real part u, imaginary part w. Its vectors for Aᵀ from
            // the left are u ± iw, so for A from the right they are the conjugates.
            let first = values[j].imaginary < 0 ? j - 1 : j
            (re + row * n).update(from: source + first * n, count: n)
            if values[j].imaginary == 0 { continue }
            let sign: S = values[j].imaginary > 0 ? -1 : 1
            for i in 0..<n { im[row * n + i] = sign * source[(first + 1) * n + i] }
          }
        }
      }
    }
    return EigenDecomposition(
      values: order.map { values[$0] }, vectors: ComplexRows(real: real, imaginary: imaginary))
  }

  /// LAPACK's eigenvalues in its own order, the order that sorts them, and the left eigenvectors of
  /// Aᵀ, packed two rows to a complex pair.
  private func generalEigen(
    vectors: Bool
  ) throws(LinearAlgebraError) -> (
    values: [Complex<S>], order: [Int], packed: Tensor, size: Int
  ) {
    var (matrix, n) = try squareLapackInput("eigenvalues")
    var packed = Tensor.zeros(vectors ? [n, n] : [0, 0])
    guard n > 0 else { return ([], [], packed, 0) }
    var real = Tensor.zeros([n])
    var imaginary = Tensor.zeros([n])
    let isLarge = !vectors && n >= MultishiftQR<S>.smallest && isFarFromOverflow()
    let size = [Int32(n)]
    let info = matrix.update { a in
      packed.update { left in
        real.update { re in
          imaginary.update { im in
            if isLarge { return Self.largeEigenvalues(a, n, re, im) }
            return callLAPACK { work, length, info in
              S.lapack.geev(
                vectors ? "V" : "N", "N", size, a, size, re, im, left, size, nil, [1], work,
                [length], info)
            }
          }
        }
      }
    }
    guard info == 0 else {
      throw .didNotConverge(operation: "eigenvalues", shape: shape, code: Int(info))
    }
    let values = zip(real.elements, imaginary.elements).map { Complex($0, $1) }
    return (values, Complex.leadingFirst(values), packed, n)
  }

  /// Whether the entries' squares and their sums neither overflow nor vanish: `geev` scales matrices where they do.
  @_specialize(where S == Double)
  @_specialize(where S == Float)
  private func isFarFromOverflow() -> Bool {
    let largest = read { x in
      var largest: S = 0
      for i in 0..<count { largest = Swift.max(largest, abs(x[i])) }
      return largest
    }
    return largest < S.greatestFiniteMagnitude.squareRoot() * 1e-6
      && largest > S.leastNormalMagnitude.squareRoot() * 1e6
  }

  /// What `geev` does without vectors: balances, reduces to Hessenberg form and iterates, but on all workers and with
  /// our own choice of shifts. Overwrites the matrix; returns LAPACK's info.
  ///
  /// It is compiled for each element type: its loops over elements would otherwise look up every operation.
  @_specialize(where S == Double)
  @_specialize(where S == Float)
  private static func largeEigenvalues(
    _ a: UnsafeMutablePointer<S>, _ n: Int, _ real: UnsafeMutablePointer<S>,
    _ imaginary: UnsafeMutablePointer<S>
  ) -> Int32 {
    let size = [Int32(n)]
    let scales = Storage<S>(count: n)
    var (low, high, info): (Int32, Int32, Int32) = (0, 0, 0)
    _ = BLAS.kernels
    S.lapack.gebal("B", size, a, size, &low, &high, scales.base, &info)
    guard info == 0 else { return info }
    // Outside these rows and columns the matrix is triangular now.
    let core = Int(low) - 1..<Int(high)
    guard core.count >= MultishiftQR<S>.smallest else {
      return callLAPACK { work, length, info in
        S.lapack.geev(
          "N", "N", size, a, size, real, imaginary, nil, [1], nil, [1], work, [length], info)
      }
    }
    for i in 0..<n { (real[i], imaginary[i]) = (a[i * (n + 1)], 0) }
    let block = Storage<S>(count: core.count * core.count)
    for (i, column) in core.enumerated() {
      (block.base + i * core.count).update(
        from: a + column * n + core.lowerBound, count: core.count)
    }
    HessenbergReduction.run(block.base, core.count)
    let left = MultishiftQR(
      block.base, core.count, real: real + core.lowerBound,
      imaginary: imaginary + core.lowerBound
    ).run()
    return withExtendedLifetime(block) { left }
  }
}
