internal import AsuraModel
internal import AsuraTensor

extension PatchExperiment {
  /// Refuses a patch that does not fit the model, the pairs or the runs' length.
  public func check(_ patch: Patch) throws {
    try patch.schedule?.check(model.configuration, last: iterations)
    for change in patch.changes { try check(change) }
    let first = firstIteration(of: patch)
    for change in patch.changes where !change.place.site.isRecurrent {
      guard change.place.iterations.lowerBound <= first else {
        throw fail(
          "\(change.place.site) is changed from iteration \(change.place.iterations.lowerBound) on, "
            + "in a patch that changes something from \(first) on",
          "Change what is before the recurrence from the patch's first iteration on.")
      }
    }
  }

  private func check(_ change: Patch.Change) throws {
    let place = change.place
    let site = place.site
    guard model.siteList.contains(site) else {
      throw fail("the model has no site \(site)", "asura-trace sites lists them.")
    }
    try checkIterations(place)
    let layout = layout(of: site)
    let positions = given.input(.base).positions
    if let position = place.position, !place.isRelative, !(0..<positions).contains(position) {
      throw fail(
        "there is no position \(position)", "Positions count from 0 to \(positions - 1).")
    }
    if let head = place.head {
      guard let heads = layout.heads else {
        throw fail(
          "\(site) has no heads",
          "attn.q, attn.k, attn.v, attn.scores, attn.pattern and attn.z have; leave the head out.")
      }
      guard (0..<heads).contains(head) else {
        throw fail("\(site) has no head \(head)", "Its heads count from 0 to \(heads - 1).")
      }
    }
    let columns = layout.columns(ofHead: place.head)
    switch change.kind {
    case .replace(let side, let from): try check(side, from, place, layout)
    case .subspace(let basis, let side, let from):
      try check(side, from, place, layout)
      try check(basis, columns: columns, site)
    case .steer(let vector):
      guard vector.shape == [columns] else {
        throw fail(
          "a steering vector of shape \(vector.shape) for \(columns) columns of \(site)",
          "Give one number for each column patched.")
      }
    case .resample:
      guard pairs.count > 1 else {
        throw fail("there is no other pair to resample from", "Give two pairs or more.")
      }
    case .noise(let factor):
      guard factor.isFinite, factor >= 0 else {
        throw fail("noise of \(factor) standard deviations", "Give a number from 0.")
      }
    case .mean, .zero, .value: break
    }
  }

  private func checkIterations(_ place: PatchPlace) throws {
    let (site, found) = (place.site, place.iterations)
    if !site.isRecurrent {
      guard found.lowerBound >= 0, found.upperBound == iterations else {
        throw fail(
          "\(site) is to be changed in the iterations \(found.lowerBound) to \(found.upperBound)",
          "It is before the recurrence, and read anew by every iteration: change it from one on up "
            + "to the last, \(iterations).")
      }
      return
    }
    let there = availableIterations(of: site)
    guard found.lowerBound >= there.lowerBound, found.upperBound <= there.upperBound else {
      throw fail(
        "\(site) has no value at iteration "
          + "\(found.lowerBound < there.lowerBound ? found.lowerBound : found.upperBound)",
        "It has from \(there.lowerBound) to \(there.upperBound) in runs of \(iterations) iterations."
      )
    }
  }

  /// The iterations in which a site of the recurrence can be changed: what belongs to the readout in the last only.
  func availableIterations(of site: Site) -> ClosedRange<Int> {
    switch site {
    case .logits, .block(.coda, _, _): iterations...iterations
    default: site.iterations(of: iterations)
    }
  }

  private func check(
    _ side: PatchSide, _ from: PatchIteration, _ place: PatchPlace, _ layout: PatchLayout
  ) throws {
    let (base, source) = (given.input(.base), given.input(.source))
    if side == .source, layout.isSquare, base.positions != source.positions {
      throw fail(
        "\(place.site) has a column for each position, of which the two runs have "
          + "\(base.positions) and \(source.positions)",
        "Patch attn.q, attn.k, attn.v or attn.z.")
    }
    guard place.site.isRecurrent else {
      guard from == .same else {
        throw fail(
          "\(place.site) is the same in all iterations", "Leave the source's iteration out.")
      }
      return
    }
    let there = availableIterations(of: place.site)
    for iteration in place.iterations where !there.contains(from(iteration)) {
      throw fail(
        "the value of \(place.site) for iteration \(iteration) is to come from iteration "
          + "\(from(iteration)), where there is none",
        "It has values from \(there.lowerBound) to \(there.upperBound).")
    }
  }

  private func check(_ basis: Tensor<Double>, columns: Int, _ site: Site) throws {
    guard basis.rank == 2, basis.shape[1] == columns, basis.shape[0] >= 1 else {
      throw fail(
        "a basis of shape \(basis.shape) for \(columns) columns of \(site)",
        "Give one row a direction, of one number for each column patched.")
    }
    let products = basis.matmul(basis, transposed: (.no, .yes))
    let worst = (products - .identity(basis.shape[0])).elements.map { abs($0) }.max() ?? 0
    guard worst <= 1e-8 else {
      throw fail(
        "the basis is off by \(worst) from orthonormal rows", "Orthonormalise it: PatchBasis does.")
    }
  }

  private func fail(_ message: String, _ remedy: String) -> ProbeError {
    ProbeError(.badPatch, message, remedy: remedy)
  }

  func layout(of site: Site) -> PatchLayout {
    PatchLayout(site, of: model, given.input(.base), neighbours)
  }

  /// A place with its position as a pair's base run counts; nil where that run has no such position.
  func resolved(_ place: PatchPlace, pair: Int) -> PatchPlace? {
    guard place.isRelative, let offset = place.position else { return place }
    guard let anchor = given.anchor(pairs[pair].number),
      (0..<given.input(.base).positions).contains(anchor + offset)
    else { return nil }
    var place = place
    place.position = anchor + offset
    place.isRelative = false
    return place
  }

  /// Whether a pair has all of a patch's places.
  func isPossible(_ patch: Patch, pair: Int) -> Bool {
    patch.changes.allSatisfy { resolved($0.place, pair: pair) != nil }
  }

  /// The offsets from the anchors at which some pair has a position.
  var offsets: ClosedRange<Int> {
    let anchors = pairs.compactMap { given.anchor($0.number) }
    return -(anchors.max() ?? 0)...given.input(.base).positions - 1 - (anchors.min() ?? 0)
  }

  /// The first iteration a patch changes; the one after the last where it changes nothing.
  func firstIteration(of patch: Patch) -> Int {
    let changed = patch.changes.map(\.place.iterations.lowerBound).min()
    let scheduled = patch.schedule?.iterations.first
    return [changed, scheduled].compactMap { $0 }.min() ?? iterations + 1
  }

  /// The last iteration a patch changes something in; nil where its run cannot end before its readout.
  func lastIteration(of patch: Patch) -> Int? {
    let changesReadout = patch.changes.contains {
      switch $0.place.site {
      case .logits, .block(.coda, _, _): true
      default: false
      }
    }
    if changesReadout { return nil }
    let changed = patch.changes.map(\.place.iterations.upperBound).max() ?? 0
    return max(changed, patch.schedule?.iterations.last ?? 0)
  }
}
