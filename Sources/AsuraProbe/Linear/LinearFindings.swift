internal import AsuraTensor

/// What linear probes of a fact showed, iteration by iteration and position by position.
public struct LinearFindings: Sendable {
  public let site: String
  public let fact: String
  /// The classes; nil for a number.
  public let classes: [String]?
  /// How the probes were made.
  public let probe: LinearProbe
  public let iterations: [Int]
  /// The positions, or only −1 for all together.
  public let positions: [Int]
  /// By iteration and position; nil where there was nothing to probe.
  public let cells: [[ProbeCell?]]
  public let weights: ProbeWeights
  /// Probes of each iteration tested on the others; nil unless asked for.
  public let transfer: CodeTransfer?
  /// What changes to the site did to the run; empty unless asked for.
  public var effects: [CausalEffect] = []
  /// What was left out and why, and warnings, which begin so.
  public var notes: [String]
  /// What ended the work early, where something did.
  public let failure: (any Error)?
  /// Whether all that was asked for was done.
  public let isComplete: Bool

  /// A number of every cell, `[iteration][position]`; NaN where there is none.
  public func map(_ value: (ProbeCell) -> Double?) -> [[Double]] {
    cells.map { $0.map { $0.flatMap(value) ?? .nan } }
  }

  /// The mean over positions of a number of the cells, by iteration; NaN where none has one.
  public func mean(_ value: (ProbeCell) -> Double?) -> [Double] {
    map(value).map { row in
      let known = row.filter { !$0.isNaN }
      return known.isEmpty ? .nan : known.reduce(0, +) / Double(known.count)
    }
  }

  /// By iteration, the 95% interval of the mean over positions of the accuracy (or R²): every replicate resamples the
  /// same examples at all positions. Nil without a bootstrap.
  public var meanIntervals: [ClosedRange<Double>?] {
    cells.map { row in
      let replicates = row.compactMap { $0?.replicates }
      return ExampleBootstrap.interval(
        (0..<(replicates.first?.count ?? 0)).map { b in
          // Where labels are few, a replicate may have none of a position.
          let known = replicates.map { Double($0[b]) }.filter(\.isFinite)
          return known.isEmpty ? .nan : known.reduce(0, +) / Double(known.count)
        })
    }
  }

  /// By how much a probe must do better than chance and shuffled labels to count as reading the fact.
  static let leastGain = 0.02

  /// What guessing gets at a position, in balanced accuracy or R².
  func chanceLevel(position: Int) -> Double {
    guard classes != nil else { return 0 }
    let counts = cells.lazy.compactMap { $0[position] }.first?.classCounts ?? []
    return 1 / Double(max(1, counts.count { $0 > 0 }))
  }

  /// Whether a position's probe does clearly better at any iteration than guessing and shuffled labels at all.
  func isRead(position: Int) -> Bool {
    let column = cells.compactMap { $0[position] }
    guard let best = column.map(\.score.fair).filter({ !$0.isNaN }).max() else { return false }
    let chance = chanceLevel(position: position)
    let highestNull = column.compactMap { $0.null?.highestFair }.max() ?? chance
    return best > max(chance, highestNull) + Self.leastGain
  }

  /// The first iteration at which a position's probe reads the fact and does so ever after: its balanced accuracy makes
  /// up at least `share` of the way from chance to the best it gets there. Nil where it never tells more than the null,
  /// and where it no longer does at the last iteration.
  public func since(position: Int, share: Double = 0.9) -> Int? {
    let fair = cells.map { $0[position]?.score.fair ?? .nan }
    guard isRead(position: position), let best = fair.filter({ !$0.isNaN }).max() else {
      return nil
    }
    let chance = chanceLevel(position: position)
    let line = chance + share * (best - chance)
    guard let below = fair.lastIndex(where: { !($0 >= line) }) else { return iterations.first }
    return below + 1 < iterations.count ? iterations[below + 1] : nil
  }
}

extension LinearStudy {
  /// Puts all solutions together.
  func findings(
    _ iterations: [Int], _ solutions: [[LinearProblem.Solution?]], _ transfer: CodeTransfer?,
    _ failure: (any Error)?, isComplete: Bool
  ) -> LinearFindings {
    let outputs = labels.classes?.count ?? 1
    let nothing = Tensor<Double>([outputs, site.width], repeating: .nan)
    let all = solutions.flatMap { $0 }
    let cells = [iterations.count, problems.count]
    let weights = ProbeWeights(
      site: site.name, fact: labels.name, classes: labels.classes ?? [labels.name],
      iterations: iterations,
      positions: probe.isPooled ? [ProbeWeights.pooled] : chosen.map { site.positions[$0] },
      weights: Tensor.concatenating(all.map { $0?.map.weights ?? nothing })
        .reshaped(cells + [outputs, site.width]),
      bias: Tensor(
        cells + [outputs],
        all.flatMap { $0?.map.bias ?? Array(repeating: .nan, count: outputs) }),
      mean: Tensor.concatenating(all.map { $0?.mean ?? nothing[0] })
        .reshaped(cells + [site.width]))
    var notes = notes
    let loose = all.count { $0?.cell.isConverged == false }
    if loose > 0 {
      notes.append(
        "warning: \(loose) of \(all.count { $0 != nil }) probes have a logistic fit that stopped above the gradient "
          + "tolerance \(probe.tolerance).")
    }
    return LinearFindings(
      site: site.name, fact: labels.name, classes: labels.classes, probe: probe,
      iterations: iterations, positions: weights.positions,
      cells: solutions.map { $0.map { $0?.cell } }, weights: weights, transfer: transfer,
      notes: notes, failure: failure, isComplete: isComplete)
  }
}
