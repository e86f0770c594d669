internal import AsuraDiff
internal import AsuraModel
internal import AsuraTensor

extension PatchExperiment {
  /// Estimates what every patch does to a metric of every pair, from gradients; hands over each cell once, on the calling
  /// thread. Its values are NaN but for the metric's: the base's plus the estimated change.
  ///
  /// A patch's estimate is `Σ g·(v′ − v)` over its place, with g the metric's gradient with respect to the site's
  /// value, v that value in the base run and v′ what the patch makes of it, whatever its kind.
  ///
  /// - Parameters:
  ///   - patches: each of one place, in one iteration; of sites before the recurrence from an iteration on.
  ///   - isCancelled: is asked now and then whether to stop.
  ///   - receive: takes the cells of some pairs at a time.
  /// - Returns: whether all were estimated.
  /// - Throws: `ProbeError` for a patch that has no such estimate, before anything is run.
  @discardableResult public func attribute(
    _ patches: [Patch], metric: PatchMetric = .logitDifference,
    method: AttributionMethod = .gradient,
    isCancelled: () -> Bool = { false }, receive: ([PatchCell]) throws -> Void
  ) throws -> Bool {
    guard metric != .exactMatch else {
      throw ProbeError(
        .badPatch, "whether an answer is exact has no gradient",
        remedy: "Ask for the logit difference, the log-probability or the KL divergence.")
    }
    // Of the clean run, whose divergence from itself is the smallest there is, every gradient is zero.
    guard metric != .divergence || direction != .noise || method != .gradient else {
      throw ProbeError(
        .badPatch, "the KL divergence from the clean run has no slope in the clean run itself",
        remedy: "Take another metric, the denoise direction, or integrated gradients.")
    }
    guard !method.places.isEmpty else {
      throw ProbeError(
        .badPatch, "integrated gradients of no step", remedy: "Ask for 1 or more; 10 is usual.")
    }
    let plan = try AttributionPlan(self, patches)
    var needs = plan.needs
    for patch in patches { needs.formUnion(self.needs(of: patch)) }
    if method != .gradient {
      for run in [PatchNeed.Run.base, .source] {
        needs.insert(PatchNeed(run: run, site: .embed, iteration: 0))
      }
    }
    let statistics = try statistics(for: patches)
    let partners = partners()
    let bytes = needs.reduce(0) { $0 + layout(of: $1.site).count * MemoryLayout<S>.stride }
    // Enough pairs to keep workers busy, few enough to show progress.
    let chunk = min(pairs.count, 16, max(1, memory / 2 / max(1, bytes)))
    for first in stride(from: 0, to: pairs.count, by: chunk) {
      if isCancelled() { return false }
      let chosen = Array(first..<min(first + chunk, pairs.count))
      let values = try record(needs, chosen, partners, statistics)
      let cells = try Workers.current.map(chosen.count) { i in
        try estimates(patches, plan, pair: chosen[i], metric, method, values)
      }
      try receive(cells.flatMap { $0 })
    }
    return true
  }

  private func estimates(
    _ patches: [Patch], _ plan: AttributionPlan, pair: Int, _ metric: PatchMetric,
    _ method: AttributionMethod, _ values: PatchValuesAtHand<S>
  ) throws -> [PatchCell] {
    let places = patches.map { resolved($0.changes[0].place, pair: pair) }
    var changes = places.map { $0 == nil ? Double.nan : 0 }
    let (base, steps) = (input(.base, pair: pair), method.places)
    let own = pairs[pair]
    for along in steps {
      var options = RunOptions<S>()
      options.iterations = iterations
      options.seed = seed
      if along > 0 {
        options.edits = [.replace("embed", with: try embedded(along, pair: pair, values))]
      }
      // Of sites before the recurrence, which a patch at t changes for all iterations from t on.
      var sums: [Site: Tensor<S>] = [:]
      try model.gradients(
        base, number: own.number, at: plan.sites, options,
        cotangent: {
          own.question.gradient(
            of: metric, $0, onClean: direction == .noise, reference: own.reference)
        },
        receive: { found in
          var gradient = found.gradient
          if !found.site.isRecurrent {
            if let sum = sums[found.site] { gradient.add(sum) }
            sums[found.site] = gradient
          }
          for patch in plan.patches(found.site, found.iteration) {
            guard let place = places[patch] else { continue }
            let action = PatchAction(
              change: Patch.Change(place, patches[patch].changes[0].kind),
              layout: plan.layout(found.site) ?? layout(of: found.site), pair: pair, values: values)
            changes[patch] +=
              try product(gradient, action, found.iteration) / Double(steps.count)
          }
        })
    }
    return changes.enumerated().map { patch, change in
      PatchCell(
        patch: patch, pair: pair,
        values: PatchValues(only: metric, self.base(pair)[metric] + change), rejoined: nil,
        iterations: 0)
    }
  }

