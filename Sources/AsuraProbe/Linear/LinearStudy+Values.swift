internal import AsuraTensor

// How values get from the trace to problems.
extension LinearStudy {
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
    _ body: @Sendable (_ rows: any ProbeRows, _ codeRows: () -> (any ProbeRows)?) throws -> R
  ) throws -> [[R?]]? {
    do {
      return site.isSingle
        ? try each(iterations, as: Float.self, body) : try each(iterations, as: Double.self, body)
    } catch is CancellationError { return nil }
  }

  private func each<S: Scalar, R: Sendable>(
    _ iterations: [Int], as _: S.Type,
    _ body: @Sendable (_ rows: any ProbeRows, _ codeRows: () -> (any ProbeRows)?) throws -> R
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
      // What is worked on at a time has rows of its own, where those take no more than the values may.
      let rowBytes = group.map { (problems[$0.1]?.rows ?? 0) * site.width * 8 }.max() ?? 0
      let isCopied = rowBytes * min(Workers.current.count, group.count) <= probe.memory
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
          return isCopied
            ? HeldRows(plan: plan, from: held.values, firstPosition: held.first)
            : GatheredRows(plan: plan, values: held.values, firstPosition: held.first)
        }
        return try body(rows(problem.plan)) { problem.codePlan.map(rows) }
      }
      if isCancelled() { return nil }
      for (place, result) in zip(group, found) { results[place.0][place.1] = result }
      start = end
    }
    return results
  }
}
