internal import AsuraTensor
internal import Foundation

/// A run of linear probes: what is common to all iterations, and how values get from the trace to problems.
struct LinearStudy: Sendable {
  /// What one probe is of: a position, or several together.
  struct Problem: Sendable {
    /// Positions counted from 0 in what was recorded.
    let positions: [Int]
    /// Its rows in folds, and in the parts of an online code.
    let plan: RowPlan
    let codePlan: RowPlan?
  }

  let probe: LinearProbe
  let site: ProbedSite
  /// The labels of what was recorded.
  let labels: ProbeLabels
  private let control: ProbeLabels?
  /// The positions probed, counted from 0 in what was recorded.
  let chosen: [Int]
  /// Nil where there is nothing to learn.
  let problems: [Problem?]
  let notes: [String]
  private let shuffles: [LabelShuffle]
  private let bootstrap: ExampleBootstrap?
  private let isCancelled: @Sendable () -> Bool

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
    var reservations = ProbeReservations()
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

  // MARK: - Values

  /// Iterations that are loaded together: as many as memory holds, so that there are problems for all threads.
  func chunks(_ iterations: [Int]) -> [[Int]] {
    let bytes = max(1, site.examples.count * chosen.count * site.width * (site.isSingle ? 4 : 8))
    let wanted = max(1, 16 / max(1, problems.count))
    let size = min(wanted, max(1, probe.memory / bytes))
    return stride(from: 0, to: iterations.count, by: size).map {
      Array(iterations[$0..<min(iterations.count, $0 + size)])
    }
  }

  /// Solves all problems of some iterations; nil once cancelled.
  func solve(_ iterations: [Int]) throws -> [[LinearProblem.Solution?]]? {
    try each(iterations) { rows, codeRows in
      try LinearProblem(
        options: probe, labels: labels, control: control, shuffles: shuffles, bootstrap: bootstrap,
        isCancelled: isCancelled
      ).solve(rows, codeRows: codeRows)
    }
  }

  /// Calls `body` with the rows of every problem of some iterations, side by side; nil once cancelled.
  func each<R: Sendable>(
    _ iterations: [Int],
    _ body: @Sendable (_ rows: any ProbeRows, _ codeRows: (any ProbeRows)?) throws -> R
  ) throws -> [[R?]]? {
    do {
      return site.isSingle
        ? try each(iterations, as: Float.self, body) : try each(iterations, as: Double.self, body)
    } catch is CancellationError { return nil }
  }

  private func each<S: Scalar, R: Sendable>(
    _ iterations: [Int], as _: S.Type,
    _ body: @Sendable (_ rows: any ProbeRows, _ codeRows: (any ProbeRows)?) throws -> R
  ) throws -> [[R?]]? {
    var results = iterations.map { _ in [R?](repeating: nil, count: problems.count) }
    // The problems of all iterations in groups that memory holds.
    let each = site.examples.count * site.width * MemoryLayout<S>.size
    var start = 0
    let all = iterations.indices.flatMap { t in problems.indices.map { (t, $0) } }
      .filter { problems[$0.1] != nil }
    while start < all.count {
      if isCancelled() { return nil }
      // The positions that are loaded, by iteration: all between the first and the last.
      var (end, spans) = (start, [Int: ClosedRange<Int>]())
      var bytes = 0
      while end < all.count {
        let (t, number) = all[end]
        let places = problems[number]?.positions ?? []
        let (first, last) = (places.min() ?? 0, places.max() ?? 0)
        let span =
          min(first, spans[t]?.lowerBound ?? first)...max(last, spans[t]?.upperBound ?? last)
        let more = each * (span.count - (spans[t]?.count ?? 0))
        if end > start, bytes + more > probe.memory { break }
        spans[t] = span
        bytes += more
        end += 1
      }
      let group = Array(all[start..<end])
      let isHeld = bytes <= probe.memory
      var values: [Int: (first: Int, values: Tensor<S>)] = [:]
      if isHeld {
        for (t, span) in spans.sorted(by: { $0.key < $1.key }) {
          values[t] = (
            span.lowerBound,
            try site.values(
              iteration: iterations[t], examples: 0..<site.examples.count,
              positions: span.lowerBound..<span.upperBound + 1)
          )
        }
      }
      let found = try Workers.current.map(group.count) { [values] index -> R? in
        let (t, number) = group[index]
        guard let problem = problems[number], !isCancelled() else { return nil }
        func rows(_ plan: RowPlan) -> any ProbeRows {
          guard let held = values[t] else {
            return StreamedRows(plan: plan, site: site, iteration: iterations[t])
          }
          return HeldRows(plan: plan, from: held.values, firstPosition: held.first)
        }
        return try body(rows(problem.plan), problem.codePlan.map(rows))
      }
      if isCancelled() { return nil }
      for (place, result) in zip(group, found) { results[place.0][place.1] = result }
      start = end
    }
    return results
  }
}
