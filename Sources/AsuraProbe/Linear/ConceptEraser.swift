public import AsuraTensor
internal import Foundation

/// An affine map that takes a fact out of a value: `x ← x − A (x − μ)`.
public struct ConceptEraser: Sendable {
  /// How it is taken out.
  public enum Method: String, Sendable, CaseIterable {
    /// The orthogonal projection that makes all class means one (Haghighatkhah et al., "Better hit the nail on the head
    /// than beat around the bush", EMNLP 2022).
    case mean
    /// The affine map of least change in mean square, whatever the inner product, after which no linear probe does better
    /// than a constant (Belrose et al., "LEACE: perfect linear concept erasure in closed form", NeurIPS 2023, theorem 4.3).
    case leace
  }

  /// `A = left · right`, `[width, rank]` and `[rank, width]`.
  private let left: Tensor<Double>
  private let right: Tensor<Double>
  private let mean: Tensor<Double>

  /// How many dimensions are taken out.
  public var rank: Int { right.shape[0] }

  /// The eraser of what the rows of `values` `[row, width]` have in common with `targets` `[row, column]`: one column a
  /// class, 1 where the row is of it, or a number.
  /// - Throws: `LinearAlgebraError` for values that are not finite.
  public init(
    _ method: Method, values: Tensor<Double>, targets: Tensor<Double>
  ) throws {
    precondition(
      values.rank == 2 && targets.rank == 2 && values.shape[0] == targets.shape[0],
      "values \(values.shape) and targets \(targets.shape)")
    let width = values.shape[1]
    var moments = Moments(
      origin: values.shape[0] > 0 ? values[0] : .zeros([width]), columns: targets.shape[1])
    for start in stride(from: 0, to: values.shape[0], by: blockRows) {
      let rows = start..<min(values.shape[0], start + blockRows)
      moments.append(centring: values.slice(rows), targets.slice(rows))
    }
    try self.init(method, moments)
  }

  init(_ method: Method, _ moments: Moments) throws {
    let (n, width, columns) = (moments.count, moments.width, moments.columns)
    let shift = moments.x.scaled(by: 1 / n)
    mean = moments.origin + shift
    // Σ_xx `[width, width]` and Σ_zx `[column, width]`.
    let covariance = Tensor<Double>([width, width]) { out in
      read(moments.xx, shift) { xx, shift in
        for i in 0..<width {
          for j in 0..<width { out[i * width + j] = xx[i * width + j] / n - shift[i] * shift[j] }
        }
      }
    }
    let cross = Tensor<Double>([columns, width]) { out in
      read(moments.yx, shift, moments.y) { yx, shift, y in
        for c in 0..<columns {
          for i in 0..<width { out[c * width + i] = (yx[c * width + i] - y[c] * shift[i]) / n }
        }
      }
    }
    switch method {
    case .mean:
      // Rows of Σ_zx are the class means less the mean, times the classes' shares.
      right = try Self.basis(cross)
      left = right.transposed
    case .leace:
      let eigen = try covariance.symmetricEigen()
      let largest = max(eigen.values.elements.first ?? 0, 0)
      let roots = eigen.values.elements.map { $0 > 1e-12 * largest ? $0.squareRoot() : 0 }
      let whitened = Self.scaled(
        cross.matmul(eigen.vectors, transposed: (.no, .yes)), by: roots.map { $0 > 0 ? 1 / $0 : 0 })
      // In the eigenvectors' coordinates W is diagonal: A = V W⁺ Qᵀ Q W Vᵀ.
      let basis = try Self.basis(whitened)
      left = Self.scaled(basis, by: roots).matmul(eigen.vectors).transposed
      right = Self.scaled(basis, by: roots.map { $0 > 0 ? 1 / $0 : 0 }).matmul(eigen.vectors)
    }
  }

  /// An orthonormal basis `[rank, width]` of the rows' span.
  private static func basis(_ rows: Tensor<Double>) throws -> Tensor<Double> {
    let svd = try rows.singularValueDecomposition()
    let largest = svd.values.elements.first ?? 0
    let rank = svd.values.elements.count { $0 > 1e-10 * largest && $0 > 1e-300 }
    return svd.right.slice(0..<rank)
  }

  /// Each column times a number of its own.
  private static func scaled(_ rows: Tensor<Double>, by factors: [Double]) -> Tensor<Double> {
    var rows = rows
    let (count, width) = (rows.shape[0], rows.shape[1])
    rows.update { x in
      for r in 0..<count { for i in 0..<width { x[r * width + i] *= factors[i] } }
    }
    return rows
  }

  /// What is added to each row `[row, width]` to erase the fact: `−A (x − μ)`.
  public func displacement(of values: Tensor<Double>) -> Tensor<Double> {
    var centred = values
    let (rows, width) = (values.shape[0], values.shape[1])
    centred.update { x in
      mean.read { m in
        for r in 0..<rows { for i in 0..<width { x[r * width + i] -= m[i] } }
      }
    }
    return centred.matmul(right, transposed: (.no, .yes))
      .matmul(left, transposed: (.no, .yes)).scaled(by: -1)
  }

  /// The rows with the fact erased.
  public func callAsFunction(_ values: Tensor<Double>) -> Tensor<Double> {
    values + displacement(of: values)
  }
}
