public import AsuraModel
public import AsuraTensor

/// What is done to one run: values changed at some places, the order of its iterations and blocks, or both.
public struct Patch: Sendable {
  public var changes: [Change]
  /// What the iterations apply of the core.
  public var schedule: CoreSchedule?

  public init(_ changes: [Change], schedule: CoreSchedule? = nil) {
    self.changes = changes
    self.schedule = schedule
  }

  /// A patch of one place.
  public init(_ place: PatchPlace, _ kind: PatchKind = .replace()) {
    self.init([Change(place, kind)])
  }

  /// One place and what is done there.
  public struct Change: Sendable {
    public var place: PatchPlace
    public var kind: PatchKind

    public init(_ place: PatchPlace, _ kind: PatchKind = .replace()) {
      self.place = place
      self.kind = kind
    }
  }
}

/// Where in a run a value is changed: a site's, in some iterations, of some heads and positions.
public struct PatchPlace: Sendable, Hashable {
  public var site: Site
  /// In which iterations: one, or from one on to the last (held). Of sites before the recurrence (`embed`, those of the
  /// prelude), which every iteration reads anew, from which on: the range must end with the run's last, and 0 changes
  /// an initial latent made of the input too.
  public var iterations: ClosedRange<Int>
  /// Which head; nil for the whole width. Only q, k, v, scores, pattern and z have heads; those of k and v are shared
  /// ones where queries share them.
  public var head: Int?
  /// Which position; nil for all. Of scores and patterns, which query.
  public var position: Int?
  /// Whether positions count from each pair's anchor, before it below 0. A pair without such a position has no value for
  /// the patch.
  public var isRelative = false

  public init(
    _ site: Site, iterations: ClosedRange<Int>, head: Int? = nil, position: Int? = nil
  ) {
    self.site = site
    self.iterations = iterations
    self.head = head
    self.position = position
  }

  public init(_ site: Site, at iteration: Int, head: Int? = nil, position: Int? = nil) {
    self.init(site, iterations: iteration...iteration, head: head, position: position)
  }

  /// The core block the site is in.
  public var block: Int? {
    if case .block(.core, let index, _) = site { index } else { nil }
  }
}

/// What takes the place of a value.
public enum PatchKind: Sendable {
  /// The same value of a run: by default the source's, in the same iteration. The base's own, held while something else
  /// is changed, freezes it: attention patterns, or all but one path.
  case replace(PatchSide = .source, PatchIteration = .same)
  /// Its mean over the pairs' base runs, position by position.
  case mean
  /// Zero.
  case zero
  /// Its value in the base run of another pair, drawn for each pair.
  case resample
  /// Itself with normal noise added, of so many times its standard deviation over the pairs, positions and width (Meng
  /// et al. 2022, causal tracing). Equal places get equal noise in every patch.
  case noise(Double)
  /// Itself with a vector added, one number for each column patched: `[width]`, or `[head width]` of a head.
  case steer(Tensor<Double>)
  /// Its part in a subspace from another run, the rest as it was (Geiger et al. 2023): `v + BᵀB(w − v)` with
  /// orthonormal rows B `[k, width]`.
  case subspace(Tensor<Double>, PatchSide = .source, PatchIteration = .same)
  /// A value made elsewhere, of the whole site, `[1, …]`, for a pair and an iteration; the place's part of it is used.
  case value(@Sendable (_ pair: Int, _ iteration: Int) throws -> Tensor<Double>)
}

/// Which iteration of a run a value is taken from.
public enum PatchIteration: Sendable, Hashable {
  /// That in which it is put in.
  case same
  /// So many later (or earlier, below 0).
  case offset(Int)
  /// Always this one.
  case fixed(Int)

  func callAsFunction(_ iteration: Int) -> Int {
    switch self {
    case .same: iteration
    case .offset(let count): iteration + count
    case .fixed(let number): number
    }
  }
}
