public import AsuraTensor

/// An affine map `z ↦ z + A z + b` of the latent at each position, read out in its place (Belrose et al. 2023).
public struct Translator: Sendable, Equatable {
  /// A, `[width, width]`.
  public let matrix: Tensor<Double>
  /// b, `[width]`.
  public let offset: Tensor<Double>

  public init(matrix: Tensor<Double>, offset: Tensor<Double>) {
    precondition(
      matrix.shape == [offset.count, offset.count],
      "a matrix of shape \(matrix.shape) with an offset of \(offset.count)")
    (self.matrix, self.offset) = (matrix, offset)
  }

  /// The map that changes nothing: with it, a tuned lens is the readout lens.
  public static func identity(width: Int) -> Translator {
    Translator(matrix: .zeros([width, width]), offset: .zeros([width]))
  }

  /// From A and b one after the other, as an optimiser has them.
  init(width: Int, parameters: [Double]) {
    self.init(
      matrix: Tensor([width, width], parameters[..<(width * width)]),
      offset: Tensor([width], parameters[(width * width)...]))
  }

  /// The maps of latents `[…, width]`.
  public func callAsFunction(_ latents: Tensor<Double>) -> Tensor<Double> {
    let width = offset.count
    let rows = latents.reshaped([latents.count / width, width])
    var result = latents.reshaped(rows.shape) + rows.matmul(matrix, transposed: (.no, .yes))
    result.update { z in
      offset.read { b in
        for row in 0..<rows.shape[0] { for i in 0..<width { z[row * width + i] += b[i] } }
      }
    }
    return result.reshaped(latents.shape)
  }
}
