public import AsuraTensor

/// How one start's search for a fixed point went.
public struct SearchResult: Sendable {
  /// Where it ended, `[dimension]`.
  public let state: Tensor<Double>
  public let end: SearchEnd
  /// `q = ½‖F(z) − z‖²` there.
  public let q: Double
  /// `‖F(z) − z‖ / ‖F(z)‖` there.
  public let relativeResidual: Double
  /// How many steps it took.
  public let iterations: Int
  public let counts: EvaluationCounts
}

/// Drives a solver over many starts at once until each has ended.
public struct FixedPointSearch: Sendable {
  public var solver: any FixedPointSolver
  public var rule: TerminationRule

  public init(_ solver: any FixedPointSolver, rule: TerminationRule = TerminationRule()) {
    self.solver = solver
    self.rule = rule
  }

  /// At most this many numbers of state are searched together, so that derivatives fit in memory.
  static let numbersAtOnce = 1 << 18

  /// Searches from all rows of `states` `[count, dimension]`.
  ///
  /// Rows that have ended are left out of what follows. They are dealt out in blocks by the map's size alone, so the
  /// result is the same for any number of threads.
  /// - Parameters:
  ///   - isCancelled: asked before each step; once true, the rows still under way have no result.
  ///   - progress: called with how many rows have just ended, from any thread.
  /// - Returns: A result a row, in order; nil where it was cancelled.
  public func run(
    _ map: any StateMap, from states: Tensor<Double>,
    isCancelled: @Sendable () -> Bool = { false }, progress: @Sendable (Int) -> Void = { _ in }
  ) throws -> [SearchResult?] {
    precondition(
      states.shape == [map.count, map.dimension],
      "states \(states.shape) for \(map.count) systems of \(map.dimension)")
    guard map.count > 0 else { return [] }
    // Four blocks or a multiple keep two or four workers equally busy.
    let wanted = (states.count + Self.numbersAtOnce - 1) / Self.numbersAtOnce
    let blocks = min(map.count, (wanted + 3) / 4 * 4)
    let found = try Workers.current.map(blocks) { block in
      let rows = Array(map.count * block / blocks..<map.count * (block + 1) / blocks)
      return try search(
        solver, map.selecting(rows), states.slice(rows[0]..<rows[0] + rows.count), isCancelled,
        progress)
    }
    return found.flatMap { $0 }
  }

  private func search<Solver: FixedPointSolver>(
    _ solver: Solver, _ whole: any StateMap, _ states: Tensor<Double>,
    _ isCancelled: () -> Bool, _ told: (Int) -> Void
  ) throws -> [SearchResult?] {
    var results: [SearchResult?] = Array(repeating: nil, count: whole.count)
    var open = Array(0..<whole.count)
    var map = whole
    var progress = try solver.start(map, at: states)
    var counts = solver.startCounts
    var iterations = 0
    while true {
      let ends = solver.terminate(progress, after: iterations, by: rule)
      let relative = progress.iterates.relativeResiduals
      for (place, end) in ends.enumerated() {
        guard let end else { continue }
        results[open[place]] = SearchResult(
          state: progress.iterates.states[place], end: end, q: progress.iterates.q[place],
          relativeResidual: relative[place], iterations: iterations, counts: counts)
      }
      let going = ends.indices.filter { ends[$0] == nil }
      if going.count < open.count {
        told(open.count - going.count)
        if going.isEmpty { return results }
        open = going.map { open[$0] }
        map = try whole.selecting(open)
        progress = progress.selecting(going)
      }
      if isCancelled() { return results }
      counts += try solver.step(&progress, of: map)
      iterations += 1
    }
  }
}
