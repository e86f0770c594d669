public import AsuraTensor

/// The leading eigenvalues of an operator, and how far to believe them.
public struct ArnoldiSpectrum<S: Scalar>: Sendable {
  /// The converged eigenvalues, largest modulus first. Conjugate pairs are whole and adjacent, the
  /// positive imaginary part first, so there may be one more than was asked for.
  public let values: [Complex<S>]
  /// For each eigenvalue `‖A v − λ v‖ / |λ|` with `‖v‖ = 1`, from a fresh application of the
  /// operator.
  ///
  /// The denominator is never less than `ε^⅔ |λ₁|`: below that, eigenvalues are zero for ARPACK,
  /// and a ratio to their size would measure only rounding. When all are exactly zero it is 1.
  public let residuals: [S]
  /// The right eigenvectors `[values.count, size]`, a row each, of norm 1; `nil` unless asked for.
  public let vectors: ComplexRows<S>?
  /// A start vector for the next operator of a slowly changing sequence: the sum of the real and
  /// imaginary parts of the eigenvectors, `[size]`; `nil` when nothing converged.
  public let restartVector: Tensor<S>?
  /// What a block solver starts from next: the real and imaginary parts of the eigenvectors, `[rows, size]`, a
  /// row for each of a pair; nil when nothing converged.
  public let basis: Tensor<S>?
  /// To how many vectors the operator was applied, those for the residuals included.
  public let applications: Int
  /// How many times the Krylov basis was restarted.
  public let restarts: Int
  /// Whether every eigenvalue asked for met the tolerance. When not, `values` holds those that did.
  public let converged: Bool
}

/// A real eigenvalue with its vector, or a conjugate pair with the two that span theirs.
struct RitzGroup<S: Scalar> {
  /// The eigenvalue, of a pair the one with positive imaginary part.
  let value: Complex<S>
  /// The real and, of a pair, the imaginary part of the vector; of norm 1 together.
  let parts: [Tensor<S>]

  init(value: Complex<S>, real: Tensor<S>, imaginary: Tensor<S>? = nil) {
    // A pair's vector belongs to its first value; conjugate both if that one is the lower.
    let flip = value.imaginary < 0
    self.value = flip ? value.conjugate : value
    var squares: S = 0
    for part in [real, imaginary].compactMap({ $0 }) { squares += part.squaredNorm }
    let scale = 1 / squares.squareRoot()
    parts =
      [real.scaled(by: scale)] + (imaginary.map { [$0.scaled(by: flip ? -scale : scale)] } ?? [])
  }

  /// `‖A v − λ v‖`, from the operator's images of `parts`.
  func residual(images: [Tensor<S>]) -> S {
    let (a, b) = (value.real, value.imaginary)
    let u = parts[0].elements
    let image = images[0].elements
    var squares: S = 0
    if parts.count == 1 {
      for i in u.indices { squares += (image[i] - a * u[i]) * (image[i] - a * u[i]) }
    } else {
      let (w, imageW) = (parts[1].elements, images[1].elements)
      for i in u.indices {
        let real = image[i] - (a * u[i] - b * w[i])
        let imaginary = imageW[i] - (b * u[i] + a * w[i])
        squares += real * real + imaginary * imaginary
      }
    }
    return squares.squareRoot()
  }
}

extension Tensor {
  fileprivate var squaredNorm: S { elements.reduce(0) { $0 + $1 * $1 } }

  fileprivate func scaled(by factor: S) -> Tensor { Tensor(shape, elements.map { $0 * factor }) }
}

extension ArnoldiSpectrum {
  /// Sorts the groups, keeps as many as hold `count` eigenvalues, and measures their residuals.
  init(
    groups: [RitzGroup<S>], count: Int, size: Int, order: BlockKrylovSolver.Order = .largestModulus,
    keepVectors: Bool, applications: Int, restarts: Int, converged: Bool,
    apply: (Tensor<S>) throws -> Tensor<S>
  ) throws {
    var kept: [RitzGroup<S>] = []
    var held = 0
    for index in order.sorted(groups.map(\.value)) where held < count {
      kept.append(groups[index])
      held += groups[index].parts.count
    }
    let rows = kept.flatMap(\.parts).map { $0.reshaped([1, size]) }
    basis = rows.isEmpty ? nil : .concatenating(rows)
    let images = try basis.map(apply)
    // ε^⅔: ARPACK's own measure of an eigenvalue too small to have a relative error.
    let floor = S.pow(S.ulpOfOne, 2 / 3) * (kept.first?.value.length ?? 0)
    var values: [Complex<S>] = []
    var residuals: [S] = []
    var real: [Tensor<S>] = []
    var imaginary: [Tensor<S>] = []
    var sum = Tensor<S>.zeros([size])
    var row = 0
    for group in kept {
      guard let images else { break }
      let scale = max(group.value.length, floor)
      let residual =
        group.residual(images: group.parts.indices.map { images[row + $0] })
        / (scale > 0 ? scale : 1)
      row += group.parts.count
      for part in group.parts {
        sum.update { sum in part.read { part in for i in 0..<size { sum[i] += part[i] } } }
      }
      let isPair = group.parts.count == 2
      for conjugate in isPair ? [false, true] : [false] {
        values.append(conjugate ? group.value.conjugate : group.value)
        residuals.append(residual)
        guard keepVectors else { continue }
        real.append(group.parts[0].reshaped([1, size]))
        let other = isPair ? group.parts[1].scaled(by: conjugate ? -1 : 1) : .zeros([size])
        imaginary.append(other.reshaped([1, size]))
      }
    }
    self.values = values
    self.residuals = residuals
    self.applications = applications + rows.count
    self.restarts = restarts
    self.converged = converged && values.count >= count
    restartVector = kept.isEmpty ? nil : sum
    vectors =
      !keepVectors
      ? nil
      : ComplexRows(
        real: real.isEmpty ? .zeros([0, size]) : .concatenating(real),
        imaginary: imaginary.isEmpty ? .zeros([0, size]) : .concatenating(imaginary))
  }
}
