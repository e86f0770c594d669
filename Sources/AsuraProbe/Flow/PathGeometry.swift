public import AsuraTensor

/// The shape of one system's path through its states: how far each iteration moves it, and how much it turns.
public struct PathGeometry: Sendable, Equatable {
  /// The iteration of the first state.
  public let first: Int
  /// `‖z_{t+1} − z_t‖` for each iteration after the first state: the speed, in distance an iteration.
  public let steps: [Double]
  /// The cosine of the angle between each step and the one after it; NaN where one of them is zero.
  public let cosines: [Double]
  /// `‖z_t − z_first‖` of every state.
  public let distances: [Double]
  /// `‖z_t‖` of every state.
  public let norms: [Double]

  /// How long the path is.
  public var length: Double { steps.reduce(0, +) }
  /// How far its end is from its start.
  public var displacement: Double { distances.last ?? 0 }
  /// The farthest it gets from its start: what steps are measured against, since a latent's own norm depends on where
  /// its zero happens to be.
  public var extent: Double { distances.max() ?? 0 }
  /// Displacement over length: 1 for a straight way, near 0 for one that returns; NaN for a path that never moves.
  public var straightness: Double { displacement / length }
  /// The mean cosine between successive steps: 1 straight on, 0 at right angles, −1 to and fro; NaN when there is none.
  public var meanCosine: Double { Self.mean(cosines.filter(\.isFinite)) }
  public var largestStep: Double { steps.max() ?? 0 }
  /// The iterations of the states.
  public var iterations: ClosedRange<Int> { first...first + steps.count }

  /// How many steps come before the first that is no longer than `floor`: beyond it, rounding is what moves.
  public func movingSteps(above floor: Double) -> Int {
    steps.firstIndex { !($0 > floor) } ?? steps.count
  }

  static func mean(_ values: some Collection<Double>) -> Double {
    values.isEmpty ? .nan : values.reduce(0, +) / Double(values.count)
  }

  /// The population's standard deviation.
  static func deviation(_ values: some Collection<Double>) -> Double {
    let mean = mean(values)
    return Self.mean(values.map { ($0 - mean) * ($0 - mean) }).squareRoot()
  }
}

/// Measures the paths of several systems while their states come by, keeping the first and the last two only.
public struct PathRecorder: Sendable {
  private var start: Tensor<Double>?
  private var last: Tensor<Double>?
  private var lastStep: Tensor<Double>?
  private let firstIteration: Int
  private var steps: [[Double]] = []
  private var cosines: [[Double]] = []
  private var distances: [[Double]] = []
  private var norms: [[Double]] = []

  /// For states from iteration `first` on.
  public init(first: Int = 0) { firstIteration = first }

  /// Takes in the next states `[system, dimension]`.
  public mutating func append(_ states: Tensor<Double>) {
    precondition(
      states.rank == 2 && (last?.shape ?? states.shape) == states.shape,
      "states of shape \(states.shape) after \(last?.shape ?? [])")
    let origin = start ?? states
    distances.append(states.rowDistances(to: origin))
    norms.append(states.rowNorms)
    if let last {
      let step = states - last
      let lengths = step.rowNorms
      if let before = lastStep, let previous = steps.last {
        let dots = step.rowDots(before)
        cosines.append(
          dots.indices.map { row in
            let sizes = lengths[row] * previous[row]
            // Rounding may take parallel ones beyond 1.
            return sizes > 0 ? min(1, max(-1, dots[row] / sizes)) : .nan
          })
      }
      steps.append(lengths)
      lastStep = step
    }
    start = origin
    last = states
  }

  /// The paths so far, one a system.
  public var paths: [PathGeometry] {
    (0..<(start?.shape[0] ?? 0)).map { row in
      PathGeometry(
        first: firstIteration, steps: steps.map { $0[row] }, cosines: cosines.map { $0[row] },
        distances: distances.map { $0[row] }, norms: norms.map { $0[row] })
    }
  }
}
