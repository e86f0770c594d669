public import AsuraModel
public import AsuraTensor

/// The same patch at many places: every site, iteration, head and position asked for.
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
    public let site: Site
    public let iteration: Int
    public let head: Int?
    public let position: Int?
  }

  public let entries: [Entry]
  /// Every entry's patch.
  public let patches: [Patch]
  /// Whether each is held from its iteration to the last.
  public let isHeld: Bool

  /// - Parameters:
  ///   - patterns: names or patterns of the model's sites.
  ///   - iterations: those to patch, as far as a site has a value then; all when nil. Sites before the recurrence are
  ///     changed from each of them on.
  ///   - heads: of sites without heads the whole width.
  ///   - hold: whether to patch from the iteration to the last, not only in it.
  ///   - along: what is changed besides, in every patch, such as patterns that are held.
  /// - Throws: `ProbeError` for a head or position there is not, or when nothing is to be patched.
  public init<S: Scalar>(
    _ experiment: PatchExperiment<S>, sites patterns: [String], iterations: [Int]? = nil,
    heads: Choice = .together, positions: Choice = .together, kind: PatchKind = .replace(),
    hold: Bool = false, along: [Patch.Change] = []
  ) throws {
    var sites: [Site] = []
    for pattern in patterns {
      for site in try experiment.model.sites(matching: pattern) where !sites.contains(site) {
        sites.append(site)
      }
    }
    let last = experiment.iterations
    let count = experiment.given.input(.base).positions
    var entries: [Entry] = []
    var patches: [Patch] = []
    for site in sites {
      let there = site.isRecurrent ? experiment.availableIterations(of: site) : 0...last
      let layout = experiment.layout(of: site)
      let chosenHeads = layout.heads.map { Self.list(heads, count: $0) } ?? [nil]
      for iteration in there where iterations?.contains(iteration) ?? true {
        for head in chosenHeads {
          for position in Self.list(positions, count: count) {
            let entry = Entry(site: site, iteration: iteration, head: head, position: position)
            let range = hold || !site.isRecurrent ? iteration...last : iteration...iteration
            let patch = Patch(
              along + [
                Patch.Change(
                  PatchPlace(site, iterations: range, head: head, position: position), kind)
              ])
            try experiment.check(patch)
            entries.append(entry)
            patches.append(patch)
          }
        }
      }
    }
    guard !entries.isEmpty else {
      throw ProbeError(
        .badPatch,
        "there is nothing to patch: \(patterns.joined(separator: ", ")) in these iterations",
        remedy: "Sites in the core have values from iteration 1 to \(last).")
    }
    self.entries = entries
    self.patches = patches
    isHeld = hold
  }

  private static func list(_ choice: Choice, count: Int) -> [Int?] {
    switch choice {
    case .together: [nil]
    case .each: (0..<count).map { $0 }
    case .only(let numbers): numbers
    }
  }
}
