/// Whether, where and how a recorded run comes to rest.
public struct FixedPointFindings: Sendable {
  /// One example, looked at closely.
  public struct Example: Sendable {
    public let example: Int
    /// The iteration of the last latent, from which on everything was computed.
    public let last: Int
    /// The Jacobian's eigenvalues at the last latent.
    public let spectrum: JacobianSpectrum
    /// How far F takes the last latent but one from the last one, relative: about the recording's precision where the
    /// trace is of this map; NaN where it was not recorded.
    public let mismatch: Double
    /// Where plain iteration comes to rest from the last latent on, or how else it ends; nil where it was cancelled.
    public internal(set) var rest: SearchResult?
    /// The rate at which it comes to rest there, measured in 64 bits: it can be followed further down than in the
    /// recording. Nil where it does not rest, or does so too soon.
    public internal(set) var restRate: DecayRate?
    /// The Jacobian's eigenvalues where it rests; nil where it does not.
    public internal(set) var restSpectrum: JacobianSpectrum?
    public internal(set) var points: FixedPointSet?
    public internal(set) var paths: PathIndependence?
    public internal(set) var perturbation: Perturbation?
    /// The basin of where that rests; nil where it does not.
    public internal(set) var basin: Basin?

    /// The rate by linear theory: the spectral radius where it rests, or else at the last latent.
    public var radius: Double { (restSpectrum ?? spectrum).spectralRadius }
  }

  /// The size of the state.
  public let dimension: Int
  public let positions: Int
  /// The name of the solver.
  public let solver: String
  public let rule: TerminationRule
  public let settlingRule: SettlingRule
  /// All examples' steps, and the verdicts on them; a verdict is nil where no two latents in a row were there.
  public internal(set) var series: [StepSeries] = []
  public internal(set) var verdicts: [SettlingVerdict?] = []
  /// The examples looked at closely, as far as that got.
  public internal(set) var examples: [Example] = []
  public internal(set) var overthinking: Overthinking?
  /// Why nothing but the verdicts was made, where that is so.
  public internal(set) var limitation: String?
  /// Whether all of the work was done.
  public internal(set) var isComplete = false
  /// What ended the work early, where an error did.
  public internal(set) var failure: (any Error)?

  public var width: Int { dimension / max(1, positions) }

  /// Whether every search that was made converged.
  public var allConverged: Bool {
    examples.allSatisfy { one in
      one.points.map { $0.searches.allSatisfy { $0?.end.isConverged ?? true } } ?? true
    }
  }

  /// The best measurement of how fast an example looked at closely comes to rest: in 64 bits, or else as recorded.
  public func rate(of one: Example) -> DecayRate? {
    one.restRate ?? verdict(of: one.example)?.rate
  }

  /// The verdict on an example looked at closely.
  public func verdict(of example: Int) -> SettlingVerdict? {
    verdicts.indices.contains(example) ? verdicts[example] : nil
  }
}