  /// `Σ g·(v′ − v)` of a patch.
  private func product(
    _ gradient: Tensor<S>, _ action: PatchAction<S>, _ iteration: Int
  ) throws -> Double {
    let place = action.change.place
    let t = place.site.isRecurrent ? iteration : 0
    let before = try action.values.value(.base, place.site, t, pair: action.pair)
    var after = before
    try action.apply(to: &after, iteration: t)
    var sum = 0.0
    gradient.read { g in
      before.read { v in
        after.read { w in
          for segment in action.layout.segments(of: place) {
            // Masked scores are −∞ before and after.
            for i in segment.offset..<segment.offset + segment.count where w[i] != v[i] {
              sum += Double(g[i]) * (Double(w[i]) - Double(v[i]))
            }
          }
        }
      }
    }
    return sum
  }

  /// The embedded input part of the way from the base's to the source's, where positions correspond.
  private func embedded(
    _ share: Double, pair: Int, _ values: PatchValuesAtHand<S>
  ) throws -> Tensor<S> {
    let base = try values.value(.base, .embed, 0, pair: pair)
    var end = base
    let whole = PatchAction(
      change: Patch.Change(PatchPlace(.embed, iterations: 0...iterations)),
      layout: layout(of: .embed), pair: pair, values: values)
    try whole.apply(to: &end, iteration: 0)
    return base.scaled(by: S(1 - share)) + end.scaled(by: S(share))
  }
}

/// Which gradients patches need, and which patches each serves.
private struct AttributionPlan: Sendable {
  private struct Key: Hashable {
    let site: Site
    let iteration: Int
  }
  let sites: [(site: Site, iterations: Selection)]
  private let numbers: [Key: [Int]]
  private let layouts: [Site: PatchLayout]

  /// - Throws: `ProbeError` for a patch of several places, iterations or of the core's order.
  init<S: Scalar>(_ experiment: PatchExperiment<S>, _ patches: [Patch]) throws {
    var numbers: [Key: [Int]] = [:]
    for (number, patch) in patches.enumerated() {
      try experiment.check(patch)
      guard patch.changes.count == 1, patch.schedule == nil else {
        throw ProbeError(
          .badPatch,
          "a patch of \(patch.changes.count) places\(patch.schedule == nil ? "" : " that changes the order of the core")",
          remedy: "Gradients tell of one place's value: patch this exactly.")
      }
      let place = patch.changes[0].place
      guard !place.site.isRecurrent || place.iterations.count == 1 else {
        throw ProbeError(
          .badPatch,
          "\(place.site) is held from iteration \(place.iterations.lowerBound) to \(place.iterations.upperBound)",
          remedy:
            "Estimate single iterations, or patch this exactly: what is held overwrites its own effects."
        )
      }
      numbers[Key(site: place.site, iteration: place.iterations.lowerBound), default: []]
        .append(number)
    }
    self.numbers = numbers
    let bySite = Dictionary(grouping: numbers.keys, by: \.site)
    sites = bySite.map { site, keys in
      (site, site.isRecurrent ? .only(Set(keys.map(\.iteration))) : .all)
    }
    layouts = Dictionary(
      uniqueKeysWithValues: bySite.keys.map { ($0, experiment.layout(of: $0)) })
  }

  func patches(_ site: Site, _ iteration: Int) -> [Int] {
    numbers[Key(site: site, iteration: iteration)] ?? []
  }

  func layout(_ site: Site) -> PatchLayout? { layouts[site] }

  /// The base's own values of all sites.
  var needs: Set<PatchNeed> {
    Set(
      numbers.keys.map {
        PatchNeed(run: .base, site: $0.site, iteration: $0.site.isRecurrent ? $0.iteration : 0)
      })
  }
}

extension PatchValues {
  /// One metric's value; the others are NaN.
  init(only metric: PatchMetric, _ value: Double) {
    self.init(logitDifference: .nan, logProbability: .nan, divergence: .nan, exactMatch: .nan)
    switch metric {
    case .logitDifference: logitDifference = value
    case .logProbability: logProbability = value
    case .divergence: divergence = value
    case .exactMatch: exactMatch = value
    }
  }
}
