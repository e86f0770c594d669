public import AsuraModel
public import AsuraTensor

/// What one patch made of one pair.
public struct PatchCell: Sendable, Equatable {
  /// The patch's number in the list that was run.
  public let patch: Int
  /// The pair's number among the experiment's.
  public let pair: Int
  /// NaN where the pair has no position that far from its anchor.
  public let values: PatchValues
  /// The iteration after which the latent was, to the bit, the base's again; nil when it never was.
  public let rejoined: Int?
  /// How many iterations were made.
  public let iterations: Int

  public init(patch: Int, pair: Int, values: PatchValues, rejoined: Int?, iterations: Int) {
    self.patch = patch
    self.pair = pair
    self.values = values
    self.rejoined = rejoined
    self.iterations = iterations
  }
}

/// Some cells to be run together: patches × pairs.
private struct PatchRow {
  let patch: Int
  let pair: Int

  /// The cell of a pair that has no such place.
  var impossible: PatchCell {
    PatchCell(
      patch: patch, pair: pair,
      values: PatchValues(
        logitDifference: .nan, logProbability: .nan, divergence: .nan, exactMatch: .nan),
      rejoined: nil, iterations: 0)
  }
}

extension PatchExperiment {
  /// Runs every patch on every pair, and hands over each cell once, on the calling thread.
  ///
  /// - Parameters:
  ///   - isDone: whether a cell need not be run, such as one of an earlier, interrupted call.
  ///   - isCancelled: is asked now and then whether to stop.
  ///   - receive: takes cells as they are made, some at a time, in no order to rely on.
  /// - Returns: whether all were run.
  /// - Throws: `ProbeError` for a patch that does not fit, before anything is run.
  @discardableResult public func run(
    _ patches: [Patch], isDone: (_ patch: Int, _ pair: Int) -> Bool = { _, _ in false },
    isCancelled: () -> Bool = { false }, receive: ([PatchCell]) throws -> Void
  ) throws -> Bool {
    try run(
      patches, recording: [], isDone: isDone, isCancelled: isCancelled,
      receive: { cells, _ in try receive(cells) })
  }

  /// Runs every patch on every pair and also records of the patched runs, such as what reaches a receiver.
  ///
  /// - Parameters:
  ///   - requests: what to record. Patched runs start where they are first changed: before that, values are the base's
  ///     and are not recorded again.
  ///   - receive: takes each cell with its recorded values `[1, …]` by site and iteration.
  /// - Returns: whether all were run.
  @discardableResult public func run(
    _ patches: [Patch], recording requests: [RecordRequest],
    isCancelled: () -> Bool = { false },
    receive: (PatchCell, _ recorded: (Site, Int) -> Tensor<S>?) throws -> Void
  ) throws -> Bool {
    try run(
      patches, recording: requests, isDone: { _, _ in false }, isCancelled: isCancelled,
      receive: { cells, store in
        for (i, cell) in cells.enumerated() {
          try receive(cell) { store.value($0, $1, run: i) }
        }
      })
  }

  private func run(
    _ patches: [Patch], recording requests: [RecordRequest],
    isDone: (_ patch: Int, _ pair: Int) -> Bool, isCancelled: () -> Bool,
    receive: ([PatchCell], PatchStore<S>) throws -> Void
  ) throws -> Bool {
    for patch in patches { try check(patch) }
    let needs = patches.map(needs(of:))
    let statistics = try statistics(for: patches)
    let partners = partners()
    let state = given.input(.base).positions * model.configuration.width * MemoryLayout<S>.stride
    // Of so many pairs both the latents and what the most demanding patch needs fit.
    let sizes = Dictionary(
      uniqueKeysWithValues: Set(needs.joined().map(\.site)).map {
        ($0, layout(of: $0).count * MemoryLayout<S>.stride)
      })
    let largest = needs.map { $0.reduce(0) { $0 + (sizes[$1.site] ?? 0) } }.max() ?? 0
    let room = memory / 2 / max(1, state * (iterations + 1), largest)
    let chunk = min(pairs.count, max(1, room))
    for first in stride(from: 0, to: pairs.count, by: chunk) {
      let chosen = Array(first..<min(first + chunk, pairs.count))
      let todo = patches.indices.map { patch in chosen.filter { !isDone(patch, $0) } }
      if todo.allSatisfy(\.isEmpty) { continue }
      if isCancelled() { return false }
      let base = try baseRuns(chosen)
      for group in groups(needs, sizes, pairs: chosen.count)
      where !group.allSatisfy({ todo[$0].isEmpty }) {
        if isCancelled() { return false }
        let values = try record(
          Set(group.flatMap { needs[$0] }), chosen, partners, statistics)
        let all = group.flatMap { patch in todo[patch].map { PatchRow(patch: patch, pair: $0) } }
        let rows = all.filter { isPossible(patches[$0.patch], pair: $0.pair) }
        let others = all.filter { !isPossible(patches[$0.patch], pair: $0.pair) }
        if !others.isEmpty { try receive(others.map(\.impossible), PatchStore()) }
        for start in stride(from: 0, to: rows.count, by: Self.batch) {
          if isCancelled() { return false }
          let batch = Array(rows[start..<min(start + Self.batch, rows.count)])
          let store = PatchStore<S>()
          try receive(run(batch, patches, base, values, requests, into: store), store)
        }
      }
    }
    return true
  }

