internal import AsuraTensor
internal import Foundation

/// The probes of a cross-validation: one for each fold, fitted to the others, and one of all rows.
///
/// Values are standardised by the training rows of each. A penalty is chosen within them, by a cross-validation of their
/// own: each of their folds is held out in turn. So no probe has seen anything of the fold it is tested on.
struct FoldFits {
  /// By fold: the scores of all sets' columns.
  private(set) var maps: [LinearMap] = []
  /// The probe of all rows and the real labels.
  let final: LinearMap
  /// The mean of all rows.
  let mean: Tensor<Double>
  /// The penalty of the probe of all rows; NaN for none.
  let penalty: Double
  private(set) var isConverged = true

  init(
    _ rows: any ProbeRows, _ targets: ProbeTargets, _ options: LinearProbe,
    _ isCancelled: @escaping () -> Bool
  ) throws {
    let moments = try Moments.parts(of: rows, columns: targets.columns) { block, out in
      targets.write(block, into: out)
    }
    var total = moments[0]
    for part in moments.dropFirst() { total.add(part) }
    let all = Standardized(total)
    mean = all.mean
    switch options.estimator {
    case .ridge:
      (maps, final, penalty) = try Self.ridge(moments, total, all, targets, options.penalties)
    case .logistic:
      var logistic = LogisticFolds(targets, options, isCancelled)
      (maps, final, penalty) = try logistic.fit(rows, moments, total, all)
      isConverged = logistic.isConverged
    case .discriminant, .meanDifference:
      penalty = .nan
      maps = try moments.map { part in
        try Self.closed(Standardized(total - part), targets, options, sets: targets.sets.count)
      }
      final = try Self.closed(all, targets, options, sets: 1)
    }
  }

  private static func closed(
    _ values: Standardized, _ targets: ProbeTargets, _ options: LinearProbe, sets: Int
  ) throws -> LinearMap {
    guard let classes = targets.classes else {
      return ClassMeans.direction(values).columns(0..<sets)
    }
    let means = ClassMeans(values, classes: classes)
    return .concatenating(
      try (0..<sets).map { set in
        options.estimator == .discriminant
          ? try means.discriminant(set, shrinkage: options.shrinkage) : means.nearest(set)
      })
  }

  /// All pairs of folds. A penalty is chosen for the training rows of a fold by holding out each other one; what is
  /// fitted without both serves either.
  static func pairs(of count: Int) -> [(Int, Int)] {
    (0..<count).flatMap { a in (a + 1..<max(a + 1, count)).map { (a, $0) } }
  }

  private static func ridge(
    _ moments: [Moments], _ total: Moments, _ all: Standardized, _ targets: ProbeTargets,
    _ penalties: [Double]
  ) throws -> ([LinearMap], LinearMap, Double) {
    let (sets, outputs) = (targets.sets.count, targets.outputs)
    // By fold, penalty and set: the squared errors on the other folds, of probes that saw neither.
    let none = [[Double]](repeating: .init(repeating: 0, count: sets), count: penalties.count)
    var errors = moments.map { _ in none }
    if penalties.count > 1 {
      for (a, b) in pairs(of: moments.count) {
        let path = try RidgePath(Standardized(total - moments[a] - moments[b]))
        for (i, penalty) in penalties.enumerated() {
          let map = path.map(penalty)
          for (fold, held) in [(a, b), (b, a)] {
            let each = RidgePath.squaredErrors(map, on: moments[held])
            for (column, error) in each.enumerated() { errors[fold][i][column / outputs] += error }
          }
        }
      }
    }
    func best(_ set: Int, of folds: Range<Int>) -> Double {
      let sums = penalties.indices.map { i in folds.reduce(0) { $0 + errors[$1][i][set] } }
      return penalties[sums.indices.min { sums[$0] < sums[$1] } ?? 0]
    }
    let maps = try moments.indices.map { fold in
      let chosen = (0..<sets).flatMap {
        Array(repeating: best($0, of: fold..<fold + 1), count: outputs)
      }
      return try RidgePath(Standardized(total - moments[fold])).map(chosen)
    }
    let penalty = best(0, of: moments.indices)
    let final = try RidgePath(all).map(penalty).columns(0..<outputs)
    return (maps, final, penalty)
  }
}

