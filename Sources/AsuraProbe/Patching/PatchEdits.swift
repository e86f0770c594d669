internal import AsuraDiff
internal import AsuraModel
internal import AsuraTensor

/// Where patches find the values they put in.
struct PatchValuesAtHand<S: Scalar>: Sendable {
  let stores: [PatchNeed.Run: PatchStore<S>]
  /// The number of each pair's run in the stores.
  let runs: [Int: Int]
  /// The number of each of the experiment's pairs among those given.
  let numbers: [Int]
  let statistics: [PatchNeed: PatchStatistics<S>]
  let pairs: DirectedPairs
  let seed: UInt64

  func value(_ run: PatchNeed.Run, _ site: Site, _ iteration: Int, pair: Int) throws -> Tensor<S> {
    guard let number = runs[pair], let value = stores[run]?.value(site, iteration, run: number)
    else {
      throw ProbeError(.badPatch, "there is no value of \(site) at iteration \(iteration) to use")
    }
    return value
  }
}

/// A change as one run makes it.
struct PatchAction<S: Scalar>: Sendable {
  let change: Patch.Change
  let layout: PatchLayout
  let pair: Int
  let values: PatchValuesAtHand<S>

  private var site: Site { change.place.site }

  func applies(in iteration: Int) -> Bool {
    !site.isRecurrent || change.place.iterations.contains(iteration)
  }

  /// Changes a site's value `[1, …]` in an iteration.
  func apply(to value: inout Tensor<S>, iteration: Int) throws {
    let segments = layout.segments(of: change.place)
    switch change.kind {
    case .replace(let side, let from):
      put(try other(side, from, iteration), from: side, into: &value, segments)
    case .mean: put(try statistics(iteration).mean, into: &value, segments)
    case .resample:
      put(
        try values.value(.partner, site, iteration, pair: pair), into: &value, segments)
    case .value(let make):
      let made: Tensor<S> = try make(pair, iteration).converted()
      guard made.shape == value.shape else {
        throw ProbeError(
          .badPatch, "a value for \(site) has shape \(made.shape), expected \(value.shape)")
      }
      put(made, into: &value, segments)
    case .zero: edit(&value, segments) { row, _, count in for i in 0..<count { row[i] = 0 } }
    case .noise(let factor):
      let scale = factor * (try statistics(iteration).deviation)
      let noise = Random(seed: values.seed, for: "patch noise \(site) \(iteration)").split(
        UInt64(values.numbers[pair]))
      edit(&value, segments) { row, segment, count in
        var random = noise.split(UInt64(segment.offset))
        for i in 0..<count { row[i] += S(scale * random.normal()) }
      }
    case .steer(let vector):
      let steps = vector.elements
      edit(&value, segments) { row, _, count in for i in 0..<count { row[i] += S(steps[i]) } }
    case .subspace(let basis, let side, let from):
      let source = try other(side, from, iteration)
      let (rows, width) = (basis.shape[0], basis.shape[1])
      let b = basis.elements
      source.read { w in
        edit(&value, segments) { row, segment, count in
          guard let offset = offset(of: segment, in: side) else { return }
          // All of the part is measured before any of it is moved.
          let parts = (0..<rows).map { k in
            (0..<count).reduce(0.0) {
              $0 + b[k * width + $1] * (Double(w[offset + $1]) - Double(row[$1]))
            }
          }
          for i in 0..<count {
            row[i] += S((0..<rows).reduce(0.0) { $0 + parts[$1] * b[$1 * width + i] })
          }
        }
      }
    }
  }

  private func statistics(_ iteration: Int) throws -> PatchStatistics<S> {
    guard
      let found = values.statistics[PatchNeed(run: .base, site: site, iteration: iteration)]
    else {
      throw ProbeError(.badPatch, "there are no statistics of \(site) at iteration \(iteration)")
    }
    return found
  }

  private func other(
    _ side: PatchSide, _ from: PatchIteration, _ iteration: Int
  ) throws -> Tensor<S> {
    try values.value(
      side == .base ? .base : .source, site, site.isRecurrent ? from(iteration) : 0, pair: pair)
  }

  /// Where a segment's elements lie in the value of one of the pair's runs; nil where nothing corresponds.
  private func offset(of segment: PatchLayout.Segment, in side: PatchSide) -> Int? {
    guard side == .source, values.pairs.pairs.alignment != nil else { return segment.offset }
    return values.pairs.sourcePosition(of: segment.position, pair: values.numbers[pair]).map {
      segment.offset(at: $0, in: layout)
    }
  }

  private func put(
    _ source: Tensor<S>, from side: PatchSide = .base, into value: inout Tensor<S>,
    _ segments: [PatchLayout.Segment]
  ) {
    source.read { w in
      edit(&value, segments) { row, segment, count in
        guard let offset = offset(of: segment, in: side) else { return }
        row.update(from: w + offset, count: count)
      }
    }
  }

  private func edit(
    _ value: inout Tensor<S>, _ segments: [PatchLayout.Segment],
    _ body: (UnsafeMutablePointer<S>, PatchLayout.Segment, Int) -> Void
  ) {
    value.update { v in
      for segment in segments { body(v + segment.offset, segment, segment.count) }
    }
  }
}

/// The edits of a batch of runs: one for each site, which makes each run's own changes.
func patchEdits<S: Scalar>(_ actions: [[PatchAction<S>]]) -> [Edit<S>] {
  var sites: [Site] = []
  for action in actions.joined() where !sites.contains(action.change.place.site) {
    sites.append(action.change.place.site)
  }
  return sites.map { site in
    let own = actions.map { $0.filter { $0.change.place.site == site } }
    var iterations: Set<Int> = []
    for action in own.joined() {
      if site.isRecurrent {
        iterations.formUnion(action.change.place.iterations)
      } else {
        iterations.insert(0)
      }
    }
    return Edit(site.description, at: .only(iterations)) { value, context, _ in
      let actions = own[context.examples.lowerBound].filter { $0.applies(in: context.iteration) }
      guard !actions.isEmpty else { return nil }
      var tensor = value.tensor
      for action in actions { try action.apply(to: &tensor, iteration: context.iteration) }
      return Value(tensor)
    }
  }
}