  /// How many runs are made at a time: enough to keep workers busy, few enough to show progress.
  private static var batch: Int { 128 }

  // MARK: Patched runs

  /// The unpatched runs of some pairs: their latents after each iteration.
  private struct BaseRuns: Sendable {
    let store: PatchStore<S>
    /// The number of each pair's run.
    let runs: [Int: Int]

    func latent(_ pair: Int, _ iteration: Int) -> Tensor<S>? {
      runs[pair].flatMap { store.value(.latent, iteration, run: $0) }
    }
  }

  private func baseRuns(_ chosen: [Int]) throws -> BaseRuns {
    let store = try record(
      [RecordRequest(["latent"], iterations: .all)], of: .base, chosen)
    return BaseRuns(
      store: store, runs: Dictionary(uniqueKeysWithValues: chosen.enumerated().map { ($1, $0) }))
  }

  private func run(
    _ rows: [PatchRow], _ patches: [Patch], _ base: BaseRuns, _ values: PatchValuesAtHand<S>,
    _ requests: [RecordRequest], into store: PatchStore<S>
  ) throws -> [PatchCell] {
    let lasts = rows.map { lastIteration(of: patches[$0.patch]) }
    let layouts = Dictionary(
      uniqueKeysWithValues: Set(rows.flatMap { patches[$0.patch].changes.map(\.place.site) }).map {
        ($0, layout(of: $0))
      })
    let actions = rows.map { row in
      patches[row.patch].changes.compactMap { change in
        resolved(change.place, pair: row.pair).map { place in
          PatchAction(
            change: Patch.Change(place, change.kind),
            layout: layouts[place.site] ?? layout(of: place.site),
            pair: row.pair, values: values)
        }
      }
    }
    let runs = rows.map { row in
      let patch = patches[row.patch]
      return SeparateRun(
        start: start(of: patch, base.latent(row.pair, max(0, firstIteration(of: patch) - 1))),
        schedule: patch.schedule, noise: pairs[row.pair].number)
    }
    var options = RunOptions<S>()
    options.iterations = iterations
    options.seed = seed
    options.edits = patchEdits(actions)
    options.record = requests
    let results = try model.runSeparately(
      input(.base, rows.map(\.pair)), runs, options, into: store
    ) { i, t, latent in
      guard stopsEarly, requests.isEmpty, let last = lasts[i], t >= last else { return false }
      return base.latent(rows[i].pair, t)?.isIdentical(to: latent) == true
    }
    return zip(rows, zip(results, runs)).map { row, made in
      let (result, run) = made
      return PatchCell(
        patch: row.patch, pair: row.pair,
        values: result.logits.map { self.values(of: $0, pair: row.pair) } ?? self.base(row.pair),
        rejoined: result.logits == nil ? result.iteration : nil,
        iterations: result.iteration - (run.start?.at ?? 0))
    }
  }

  /// Where a patched run starts: from the base's latent before the first change, or from the beginning.
  private func start(of patch: Patch, _ latent: Tensor<S>?) -> (latent: Tensor<S>, at: Int)? {
    let first = firstIteration(of: patch)
    guard let latent, first > 0 else { return nil }
    // What is before the recurrence can be changed on the way only in a run that starts there.
    let mustStart = patch.changes.contains { !$0.place.site.isRecurrent }
    return reusesPrefix || mustStart ? (latent, first - 1) : nil
  }

  // MARK: What patches need

  func needs(of patch: Patch) -> Set<PatchNeed> {
    var needs: Set<PatchNeed> = []
    for change in patch.changes {
      let site = change.place.site
      let iterations = site.isRecurrent ? change.place.iterations : 0...0
      switch change.kind {
      case .replace(let side, let from), .subspace(_, let side, let from):
        for t in iterations {
          needs.insert(
            PatchNeed(
              run: side == .base ? .base : .source, site: site,
              iteration: site.isRecurrent ? from(t) : 0))
        }
      case .resample:
        for t in iterations { needs.insert(PatchNeed(run: .partner, site: site, iteration: t)) }
      case .mean, .zero, .noise, .steer, .value: break
      }
    }
    return needs
  }

