public import AsuraTensor

/// A way to look for fixed points `F(z) = z`, as a value: how to begin at some states, how to take one step, and when
/// to end.
///
/// It works on all rows of a map at once, each a search of its own: no row's path depends on another's, nor on which
/// others there are. `FixedPointSearch` drives it.
public protocol FixedPointSolver: Sendable {
  associatedtype Progress: FixedPointProgress

  /// What the method is called, as in `newton-krylov`.
  var name: String { get }
  /// After how many steps to give up unless the rule says otherwise.
  var maximumIterations: Int { get }

  /// What beginning costs each row.
  var startCounts: EvaluationCounts { get }

  /// Begins at `states` `[count, dimension]`.
  func start(_ map: any StateMap, at states: Tensor<Double>) throws -> Progress

  /// Takes every row one step on.
  /// - Returns: what it cost each row.
  func step(_ progress: inout Progress, of map: any StateMap) throws -> EvaluationCounts

  /// Why each row's search should end now; nil where it should go on.
  func terminate(
    _ progress: Progress, after iterations: Int, by rule: TerminationRule
  ) -> [SearchEnd?]
}

extension FixedPointSolver {
  /// One use of the map.
  public var startCounts: EvaluationCounts { EvaluationCounts(maps: 1) }
}

/// Where a solver's rows stand; what else it remembers is its own.
public protocol FixedPointProgress: Sendable {
  /// Where the rows are, and what the map makes of that.
  var iterates: Iterates { get }
  /// The rows `rows`, in that order, as if there had never been others.
  func selecting(_ rows: [Int]) -> Self
}

/// States with their images, from which all residuals follow.
public struct Iterates: Sendable {
  /// `z`, `[count, dimension]`.
  public private(set) var states: Tensor<Double>
  /// `F(z)`.
  public private(set) var images: Tensor<Double>
  /// How far each row's q moved in the last step; infinite before there was one.
  public private(set) var qChanges: [Double]
  /// `q = ½‖F(z) − z‖²` of each row.
  public private(set) var q: [Double]
  /// Each row's norm where it began.
  public let startNorms: [Double]

  public init(_ states: Tensor<Double>, images: Tensor<Double>) {
    self.init(
      states, images, qChanges: Array(repeating: .infinity, count: states.shape[0]),
      startNorms: states.rowNorms)
  }

  private init(
    _ states: Tensor<Double>, _ images: Tensor<Double>, qChanges: [Double], startNorms: [Double]
  ) {
    self.states = states
    self.images = images
    self.qChanges = qChanges
    self.startNorms = startNorms
    q = images.rowDistances(to: states).map { 0.5 * $0 * $0 }
  }

  /// `F(z) − z`
  public var residuals: Tensor<Double> { images - states }

  /// `‖F(z) − z‖ / ‖F(z)‖` of each row.
  public var relativeResiduals: [Double] {
    zip(q, images.rowNorms).map { q, norm in
      let residual = (2 * q).squareRoot()
      return norm > 0 ? residual / norm : residual > 0 ? .infinity : residual
    }
  }

  /// Goes on to other states.
  public mutating func move(to states: Tensor<Double>, images: Tensor<Double>) {
    let before = q
    self = Iterates(states, images, qChanges: qChanges, startNorms: startNorms)
    qChanges = zip(q, before).map { abs($0 - $1) }
  }

  /// The rows `rows`, in that order.
  public func selecting(_ rows: [Int]) -> Iterates {
    Iterates(
      states.rows(rows), images.rows(rows), qChanges: rows.map { qChanges[$0] },
      startNorms: rows.map { startNorms[$0] })
  }
}

/// How often a map and its Jacobian were applied to one row.
public struct EvaluationCounts: Sendable, Equatable {
  /// Uses of F.
  public var maps = 0
  /// Products `J·v`.
  public var jvps = 0
  /// Products `Jᵀ·w`.
  public var vjps = 0

  public init(maps: Int = 0, jvps: Int = 0, vjps: Int = 0) {
    self.maps = maps
    self.jvps = jvps
    self.vjps = vjps
  }

  public static func += (a: inout Self, b: Self) {
    a.maps += b.maps
    a.jvps += b.jvps
    a.vjps += b.vjps
  }
}
