internal import AsuraModel
public import AsuraTensor

extension Circuit {
  /// Searches for the smallest set of a sweep's patches whose effect, patched at once, is a share of that of all.
  ///
  /// Threshold pruning comes first: of the units in the order of their scores, the fewest that keep the share. Then greedy
  /// removal, every set by its own patched runs: in rounds each unit is left out by itself, and as many of those that
  /// cost least as keep the share together are dropped, until none can be spared. The set is minimal in that no single
  /// unit can go; a smaller one may exist.
  ///
  /// - Parameters:
  ///   - scores: what each of the sweep's patches does by itself, exactly or by attribution.
  ///   - isCancelled: is asked now and then whether to stop; the smallest set found is kept.
  ///   - progress: is told of patched runs as they are made, and of the set's size.
  /// - Throws: `ProbeError` where all units together do nothing, or do not fit together.
  public init<S: Scalar>(
    _ experiment: PatchExperiment<S>, _ sweep: PatchSweep, scores: [Double],
    _ options: Options = Options(), isCancelled: @escaping () -> Bool = { false },
    progress: @escaping (_ runs: Int, _ units: Int) -> Void = { _, _ in }
  ) throws {
    let all = Array(sweep.entries.indices)
    precondition(scores.count == all.count, "\(scores.count) scores of \(all.count) patches")
    guard options.keep > 0, options.keep <= 1 else {
      throw ProbeError(
        .badPatch, "a circuit is to keep a share of \(options.keep)",
        remedy: "Give more than 0 and up to 1, such as 0.9.")
    }
    for patch in sweep.patches {
      guard patch.schedule == nil, patch.changes.count == 1,
        !patch.changes[0].place.isRelative, patch.changes[0].place.site.isRecurrent,
        patch.changes[0].place.iterations.count == 1
      else {
        throw ProbeError(
          .badPatch, "\(sweep.entries[0].name) makes no units of a circuit as it is patched here",
          remedy: "Units are sites of the core in single iterations, at positions counted from 0.")
      }
    }
    var search = CircuitSearch(
      experiment, sweep, options, isCancelled: isCancelled, progress: progress)
    guard let full = try search.effects([all])?.first else {
      throw ProbeError(.interrupted, "interrupted before anything was run")
    }
    guard full.value.isFinite, abs(full.value) > 1e-6 else {
      throw ProbeError(
        .badPatch,
        "all \(all.count) units patched at once have an effect of \(full.value): there is no share of it to keep",
        remedy: "Patch more sites or iterations, or look at another metric.")
    }
    search.full = full.value
    let ranked = all.sorted {
      let (a, b) = (scores[$0] * full.value, scores[$1] * full.value)
      return a.isNaN == b.isNaN ? (a == b || a.isNaN ? $0 < $1 : a > b) : b.isNaN
    }
    search.keep(ranked, share: 1)
    try search.prune(ranked)
    let isMinimal = try search.removeGreedily()

    let chosen = search.units.sorted()
    let members = Set(chosen)
    let rest = all.filter { !members.contains($0) }
    var random = Random(seed: options.seed, for: "circuit")
    let sets = (0..<options.randomSets).map { _ in
      Array(all.shuffled(using: &random).prefix(chosen.count))
    }
    self.effect = try search.effects([chosen], resamples: options.resamples)?.first ?? .unknown
    completeness = try search.shares([rest])?.first ?? .nan
    randomShares = try search.shares(sets) ?? []
    let share = search.steps.last?.share ?? 1
    let left = search.left
    losses = isMinimal ? chosen.map { share - (left[$0] ?? .nan) } : []
    (self.sweep, metric, direction) = (sweep, options.metric, experiment.direction)
    (iterations, pairs, keep) = (experiment.iterations, experiment.pairs.count, options.keep)
    (units, self.scores, fullEffect) = (chosen, scores, full.value)
    (faithfulness, steps, evaluations) = (share, search.steps, search.evaluations)
    isComplete = isMinimal
  }
}

