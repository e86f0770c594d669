public import AsuraTensor

/// A map of states to states of the same size, with its derivatives: all that an analysis of dynamics needs to know
/// of a model, so that it can be tried on maps whose dynamics are known.
///
/// It takes `count` states at once, `[count, dimension]`, each a system of its own (a model's latent at one input):
/// no row's image depends on another row.
public protocol StateMap: Sendable {
  /// How many numbers a state holds.
  var dimension: Int { get }
  /// How many states it takes at once.
  var count: Int { get }

  /// The images of all states, `[count, dimension]`.
  func callAsFunction(_ states: Tensor<Double>) throws -> Tensor<Double>

  /// The images and the Jacobians at all states `[count, dimension]`.
  func linearized(at states: Tensor<Double>) throws -> any StateLinearization

  /// The map of the systems `rows`, in that order; a system may come more than once.
  func selecting(_ rows: [Int]) throws -> any StateMap
}

/// The images of a map's states and their Jacobians, applied without being written out. For use by one thread at a
/// time.
public protocol StateLinearization {
  /// The images, `[count, dimension]`.
  var value: Tensor<Double> { get }

  /// `J·v`, row by row: tangents `[k, count, dimension]` to their images of the same shape.
  func jvp(_ tangents: Tensor<Double>) throws -> Tensor<Double>

  /// `Jᵀ·w`, row by row: cotangents `[count, dimension]` to their images.
  func vjp(_ cotangents: Tensor<Double>) throws -> Tensor<Double>
}
