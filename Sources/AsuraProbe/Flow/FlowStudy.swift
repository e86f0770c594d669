public import AsuraTensor

/// What a flow probe found out about the paths of some examples.
public struct FlowStudy: Sendable {
  /// One example's path, and what was made of it.
  public struct System: Sendable {
    public let example: Int
    public let path: PathGeometry
    /// Steps no longer than this are rounding.
    public let floor: Double
    /// How the steps get shorter; nil for fewer than `StepDecay.fewestSteps` above the floor.
    public let decay: StepDecay?
    /// The same of the later half of those steps, where the run nears its end.
    public let laterDecay: StepDecay?
    /// The states along the components common to all examples, `[state, component]`.
    public let scores: Tensor<Double>
    /// The point at which iterating on came to rest, along the same components, and how many more iterations that took;
    /// nil when it did not, or when the model was not at hand.
    public let rest: (scores: [Double], after: Int)?
    /// Shares of variance of this path's own principal components.
    public let shares: [Double]
    /// The dynamic modes of the later half of the steps above the floor; nil when they are too few.
    public let modes: DynamicModes?
    /// The iterations of those steps.
    public let modeIterations: ClosedRange<Int>?
    /// The Jacobian's spectrum at the last latent; nil when the model was not at hand.
    public let spectrum: JacobianSpectrum?
    /// The refinement of this path; nil without one.
    public let refinement: Refinement.System?
    public let verdict: FlowVerdict

    /// The leading eigenvalues of the Jacobian; none when the model was not at hand.
    public var eigenvalues: [Complex<Double>] {
      Array(spectrum?.eigenvalues.prefix(FlowStudy.mostEigenvalues) ?? [])
    }
  }

  /// How many of the Jacobian's eigenvalues are shown and stored, at most.
  public static let mostEigenvalues = 64

  /// The recorded latent that is least like what the map makes of the one before it.
  public struct Mismatch: Sendable, Equatable {
    public let iteration: Int
    public let example: Int
    /// `‖F(z_{t−1}) − z_t‖ / ‖z_t‖`
    public let value: Double
  }

  /// The iterations whose latents were looked at, consecutive.
  public let iterations: [Int]
  public let examples: [Int]
  public let positions: Int
  public let width: Int
  /// By example.
  public let systems: [System]
  /// Shares of variance of the components common to all examples.
  public let shares: [Double]
  /// The numbers of steps to an iteration that were tried, and how many iterations were followed; nil without a
  /// refinement.
  public let refinement: (factors: [Int], iterations: Int)?
  /// Nil unless runs of several numbers of iterations were compared.
  public var depths: DepthLaw?
  /// Nil when the model was not at hand.
  public let mismatch: Mismatch?
  /// What was left out, and why.
  public let notes: [String]
  /// What ended the work early, where something did.
  public let failure: (any Error)?
  /// Whether all that was asked for was done.
  public let isComplete: Bool

  /// How many examples have each verdict, the most frequent first.
  public var verdicts: [(kind: FlowVerdict.Kind, count: Int)] {
    FlowVerdict.Kind.allCases
      .map { kind in (kind, systems.count { $0.verdict.kind == kind }) }
      .filter { $0.1 > 0 }
      .sorted { $0.1 > $1.1 }
  }
}