/// The state of a search: the set as it stands.
private struct CircuitSearch<S: Scalar> {
  private let experiment: PatchExperiment<S>
  private let sweep: PatchSweep
  private let options: Circuit.Options
  private let isCancelled: () -> Bool
  private let progress: (Int, Int) -> Void
  /// The effect of all units.
  var full = 1.0
  private(set) var units: [Int] = []
  private(set) var steps: [Circuit.Step] = []
  private(set) var evaluations = 0
  /// The set's share without each of its units, as last measured.
  private(set) var left: [Int: Double] = [:]

  init(
    _ experiment: PatchExperiment<S>, _ sweep: PatchSweep, _ options: Circuit.Options,
    isCancelled: @escaping () -> Bool, progress: @escaping (Int, Int) -> Void
  ) {
    self.experiment = experiment
    self.sweep = sweep
    self.options = options
    self.isCancelled = isCancelled
    self.progress = progress
  }

  mutating func keep(_ set: [Int], share: Double) {
    units = set
    steps.append(Circuit.Step(units: set.count, share: share))
  }

  /// The effects of sets patched at once; nil when cancelled.
  mutating func effects(
    _ sets: [[Int]], resamples: Int = 0
  ) throws -> [PatchResult.Effect]? {
    let patches = sets.map { Patch($0.flatMap { sweep.patches[$0].changes }) }
    var result = PatchResult(experiment, patches: patches.count)
    result.average = options.average
    result.smallestDifference = options.smallestDifference
    let size = units.count
    let isDone = try experiment.run(patches, isCancelled: isCancelled) { cells in
      result.add(cells)
      progress(cells.count, size)
    }
    guard isDone else { return nil }
    evaluations += sets.count
    return result.effects(options.metric, resamples: resamples, seed: options.seed)
  }

  mutating func shares(_ sets: [[Int]]) throws -> [Double]? {
    try effects(sets)?.map { $0.value / full }
  }

  /// Keeps the fewest of the first units that have the share. The search by sections finds a place where one unit
  /// fewer has it no more.
  mutating func prune(_ ranked: [Int]) throws {
    var (low, high) = (0, ranked.count)
    while high - low > 1 {
      let sizes = Self.between(low, high)
      guard let shares = try shares(sizes.map { Array(ranked.prefix($0)) }) else { return }
      if let place = shares.firstIndex(where: { $0 >= options.keep }) {
        high = sizes[place]
        if place > 0 { low = sizes[place - 1] }
        keep(Array(ranked.prefix(high)), share: shares[place])
      } else {
        low = sizes[sizes.count - 1]
      }
    }
  }

  /// Drops units as long as the share is kept; returns whether it came to an end.
  mutating func removeGreedily() throws -> Bool {
    while true {
      let current = units
      guard let without = try shares(current.map { unit in current.filter { $0 != unit } }) else {
        return false
      }
      left = Dictionary(uniqueKeysWithValues: zip(current, without))
      let spare = current.indices.filter { without[$0] >= options.keep }
        .sorted { (-without[$0], $0) < (-without[$1], $1) }
      guard let first = spare.first else { return true }
      var best = (count: 1, share: without[first])
      func remainder(_ count: Int) -> [Int] {
        let dropped = Set(spare.prefix(count))
        return current.indices.filter { !dropped.contains($0) }.map { current[$0] }
      }
      // As many at once as keep the share: so many rounds are saved.
      var end = spare.count + 1
      while end - best.count > 1 {
        let counts = Self.between(best.count, end)
        guard let shares = try shares(counts.map(remainder)) else { break }
        guard let place = shares.lastIndex(where: { $0 >= options.keep }) else {
          end = counts[0]
          continue
        }
        best = (counts[place], shares[place])
        if place + 1 < counts.count { end = counts[place + 1] }
      }
      keep(remainder(best.count), share: best.share)
    }
  }

  /// Up to eight whole numbers between two, evenly spaced.
  private static func between(_ low: Int, _ high: Int) -> [Int] {
    let parts = min(9, high - low)
    return (1..<parts).map { low + (high - low) * $0 / parts }
  }
}
