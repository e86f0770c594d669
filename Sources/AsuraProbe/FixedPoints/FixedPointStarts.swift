public import AsuraTensor

/// Where searches for fixed points begin.
public struct FixedPointStarts: Sendable {
  /// Where a start comes from.
  public enum Kind: String, Sendable, Codable, CaseIterable {
    /// A recorded state of the trajectory itself.
    case trajectory
    /// One with noise added, as large as the trajectory is wide.
    case noisy
    /// Where the trajectory of another input ended.
    case otherInput
    /// Normal noise of the size of the trajectory's last state.
    case gaussian

    /// What it is called in tables.
    public var label: String {
      switch self {
      case .trajectory: "trajectory"
      case .noisy: "trajectory + noise"
      case .otherInput: "other input"
      case .gaussian: "Gaussian"
      }
    }
  }

  /// Each start's kind.
  public private(set) var kinds: [Kind] = []
  /// The starts `[count, dimension]`.
  public let states: Tensor<Double>

  /// About `count` starts, shared out evenly over the kinds there are.
  ///
  /// - Parameters:
  ///   - trajectory: states `[any, dimension]` of the trajectory, in order.
  ///   - others: states of other inputs `[any, dimension]`; none are used when nil.
  public init(
    _ count: Int, trajectory: Tensor<Double>, others: Tensor<Double>?, random: inout Random
  ) {
    precondition(count >= 1 && trajectory.shape[0] >= 1, "\(count) starts of \(trajectory.shape)")
    let (recorded, n) = (trajectory.shape[0], trajectory.shape[1])
    let last = trajectory.slice(recorded - 1..<recorded)
    let kinds = Kind.allCases.filter { $0 != .otherInput || others != nil }
    let extent = TrajectoryExtent(trajectory)
    var parts: [Tensor<Double>] = []
    for (index, kind) in kinds.enumerated() {
      // Rounded up, so that the first kinds come first where there are few starts.
      let share =
        (count * (index + 1) + kinds.count - 1) / kinds.count
        - (count * index + kinds.count - 1) / kinds.count
      guard share > 0 else { continue }
      let part: Tensor<Double>
      switch kind {
      case .trajectory:
        part = Self.spread(trajectory, share)
      case .noisy:
        let scale = extent.radius / Double(n).squareRoot()
        part = Self.spread(trajectory, share) + .normal([share, n], scale: scale, using: &random)
      case .otherInput:
        part = Self.spread(others ?? last, share)
      case .gaussian:
        part = .normal([share, n], scale: last.norm / Double(n).squareRoot(), using: &random)
      }
      parts.append(part)
      self.kinds += Array(repeating: kind, count: part.shape[0])
    }
    states = .concatenating(parts)
  }

  /// `count` rows at even distances, the last one always among them; all where there are no more.
  private static func spread(_ rows: Tensor<Double>, _ count: Int) -> Tensor<Double> {
    let available = rows.shape[0]
    return rows.rows((1...count).map { ($0 * available + count - 1) / count - 1 })
  }
}

/// How much room a trajectory takes, by which a state is told to be far from it.
public struct TrajectoryExtent: Sendable {
  /// The mean distance of its states from their centroid.
  public let radius: Double
  /// The largest norm of its states.
  public let norm: Double
  private let states: Tensor<Double>

  /// Of states `[count, dimension]`.
  public init(_ states: Tensor<Double>) {
    let count = states.shape[0]
    var centroid = Tensor<Double>.zeros([states.shape[1]])
    for row in 0..<count { centroid.add(states[row], times: 1 / Double(count)) }
    radius =
      (0..<count).reduce(0) { $0 + states[$1].squaredDistance(to: centroid).squareRoot() }
      / Double(count)
    norm = states.rowNorms.max() ?? 0
    self.states = states
  }

  /// The distance of a state to the nearest of the trajectory's.
  public func distance(to state: Tensor<Double>) -> Double {
    (0..<states.shape[0]).map { states[$0].squaredDistance(to: state) }.min()?.squareRoot() ?? .nan
  }
}