/// Logistic fits of all folds and sets. The control task and shuffled labels take the penalties that the real labels
/// chose.
private struct LogisticFolds {
  private let targets: ProbeTargets
  private let labels: [[Int32]]
  private let classes: Int
  private let options: LinearProbe
  private let isCancelled: () -> Bool
  private(set) var isConverged = true

  init(_ targets: ProbeTargets, _ options: LinearProbe, _ isCancelled: @escaping () -> Bool) {
    self.isCancelled = isCancelled
    self.targets = targets
    self.options = options
    classes = targets.outputs
    labels = targets.sets.map { $0.map { Int32($0) } }
  }

  mutating func fit(
    _ rows: any ProbeRows, _ moments: [Moments], _ total: Moments, _ all: Standardized
  ) throws -> ([LinearMap], LinearMap, Double) {
    // From the strongest penalty on, where a fit is quick and near the next one's.
    let penalties = options.penalties.sorted(by: >)
    // By fold and penalty: the losses on the other folds, of probes that saw neither.
    var losses = moments.map { _ in [Double](repeating: 0, count: penalties.count) }
    if penalties.count > 1 {
      var starts = [[Double]?](repeating: nil, count: penalties.count)
      for (a, b) in FoldFits.pairs(of: moments.count) {
        let values = Standardized(total - moments[a] - moments[b])
        let parts = moments.indices.map { $0 != a && $0 != b }
        var start: [Double]?
        for (i, penalty) in penalties.enumerated() {
          let (fit, map) = try fitted(rows, parts, 0, values, penalty, from: starts[i] ?? start)
          (starts[i], start) = (fit.parameters, fit.parameters)
          losses[a][i] += try loss(rows, of: b, map)
          losses[b][i] += try loss(rows, of: a, map)
        }
      }
    }
    func best(_ folds: Range<Int>) -> Double {
      let sums = penalties.indices.map { i in folds.reduce(0) { $0 + losses[$1][i] } }
      return penalties[sums.indices.min { sums[$0] < sums[$1] } ?? 0]
    }
    var starts = [[Double]?](repeating: nil, count: labels.count)
    var maps: [LinearMap] = []
    for fold in moments.indices {
      let values = Standardized(total - moments[fold])
      let parts = moments.indices.map { $0 != fold }
      var columns: [LinearMap] = []
      for set in labels.indices {
        let (fit, map) = try fitted(
          rows, parts, set, values, best(fold..<fold + 1), from: starts[set])
        starts[set] = fit.parameters
        columns.append(map)
      }
      maps.append(.concatenating(columns))
    }
    let penalty = best(moments.indices)
    let (_, final) = try fitted(
      rows, moments.map { _ in true }, 0, all, penalty, from: starts[0])
    return (maps, final, penalty)
  }

  private mutating func fitted(
    _ rows: any ProbeRows, _ parts: [Bool], _ set: Int, _ values: Standardized, _ penalty: Double,
    from start: [Double]?
  ) throws -> (LogisticRegression.Fit, LinearMap) {
    if isCancelled() { throw CancellationError() }
    var regression = LogisticRegression(classes: classes, penalty: penalty)
    regression.solver.tolerance = options.tolerance
    let fit = try regression.fit(
      rows, parts: parts, labels: labels[set], values: values, from: start)
    if !fit.isConverged { isConverged = false }
    return (fit, regression.map(fit, values))
  }

  /// The negative log probability of a part's labels.
  private func loss(_ rows: any ProbeRows, of part: Int, _ map: LinearMap) throws -> Double {
    var scores = [Double](repeating: 0, count: blockRows * classes)
    var total = 0.0
    try rows.forEachBlock(of: rows.plan.parts.indices.map { $0 == part }) { block in
      scores.withUnsafeMutableBufferPointer {
        if let out = $0.baseAddress { map.scores(block.x, rows: block.rows.count, into: out) }
      }
      for (i, row) in block.rows.enumerated() {
        let own = scores[i * classes..<(i + 1) * classes]
        let largest = own.max() ?? 0
        total += largest + log(own.reduce(0) { $0 + exp($1 - largest) })
        total -= own[own.startIndex + Int(labels[0][row])]
      }
    }
    return total
  }
}