  /// The patches in their order, in groups whose needs fit into memory for so many pairs.
  /// - Parameter sizes: how many bytes each site's value of one run takes.
  private func groups(
    _ needs: [Set<PatchNeed>], _ sizes: [Site: Int], pairs count: Int
  ) -> [[Int]] {
    var groups: [[Int]] = [[]]
    var held: Set<PatchNeed> = []
    var bytes = 0
    for (patch, own) in needs.enumerated() {
      let added = own.subtracting(held).reduce(0) { $0 + (sizes[$1.site] ?? 0) * count }
      if bytes + added > memory / 2, groups[groups.count - 1].isEmpty == false {
        groups.append([])
        held = []
        bytes = 0
      }
      groups[groups.count - 1].append(patch)
      bytes += added
      held.formUnion(own)
    }
    return groups
  }

  /// Records what a group of patches needs of the pairs' runs.
  func record(
    _ needs: Set<PatchNeed>, _ chosen: [Int], _ partners: [Int],
    _ statistics: [PatchNeed: PatchStatistics<S>]
  ) throws -> PatchValuesAtHand<S> {
    var stores: [PatchNeed.Run: PatchStore<S>] = [:]
    for run in Set(needs.map(\.run)) {
      let requests = requests(needs.filter { $0.run == run })
      stores[run] = try record(
        requests, of: run == .source ? .source : .base,
        run == .partner ? chosen.map { partners[$0] } : chosen)
    }
    return PatchValuesAtHand(
      stores: stores, runs: Dictionary(uniqueKeysWithValues: chosen.enumerated().map { ($1, $0) }),
      numbers: pairs.map(\.number), statistics: statistics, pairs: given, seed: seed)
  }

  private func requests(_ needs: some Sequence<PatchNeed>) -> [RecordRequest] {
    Dictionary(grouping: needs, by: \.site).map { site, needs in
      RecordRequest([site.description], iterations: .only(Set(needs.map(\.iteration))))
    }
  }

  /// Runs one side of some pairs unpatched and records.
  private func record(
    _ requests: [RecordRequest], of side: PatchSide, _ chosen: [Int]
  ) throws -> PatchStore<S> {
    var options = RunOptions<S>()
    options.iterations = iterations
    options.seed = seed
    options.record = requests
    let store = PatchStore<S>()
    _ = try model.runSeparately(
      input(side, chosen), chosen.map { SeparateRun(noise: pairs[$0].number) }, options,
      into: store)
    return store
  }

  private func input(_ side: PatchSide, _ chosen: [Int]) throws -> ModelInput {
    try given.input(side).selecting(chosen.map { pairs[$0].number })
  }

  /// Which pair each is resampled from: another one, drawn.
  func partners() -> [Int] {
    let random = Random(seed: seed, for: "patch partners")
    return pairs.indices.map { pair in
      guard pairs.count > 1 else { return pair }
      var random = random.split(UInt64(pair))
      return (pair + 1 + Int(random.uniform() * Double(pairs.count - 1))) % pairs.count
    }
  }

  /// Means and deviations over all pairs' base runs, where some patch needs them.
  func statistics(for patches: [Patch]) throws -> [PatchNeed: PatchStatistics<S>] {
    var wanted: Set<PatchNeed> = []
    for change in patches.flatMap(\.changes) {
      switch change.kind {
      case .mean, .noise:
        let site = change.place.site
        for t in site.isRecurrent ? change.place.iterations : 0...0 {
          wanted.insert(PatchNeed(run: .base, site: site, iteration: t))
        }
      case .replace, .zero, .resample, .steer, .subspace, .value: break
      }
    }
    guard !wanted.isEmpty else { return [:] }
    let size = wanted.reduce(0) { $0 + layout(of: $1.site).count * MemoryLayout<S>.stride }
    let chunk = max(1, memory / 2 / max(1, size))
    var sums: [PatchNeed: PatchStatistics<S>.Sums] = [:]
    for first in stride(from: 0, to: pairs.count, by: chunk) {
      let chosen = Array(first..<min(first + chunk, pairs.count))
      let store = try record(requests(wanted), of: .base, chosen)
      for need in wanted {
        for run in chosen.indices {
          if let value = store.value(need.site, need.iteration, run: run) {
            sums[need, default: PatchStatistics<S>.Sums()].add(value)
          }
        }
      }
    }
    return sums.mapValues(\.statistics)
  }
}
