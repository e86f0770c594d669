public import AsuraTensor

/// The states of paths in coordinates of the space they span, built up while the states come by.
///
/// A run of T states of a large latent lies in T dimensions at most. Each state is taken apart along an orthonormal
/// basis of those before it, and what is left over, if anything, becomes a new basis vector (Gram–Schmidt, twice, so
/// that the basis is orthonormal to rounding). Distances and angles are those of the states themselves, so principal
/// components and dynamic modes can be computed from the coordinates. Memory is one basis vector for each state that
/// added one.
public struct PathCoordinates: Sendable {
  /// How many numbers a state holds.
  public let dimension: Int
  private let origin: Tensor<Double>
  private var basis: [Tensor<Double>] = []
  /// The longest state seen: below 10⁻¹³ of it, what is left over is rounding.
  private var scale = 0.0

  /// - Parameter origin: what states are counted from, `[dimension]`: one of them, so that little is lost to rounding.
  public init(origin: Tensor<Double>) {
    dimension = origin.count
    self.origin = origin
    scale = origin.norm
  }

  /// How many coordinates states have by now.
  public var count: Int { basis.count }

  /// The coordinates of a state `[dimension]`, which may add one: those of earlier states are zero there.
  public mutating func append(_ state: Tensor<Double>) -> [Double] {
    scale = max(scale, state.norm)
    var (coordinates, rest) = taken(state)
    let length = rest.norm
    guard length > 1e-13 * scale, basis.count < dimension else { return coordinates }
    basis.append(rest.scaled(by: 1 / length))
    coordinates.append(length)
    return coordinates
  }

  /// The coordinates of a point, and how far it is from the space of the states.
  public func project(_ point: Tensor<Double>) -> (coordinates: [Double], distance: Double) {
    let (coordinates, rest) = taken(point)
    return (coordinates, rest.norm)
  }

  private func taken(_ state: Tensor<Double>) -> ([Double], rest: Tensor<Double>) {
    var rest = state.reshaped([dimension]) - origin
    var coordinates = Array(repeating: 0.0, count: basis.count)
    for _ in 0..<2 {
      for (index, vector) in basis.enumerated() {
        let share = rest.dot(vector)
        rest.add(vector, times: -share)
        coordinates[index] += share
      }
    }
    return (coordinates, rest)
  }

  /// Coordinates of unequal lengths as the rows of a matrix, zeros at their ends: `[rows, width]`.
  public static func matrix(_ rows: [[Double]], width: Int) -> Tensor<Double> {
    Tensor(
      [rows.count, width],
      rows.flatMap { $0 + Array(repeating: 0, count: width - $0.count) })
  }
}
