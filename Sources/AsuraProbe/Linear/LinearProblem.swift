internal import AsuraTensor
internal import Foundation

/// The probe of one iteration and position, or of all positions of an iteration: fits, held-out scores, null, control.
struct LinearProblem {
  /// What it found.
  struct Solution: Sendable {
    let cell: ProbeCell
    /// The probe of all rows, and the mean of what it was fitted to.
    let map: LinearMap
    let mean: Tensor<Double>
    /// The probe that each fold was held out from.
    let foldMaps: [LinearMap]
  }

  let options: LinearProbe
  let labels: ProbeLabels
  let control: ProbeLabels?
  let shuffles: [LabelShuffle]
  let bootstrap: ExampleBootstrap?
  let isCancelled: @Sendable () -> Bool

  /// - Parameters:
  ///   - rows: in folds.
  ///   - codeRows: the same in the parts of an online code; nil for no description length.
  /// - Throws: `CancellationError` once cancelled.
  func solve(_ rows: any ProbeRows, codeRows: (any ProbeRows)?) throws -> Solution {
    let targets = ProbeTargets(rows.plan, labels, control: control, shuffles: shuffles)
    let fits = try FoldFits(rows, targets, options, isCancelled)
    var held = try HeldOutScores(rows, targets, fits.maps)
    if options.estimator.hasProbabilities, let classes = targets.classes {
      held.normalize(classes: classes)
    }

    var intervals: (ClosedRange<Double>?, ClosedRange<Double>?)
    if let bootstrap { intervals = held.intervals(bootstrap, rows.plan, targets) }
    let scores = held.scores(targets, rows.plan)
    var code: DescriptionLength?
    if let codeRows, let classes = targets.classes {
      let coded = ProbeTargets(codeRows.plan, labels, control: nil, shuffles: [])
      code = try DescriptionLength(
        codeRows, labels: coded.sets[0].map { Int32($0) }, classes: classes,
        penalties: options.penalties)
    }
    let isControlled = targets.hasControl
    let cell = ProbeCell(
      examples: Set(rows.plan.examples).count, rows: rows.plan.count,
      classCounts: targets.counts, score: scores[0], interval: intervals.0,
      balancedInterval: intervals.1, baseline: targets.baseline, penalty: fits.penalty,
      null: shuffles.isEmpty
        ? nil : ProbeCell.Null(scores: Array(scores.dropFirst(isControlled ? 2 : 1))),
      control: isControlled ? scores[1] : nil, code: code, isConverged: fits.isConverged)
    return Solution(
      cell: cell, map: targets.expanded(fits.final), mean: fits.mean,
      foldMaps: fits.maps.map { $0.columns(0..<targets.outputs) })
  }
}

/// The labels of a problem's rows: the real ones, then those of the control task, then shuffled ones.
struct ProbeTargets {
  /// A class's number among those that occur here, or a number, for each row.
  let sets: [[Double]]
  let hasControl: Bool
  /// The classes that occur here, by their numbers in the fact; nil for numbers.
  let present: [Int]?
  /// Rows of each class of the fact.
  let counts: [Int]

  /// How many classes occur; nil for numbers.
  var classes: Int? { present?.count }
  /// Scores a set has: one a class, or one.
  var outputs: Int { classes ?? 1 }
  /// All sets' columns.
  var columns: Int { outputs * sets.count }
  /// Whether there is anything to learn.
  var isConstant: Bool { sets[0].allSatisfy { $0 == sets[0][0] } }

  init(
    _ plan: RowPlan, _ labels: ProbeLabels, control: ProbeLabels?, shuffles: [LabelShuffle]
  ) {
    let real = plan.labels
    var places: [Double] = []
    if let classes = labels.classes {
      var counts = [Int](repeating: 0, count: classes.count)
      for value in real { counts[Int(value)] += 1 }
      let present = counts.indices.filter { counts[$0] > 0 }
      places = [Double](repeating: .nan, count: classes.count)
      for (place, c) in present.enumerated() { places[c] = Double(place) }
      self.counts = counts
      self.present = present
    } else {
      counts = []
      present = nil
    }
    func local(_ values: [Double]) -> [Double] {
      places.isEmpty ? values : values.map { places[Int($0)] }
    }
    var sets = [local(real)]
    var hasControl = false
    if let control {
      let values = (0..<plan.count).map { row in
        control[Int(plan.examples[row]), plan.positions[Int(plan.places[row])]]
      }
      // Labels drawn for all positions: here some may be of a class that does not occur.
      if Set(values).count > 1, places.isEmpty || values.allSatisfy({ !places[Int($0)].isNaN }) {
        sets.append(local(values))
        hasControl = true
      }
    }
    if !shuffles.isEmpty {
      let groups = Self.rowsByPlace(plan)
      for shuffle in shuffles {
        var shuffled = sets[0]
        for rows in groups {
          let exchanged = shuffle.values(
            rows.map { sets[0][$0] }, of: rows.map { Int(plan.examples[$0]) })
          for (row, value) in zip(rows, exchanged) { shuffled[row] = value }
        }
        sets.append(shuffled)
      }
    }
    self.sets = sets
    self.hasControl = hasControl
  }

  /// The rows of each position in the order of examples, so that a shuffle exchanges all positions alike.
  private static func rowsByPlace(_ plan: RowPlan) -> [[Int]] {
    var groups = plan.positions.map { _ in [Int]() }
    for row in 0..<plan.count { groups[Int(plan.places[row])].append(row) }
    return groups.map { $0.sorted { plan.examples[$0] < plan.examples[$1] } }
  }

  /// The share of the commonest class; 0 for numbers.
  var baseline: Double {
    let total = counts.reduce(0, +)
    return total > 0 ? Double(counts.max() ?? 0) / Double(total) : 0
  }

  /// Writes the columns `[row, column]` of some rows: 1 at each set's class, or the number.
  func write(_ rows: Range<Int>, into out: UnsafeMutablePointer<Double>) {
    let columns = columns
    out.update(repeating: 0, count: rows.count * columns)
    for (s, set) in sets.enumerated() {
      for (i, row) in rows.enumerated() {
        if classes == nil {
          out[i * columns + s] = set[row]
        } else {
          out[i * columns + s * outputs + Int(set[row])] = 1
        }
      }
    }
  }

  /// A map to the scores of all classes of the fact: those that do not occur here get −∞.
  func expanded(_ map: LinearMap) -> LinearMap {
    guard let present, present.count < counts.count else { return map }
    let width = map.weights.shape[1]
    var bias = [Double](repeating: -.infinity, count: counts.count)
    var rows = (0..<counts.count).map { _ in Tensor<Double>.zeros([1, width]) }
    for (place, c) in present.enumerated() {
      bias[c] = map.bias[place]
      rows[c] = map.weights.slice(place..<place + 1)
    }
    return LinearMap(weights: .concatenating(rows), bias: bias)
  }
}

extension LinearMap {
  /// Some of the columns.
  func columns(_ range: Range<Int>) -> LinearMap {
    LinearMap(weights: weights.slice(range), bias: Array(bias[range]))
  }

  static func concatenating(_ maps: [LinearMap]) -> LinearMap {
    LinearMap(weights: .concatenating(maps.map(\.weights)), bias: maps.flatMap(\.bias))
  }
}
