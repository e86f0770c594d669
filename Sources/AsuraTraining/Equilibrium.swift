import AsuraConfiguration
import AsuraDiff
import AsuraModel
import AsuraTensor

/// Training at the fixed point itself (deep equilibrium models, Bai et al. 2019, arXiv:1909.01377): `z* = F(z*; e)` is
/// solved for by Anderson mixing, and the loss is that of its readout.
///
/// With `J = ∂F/∂z` at z* and `v = ∂L/∂z*` the gradient is `xᵀ·∂F/∂θ`, where `(I − Jᵀ)·x = v`: no iteration on the way
/// is kept.
public struct EquilibriumOptions: Sendable, Equatable, Codable {
  /// How the gradient comes through the fixed point.
  public enum Gradient: String, Sendable, Codable, CaseIterable {
    /// `(I − Jᵀ)·x = v` by GMRES.
    case implicit
    /// `x = v`: as if only the last iteration depended on the weights (Fung et al. 2022, arXiv:2103.12803).
    case oneStep
  }
  /// The largest `‖F(z) − z‖ / ‖F(z)‖` of a fixed point, and the residual of the gradient's system relative to v.
  public var tolerance = 1e-4
  /// The most iterations of an example's search, and the most vectors of a gradient's.
  public var maximum = 100
  /// How many steps back Anderson mixing looks.
  public var memory = 5
  public var gradient = Gradient.implicit

  public init(
    tolerance: Double = 1e-4, maximum: Int = 100, memory: Int = 5, gradient: Gradient = .implicit
  ) {
    self.tolerance = tolerance
    self.maximum = maximum
    self.memory = memory
    self.gradient = gradient
  }

  enum CodingKeys: String, CodingKey, CaseIterable { case tolerance, maximum, memory, gradient }

  public init(from decoder: any Decoder) throws {
    let fields = try Fields<CodingKeys>(decoder)
    tolerance = try fields.value(.tolerance, default: 1e-4)
    maximum = try fields.value(.maximum, default: 100)
    memory = try fields.value(.memory, default: 5)
    gradient = try fields.value(.gradient, default: .implicit)
    try fields.validating {
      try ConfigurationError.check(
        "tolerance", tolerance, in: 1e-15...1, remedy: "1e-4 suits numbers of 32 bits")
      try ConfigurationError.check(
        "maximum", maximum, in: 1...100_000, remedy: "give a number of iterations")
      try ConfigurationError.check(
        "memory", memory, in: 0...1000, remedy: "5 is usual; 0 is plain iteration")
    }
  }
}

/// What became of a batch's searches for fixed points.
package struct EquilibriumReport: Sendable, Equatable {
  /// The iterations of the longest search.
  package var iterations = 0
  /// Examples whose fixed point was not found to the tolerance.
  package var unconverged = 0
  /// Examples whose gradient was not: it is the nearest that was found.
  package var unsolved = 0

  package init(iterations: Int = 0, unconverged: Int = 0, unsolved: Int = 0) {
    (self.iterations, self.unconverged, self.unsolved) = (iterations, unconverged, unsolved)
  }

  static func += (a: inout Self, b: Self) {
    a.iterations = max(a.iterations, b.iterations)
    a.unconverged += b.unconverged
    a.unsolved += b.unsolved
  }
}

/// Solves for the fixed points of some examples, and for what their gradients need. An example's search doesn't depend
/// on the others.
struct EquilibriumSolver<S: Scalar> {
  let options: EquilibriumOptions
  let map: StepMap<S>
  private(set) var report = EquilibriumReport()

  init(_ options: EquilibriumOptions, _ map: StepMap<S>) {
    (self.options, self.map) = (options, map)
  }

  private var examples: Int { map.shape[0] }

  private func rows(_ latent: Tensor<S>) -> Tensor<Double> {
    latent.converted(to: Double.self).reshaped([examples, latent.count / examples])
  }

  private func latent(_ rows: Tensor<Double>) -> Tensor<S> {
    rows.reshaped(map.shape).converted(to: S.self)
  }

  /// The fixed points found from `start`, `[batch, position, width]`; where none is, the state of the smallest residual.
  mutating func fixedPoints(from start: Tensor<S>) throws -> Tensor<S> {
    var history = AndersonHistory(memory: options.memory)
    var states = rows(start)
    var found = states
    var smallest = Array(repeating: Double.infinity, count: examples)
    for iteration in 1...options.maximum {
      let images = rows(try map(latent(states)))
      let residuals = images - states
      for (row, (residual, norm)) in zip(residuals.rowNorms, images.rowNorms).enumerated() {
        let relative = residual == 0 ? 0 : residual / norm
        guard relative < smallest[row], smallest[row] > options.tolerance else { continue }
        smallest[row] = relative
        found.setRows([row], to: states.rows([row]))
      }
      report.iterations = iteration
      if smallest.allSatisfy({ $0 <= options.tolerance }) { break }
      states = try history.next(residuals: residuals, images: images)
    }
    report.unconverged += smallest.filter { !($0 <= options.tolerance) }.count
    return latent(found)
  }

  /// What is to be pulled back through one iteration at the fixed points for the gradient, given that of the loss with
  /// respect to them.
  mutating func cotangent(_ v: Tensor<S>, at fixedPoints: Tensor<S>) throws -> Tensor<S> {
    guard options.gradient == .implicit else { return v }
    let linearization = try map.linearized(at: fixedPoints)
    let gmres = BatchedGMRES(tolerance: options.tolerance, maximumVectors: options.maximum)
    let (x, _, isSolved) = try gmres.solve(rows(v)) { x in
      x - rows(try linearization.vjp(latent(x)))
    }
    report.unsolved += isSolved.filter { !$0 }.count
    return latent(x)
  }
}
