public import AsuraTensor

/// Newton's method on `F(z) − z = 0`, its linear systems solved by GMRES on Jacobian-vector products, its steps
/// shortened until the residual falls (Knoll & Keyes, "Jacobian-free Newton–Krylov methods", J. Comput. Phys. 2004).
///
/// Finds unstable fixed points as well as stable ones, in few steps once it is near.
public struct NewtonKrylov: FixedPointSolver {
  public struct Progress: FixedPointProgress {
    public fileprivate(set) var iterates: Iterates

    public func selecting(_ rows: [Int]) -> Self { Self(iterates: iterates.selecting(rows)) }
  }

  public let name = "newton-krylov"
  public let maximumIterations = 100
  /// How well the linear systems are solved, relative to their right-hand sides.
  public var forcing = 1e-3
  /// The most products an inner solve may use.
  public var krylovVectors = 60
  /// How often a step is halved before the row stays where it is.
  public var halvings = 12

  public init() {}

  public func start(_ map: any StateMap, at states: Tensor<Double>) throws -> Progress {
    Progress(iterates: Iterates(states, images: try map(states)))
  }

  public func step(_ progress: inout Progress, of map: any StateMap) throws -> EvaluationCounts {
    let iterates = progress.iterates
    let linearization = try map.linearized(at: iterates.states)
    // (I − J) d = F(z) − z
    let gmres = BatchedGMRES(tolerance: forcing, maximumVectors: krylovVectors)
    let (direction, products, _) = try gmres.solve(iterates.residuals) { rows in
      rows - (try linearization.jvp(rows.reshaped([1] + rows.shape)))[0]
    }
    let (states, images, trials) = try shorten(direction, iterates, map)
    progress.iterates.move(to: states, images: images)
    return EvaluationCounts(maps: 1 + trials, jvps: products)
  }

  /// The longest of the steps `d, d/2, d/4, …` that makes each row's residual smaller by enough (Armijo's rule on
  /// its norm); none at all where even the shortest does not.
  private func shorten(
    _ direction: Tensor<Double>, _ iterates: Iterates, _ map: any StateMap
  ) throws -> (states: Tensor<Double>, images: Tensor<Double>, trials: Int) {
    var (states, images) = (iterates.states, iterates.images)
    var open = Array(0..<map.count)
    var length = 1.0
    var trials = 0
    while !open.isEmpty, trials <= halvings {
      var tried = iterates.states.rows(open)
      tried.add(direction.rows(open), times: length)
      let found = try map.selecting(open)(tried)
      trials += 1
      let q = found.rowDistances(to: tried).map { 0.5 * $0 * $0 }
      let better = open.indices.filter { place in
        let share = 1 - 1e-4 * length
        return q[place] <= share * share * iterates.q[open[place]]
      }
      states.setRows(better.map { open[$0] }, to: tried.rows(better))
      images.setRows(better.map { open[$0] }, to: found.rows(better))
      open = open.indices.filter { !better.contains($0) }.map { open[$0] }
      length /= 2
    }
    return (states, images, trials)
  }
}
