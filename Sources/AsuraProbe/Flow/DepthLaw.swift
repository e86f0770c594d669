/// How long the steps of runs of different numbers of iterations are: the test of ΔT ∝ 1/i.
///
/// Steps are measured against the extent of their own run, the farthest it gets from its start, so that models whose
/// latents differ in size can be compared. A line through the logarithms of step and i tells the law by its slope:
/// −1 when a run of twice the iterations cuts the same way into steps half as long; 0 when an iteration does the
/// same however many there are.
public struct DepthLaw: Sendable, Equatable {
  /// The runs of one number of iterations.
  public struct Depth: Sendable, Equatable {
    /// i: how many iterations the runs have, or their model was made for.
    public let iterations: Int
    /// What was run, such as a file's name; empty for the model at hand.
    public let name: String
    /// The longest step over the run's extent, the median over its systems.
    public let largestStep: Double
    /// The mean step over the run's extent, the median over its systems.
    public let meanStep: Double
    /// How many iterations were measured.
    public let measured: Int

    public init(iterations: Int, name: String = "", paths: [PathGeometry]) {
      self.iterations = iterations
      self.name = name
      let moving = paths.filter { $0.extent > 0 }
      largestStep = median(moving.map { $0.largestStep / $0.extent })
      meanStep = median(moving.map { $0.length / Double($0.steps.count) / $0.extent })
      measured = paths.first?.steps.count ?? 0
    }
  }

  /// By rising number of iterations.
  public let depths: [Depth]
  /// The line through the longest steps. They are what the law is read from: where a latent comes to rest, the mean
  /// falls as 1/i for no better reason than that the later steps are nothing.
  public let largest: LineFit?
  /// The line through the mean steps.
  public let mean: LineFit?

  public init(_ depths: [Depth]) {
    self.depths = depths.sorted { ($0.iterations, $0.name) < ($1.iterations, $1.name) }
    let i = self.depths.map { Double($0.iterations) }
    largest = .logarithmic(i, self.depths.map(\.largestStep))
    mean = .logarithmic(i, self.depths.map(\.meanStep))
  }
}

/// The middle one of the values, the upper of two; NaN when there is none.
func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  return sorted.isEmpty ? .nan : sorted[sorted.count / 2]
}
