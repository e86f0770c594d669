public import AsuraModel
public import AsuraTensor
internal import Foundation

extension StepMap<Double> {
  /// The Jacobian `∂F/∂z` at a latent of one example `[1, position, width]` as a matrix
  /// `[position·width, position·width]`: row = output, column = input.
  public func jacobian(at latent: Tensor<Double>) throws -> Tensor<Double> {
    try transposedJacobian(at: latent).transposed
  }

  /// The Jacobian's transpose: the products with the unit vectors, a row each.
  ///
  /// `block` tangents go through the step map at once: enough to fill the products, few enough that the
  /// widest activations stay in cache.
  func transposedJacobian(
    at latent: Tensor<Double>, block tangentBlock: Int = 16
  ) throws -> Tensor<Double> {
    let size = dimension
    let blocks = (size + tangentBlock - 1) / tangentBlock
    // A linearisation is replayed by one thread at a time, so each part of the blocks makes its own.
    let parts = min(blocks, 8)
    return try Tensor<Double>([size, size]) { rows in
      // The parts write disjoint rows of memory that outlives the call.
      nonisolated(unsafe) let rows = rows
      try Workers.current.forEach(parts) { part in
        let linearization = try linearized(at: latent)
        for block in stride(from: part, to: blocks, by: parts) {
          let first = block * tangentBlock
          let count = min(tangentBlock, size - first)
          var tangents = Tensor<Double>.zeros([count] + shape)
          tangents.update { for i in 0..<count { $0[i * size + first + i] = 1 } }
          try linearization.jvp(tangents).read {
            (rows + first * size).update(from: $0, count: count * size)
          }
        }
      }
    }
  }
}

/// What the dense spectrum of a state costs.
public struct DenseCost: Sendable, Equatable {
  /// The matrix, LAPACK's copy of it and room to work, in bytes.
  public let bytes: Int
  /// One core's time, roughly: eigenvalues of a general matrix at 1.5·10⁹ operations of 25·n³ a second.
  public let seconds: Double

  public init(dimension: Int) {
    let (square, overflow) = dimension.multipliedReportingOverflow(by: dimension)
    bytes = overflow || square > Int.max / 24 ? .max : 24 * square
    let n = Double(dimension)
    seconds = n * n * n * 5e-10
  }

  /// Whether one is worth starting: half the machine's memory and half an hour.
  public var isReasonable: Bool {
    bytes < ProcessInfo.processInfo.physicalMemory / 2 && seconds < 1800
  }
}
