internal import AsuraModel
public import AsuraTensor

/// The same patch at many places: every site, iteration, head and position asked for; or the same change of the core's
/// order in many iterations.
public struct PatchSweep: Sendable {
  /// Which heads or positions a sweep goes through.
  public enum Choice: Sendable, Equatable {
    /// All of them at once.
    case together
    /// Each by itself.
    case each
    /// These, each by itself.
    case only([Int])
  }

  /// One of its patches: where it is.
  public struct Entry: Sendable, Hashable {
    /// The site's name, or that of the change of order.
    public let name: String
    public let iteration: Int
    public let head: Int?
    public let position: Int?
  }

  /// The entries of one name: a table of iterations × heads × positions, the positions running fastest.
  public struct Table: Sendable {
    public let name: String
    public let iterations: [Int]
    /// Nil in place of numbers: all together.
    public let heads: [Int?]
    public let positions: [Int?]
    /// Whether positions count from each pair's anchor.
    public let isRelative: Bool
    /// Its entries' numbers among the sweep's.
    public let entries: Range<Int>

    /// Whether heads are told apart.
    public var hasHeads: Bool { heads != [nil] }
    /// Whether positions are told apart.
    public var hasPositions: Bool { positions != [nil] }
  }

  public private(set) var tables: [Table] = []
  public private(set) var entries: [Entry] = []
  /// Every entry's patch.
  public private(set) var patches: [Patch] = []
  /// Whether each is held from its iteration to the last.
  public let isHeld: Bool

  /// - Parameters:
  ///   - patterns: names or patterns of the model's sites.
  ///   - iterations: those to patch, as far as a site has a value then; all when nil. Sites before the recurrence are
  ///     changed from each of them on.
  ///   - heads: of sites without heads the whole width.
  ///   - hold: whether to patch from the iteration to the last, not only in it.
  ///   - isRelative: whether positions count from each pair's anchor, the first that differs, before it below 0: pairs
  ///     that differ in different places are then averaged by what stands there.
  ///   - along: what is changed besides, in every patch, such as patterns that are held.
  /// - Throws: `ProbeError` for a head or position there is not, or when nothing is to be patched.
  public init<S: Scalar>(
    _ experiment: PatchExperiment<S>, sites patterns: [String], iterations: [Int]? = nil,
    heads: Choice = .together, positions: Choice = .together, kind: PatchKind = .replace(),
    isRelative: Bool = false, hold: Bool = false, along: [Patch.Change] = []
  ) throws {
    try self.init(
      experiment, sites: patterns, iterations: iterations, heads: heads, positions: positions,
      isRelative: isRelative, hold: hold, along: { _ in along }, kind: { _ in kind })
  }

  /// The same with a kind, and what is changed besides, for each place: such as directions of a probe of its own iteration
  /// and position.
  public init<S: Scalar>(
    _ experiment: PatchExperiment<S>, sites patterns: [String], iterations: [Int]? = nil,
    heads: Choice = .together, positions: Choice = .together, isRelative: Bool = false,
    hold: Bool = false, along: (PatchPlace) -> [Patch.Change] = { _ in [] },
    kind: (PatchPlace) throws -> PatchKind
  ) throws {
    isHeld = hold
    var sites: [Site] = []
    for pattern in patterns {
      for site in try experiment.model.sites(matching: pattern) where !sites.contains(site) {
        sites.append(site)
      }
    }
    let last = experiment.iterations
    let chosenPositions = Self.list(
      positions,
      isRelative
        ? Array(experiment.offsets)
        : Array(0..<experiment.given.input(.base).positions))
    for site in sites {
      let there = site.isRecurrent ? experiment.availableIterations(of: site) : 0...last
      let chosen = there.filter { iterations?.contains($0) ?? true }
      if chosen.isEmpty { continue }
      let layout = experiment.layout(of: site)
      try add(
        site.description, chosen, layout.heads.map { Self.list(heads, Array(0..<$0)) } ?? [nil],
        chosenPositions, isRelative: isRelative
      ) { entry in
        let t = entry.iteration
        var place = PatchPlace(
          site, iterations: hold || !site.isRecurrent ? t...last : t...t, head: entry.head,
          position: entry.position)
        place.isRelative = isRelative && entry.position != nil
        let patch = Patch(along(place) + [Patch.Change(place, try kind(place))])
        try experiment.check(patch)
        return patch
      }
    }
    guard !entries.isEmpty else {
      throw ProbeError(
        .badPatch,
        "there is nothing to patch: \(patterns.joined(separator: ", ")) in these iterations",
        remedy: "Sites in the core have values from iteration 1 to \(last).")
    }
  }

  /// A change of what the core applies, in each iteration by itself, or from each on.
  public init<S: Scalar>(
    _ experiment: PatchExperiment<S>, order: PatchOrder, iterations: [Int]? = nil,
    hold: Bool = false
  ) throws {
    isHeld = hold
    let last = experiment.iterations
    let chosen = (1...last).filter { iterations?.contains($0) ?? true }
    for (name, schedule) in try order.schedules(blocks: experiment.model.configuration.core) {
      try add(name, chosen, [nil], [nil]) { entry in
        let t = entry.iteration
        let patch = Patch([], schedule: schedule(hold ? t...last : t...t))
        try experiment.check(patch)
        return patch
      }
    }
    guard !entries.isEmpty else {
      throw ProbeError(
        .badPatch, "there is nothing to change in these iterations",
        remedy: "Iterations count from 1 to \(last).")
    }
  }

  private mutating func add(
    _ name: String, _ iterations: [Int], _ heads: [Int?], _ positions: [Int?],
    isRelative: Bool = false, _ patch: (Entry) throws -> Patch
  ) throws {
    let start = entries.count
    for iteration in iterations {
      for head in heads {
        for position in positions {
          let entry = Entry(name: name, iteration: iteration, head: head, position: position)
          patches.append(try patch(entry))
          entries.append(entry)
        }
      }
    }
    tables.append(
      Table(
        name: name, iterations: iterations, heads: heads, positions: positions,
        isRelative: isRelative, entries: start..<entries.count))
  }

  private static func list(_ choice: Choice, _ all: [Int]) -> [Int?] {
    switch choice {
    case .together: [nil]
    case .each: all
    case .only(let numbers): numbers
    }
  }
}
