public import AsuraTensor
internal import Foundation

/// Descent on `q = ½‖F(z) − z‖²` by Adam, all starts at once: Sussillo & Barak's method ("Opening the black box",
/// Neural Computation 2013) as FixedPointFinder has it (Golub & Sussillo, JOSS 2018).
///
/// Its minima above zero are slow points, where the state moves little but does not rest. Adam's ε of 0.01 is
/// FixedPointFinder's: near a minimum it lets the steps shrink with the gradient. The learning rate is multiplied by
/// `decay` each time q has found no new minimum for `patience` steps, for each row by itself.
public struct SpeedMinimization: FixedPointSolver {
  public struct Progress: FixedPointProgress {
    public fileprivate(set) var iterates: Iterates
    /// Adam's moments of the gradient and of its square.
    fileprivate var moment: Tensor<Double>
    fileprivate var square: Tensor<Double>
    /// Where the next step goes.
    fileprivate var next: Tensor<Double>
    fileprivate var steps = 0
    fileprivate var schedules: [Schedule]

    public func selecting(_ rows: [Int]) -> Self {
      Self(
        iterates: iterates.selecting(rows), moment: moment.rows(rows), square: square.rows(rows),
        next: next.rows(rows), steps: steps, schedules: rows.map { schedules[$0] })
    }
  }

  /// A row's learning rate, and the q by which it falls.
  fileprivate struct Schedule {
    var rate: Double
    var best = Double.infinity
    var waited = 0
  }

  public let name = "minimize"
  public let maximumIterations = 5000
  public var startCounts: EvaluationCounts { EvaluationCounts(maps: 1, vjps: 1) }
  public var learningRate = 0.1
  public var decay = 0.95
  public var patience = 5
  /// How much of the gradient's and of its square's running means is kept from step to step.
  public var momentum = (first: 0.9, second: 0.999)
  public var epsilon = 0.01

  public init() {}

  public func start(_ map: any StateMap, at states: Tensor<Double>) throws -> Progress {
    let linearization = try map.linearized(at: states)
    var progress = Progress(
      iterates: Iterates(states, images: linearization.value), moment: .zeros(states.shape),
      square: .zeros(states.shape), next: states,
      schedules: Array(repeating: Schedule(rate: learningRate), count: map.count))
    try plan(&progress, linearization)
    return progress
  }

  public func step(_ progress: inout Progress, of map: any StateMap) throws -> EvaluationCounts {
    let linearization = try map.linearized(at: progress.next)
    progress.iterates.move(to: progress.next, images: linearization.value)
    try plan(&progress, linearization)
    return EvaluationCounts(maps: 1, vjps: 1)
  }

  /// Chooses the next state by the gradient where the rows are, `∇q = (J − I)ᵀ (F(z) − z)`.
  private func plan(_ progress: inout Progress, _ linearization: any StateLinearization) throws {
    let residuals = progress.iterates.residuals
    let gradient = try linearization.vjp(residuals) - residuals
    progress.steps += 1
    for row in progress.schedules.indices {
      progress.schedules[row].update(progress.iterates.q[row], decay, patience)
    }
    let rates = progress.schedules.map(\.rate)
    let corrections = (
      1 - pow(momentum.first, Double(progress.steps)),
      1 - pow(momentum.second, Double(progress.steps))
    )
    let width = gradient.rowLength
    let (first, second) = momentum
    var next = progress.iterates.states
    var (moment, square) = (progress.moment, progress.square)
    gradient.read { g in
      moment.update { m in
        square.update { v in
          next.update { z in
            for (row, rate) in rates.enumerated() {
              for i in row * width..<(row + 1) * width {
                m[i] = first * m[i] + (1 - first) * g[i]
                v[i] = second * v[i] + (1 - second) * g[i] * g[i]
                z[i] -=
                  rate * m[i] / corrections.0
                  / ((v[i] / corrections.1).squareRoot() + epsilon)
              }
            }
          }
        }
      }
    }
    (progress.moment, progress.square, progress.next) = (moment, square, next)
  }
}

extension SpeedMinimization.Schedule {
  fileprivate mutating func update(_ q: Double, _ decay: Double, _ patience: Int) {
    if q < best {
      best = q
      waited = 0
    } else {
      waited += 1
      if waited > patience {
        rate *= decay
        waited = 0
      }
    }
  }
}
