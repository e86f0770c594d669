internal import AsuraTensor
internal import Foundation

/// A run of linear probes: what is common to all iterations.
struct LinearStudy: Sendable {
  /// What one probe is of: a position, or several together.
  struct Problem: Sendable {
    /// Positions counted from 0 in what was recorded.
    let positions: [Int]
    /// Its rows in folds, and in the parts of an online code.
    let plan: RowPlan
    let codePlan: RowPlan?

    /// Rows of both.
    var rows: Int { plan.count + (codePlan?.count ?? 0) }
  }

  let probe: LinearProbe
  let site: ProbedSite
  /// The labels of what was recorded.
  let labels: ProbeLabels
  let control: ProbeLabels?
  /// The positions probed, counted from 0 in what was recorded.
  let chosen: [Int]
  /// Nil where there is nothing to learn.
  let problems: [Problem?]
  let notes: [String]
  let shuffles: [LabelShuffle]
  let bootstrap: ExampleBootstrap?
  let isCancelled: @Sendable () -> Bool

  init(
    _ probe: LinearProbe, _ site: ProbedSite, _ all: ProbeLabels,
    _ tokens: (ids: [Int32], channels: Int)?, positions: [Int]?,
    isCancelled: @escaping @Sendable () -> Bool
  ) throws {
    self.probe = probe
    self.site = site
    self.isCancelled = isCancelled
    let (labels, chosen) = try Self.checked(probe, site, all, positions)
    (self.labels, self.chosen) = (labels, chosen)
    control =
      probe.hasControl && tokens != nil
      ? tokens.map { tokens in
        ControlTask.labels(
          for: all, tokens: tokens.ids, channels: tokens.channels, seed: probe.seed
        )
        .selecting(examples: site.examples, positions: site.positions)
      } : nil
    let count = site.examples.count
    shuffles = (0..<probe.shuffleCount).map {
      LabelShuffle(examples: count, seed: probe.seed, number: $0)
    }
    bootstrap =
      probe.replicates > 0
      ? ExampleBootstrap(replicates: probe.replicates, examples: count, seed: probe.seed) : nil

    let folds = ExampleParts.folds(probe.folds, examples: count, seed: probe.seed)
    let first = max(
      DescriptionLength.fewestRows * (labels.classes?.count ?? 0), count / 64)
    let code =
      probe.hasDescriptionLength && labels.classes != nil && first * 2 <= count
      ? ExampleParts.doubling(from: first, examples: count, seed: probe.seed) : nil
    var notes: [String] = []
    if probe.hasControl, tokens == nil {
      notes.append("No control task: the trace holds no tokens.")
    }
    if probe.hasDescriptionLength, labels.classes != nil, code == nil {
      notes.append(
        "No description length: it takes \(2 * first) examples or more for \(labels.classes?.count ?? 0) "
          + "classes, there are \(count).")
    }
    var reservations = ProbeReservations(isPooled: probe.isPooled)
    let groups = probe.isPooled ? [chosen] : chosen.map { [$0] }
    problems = groups.map { places in
      let plan = RowPlan(labels, positions: places, parts: folds, width: site.width)
      guard reservations.accept(plan, labels, probe.folds, site.positions[places[0]]) else {
        return nil
      }
      return Problem(
        positions: places, plan: plan,
        codePlan: code.map {
          RowPlan(labels, positions: places, parts: $0, width: site.width)
        })
    }
    notes += reservations.notes(probe.folds, of: labels.name)
    self.notes = notes
    guard problems.contains(where: { $0 != nil }) else {
      throw ProbeError(
        .labels,
        "\(labels.name) cannot be probed at any of the chosen positions: \(notes.last ?? "")",
        remedy: "Choose other positions, pool them, or capture more examples.")
    }
  }

  /// The labels of what was recorded, and the positions to probe, once all fits.
  private static func checked(
    _ probe: LinearProbe, _ site: ProbedSite, _ all: ProbeLabels, _ positions: [Int]?
  ) throws -> (ProbeLabels, [Int]) {
    if let classes = all.classes, classes.count > LinearProbe.mostClasses {
      throw ProbeError(
        .labels,
        "\(all.name) has \(classes.count) classes, at most \(LinearProbe.mostClasses) can be probed",
        remedy: "Probe it as numbers, or give labels of fewer classes.")
    }
    let (examples, places) = ((site.examples.max() ?? -1) + 1, (site.positions.max() ?? -1) + 1)
    guard all.examples >= examples, all.positions >= places else {
      throw ProbeError(
        .labels,
        "\(all.name) labels \(all.examples) examples of \(all.positions) positions, \(site.name) was recorded of "
          + "\(examples) examples of \(places)",
        remedy: "Give a label for each example of the trace.")
    }
    guard probe.folds >= LinearProbe.fewestFolds else {
      throw ProbeError(
        .labels, "\(probe.folds) folds", remedy: "Ask for \(LinearProbe.fewestFolds) or more.")
    }
    guard site.examples.count >= probe.folds else {
      throw ProbeError(
        .labels,
        "\(site.examples.count) examples cannot be divided into \(probe.folds) folds",
        remedy: site.examples.count >= LinearProbe.fewestFolds
          ? "Ask for at most \(site.examples.count) folds, or capture more examples."
          : "Capture more examples: probes are fitted to some and tested on others.")
    }
    if all.classes == nil, [.logistic, .discriminant].contains(probe.estimator) {
      throw ProbeError(
        .labels, "\(all.name) is a number, and \(probe.estimator.rawValue) probes are of classes",
        remedy: "Use ridge or mean-difference, or probe it as classes.")
    }
    let labels = all.selecting(examples: site.examples, positions: site.positions)
    let numbers = positions ?? site.positions
    let chosen = numbers.compactMap { site.positions.firstIndex(of: $0) }
    if chosen.count < numbers.count,
      let missing = numbers.first(where: { !site.positions.contains($0) })
    {
      throw ProbeError(
        .notFound, "\(site.name) was not recorded at position \(missing)",
        remedy: "It has \(site.positions.count) positions, \(site.positions.first ?? 0) to "
          + "\(site.positions.last ?? 0).")
    }
    if labels.values.allSatisfy(\.isNaN) {
      throw ProbeError(
        .labels, "\(all.name) is not known at any recorded position",
        remedy: "Choose another fact, or another offset.")
    }
    if labels.isConstant {
      let value = labels.values.first { !$0.isNaN } ?? 0
      let name = labels.classes.map { $0[Int(value)] } ?? "\(value)"
      throw ProbeError(
        .labels, "\(all.name) is constant: it is '\(name)' wherever it is known",
        remedy: "Capture examples in which it differs.")
    }
    if let infinite = labels.values.first(where: \.isInfinite) {
      throw ProbeError(
        .labels, "\(all.name) has the value \(infinite)", remedy: "Give finite numbers.")
    }
    return (labels, chosen)
  }
}
