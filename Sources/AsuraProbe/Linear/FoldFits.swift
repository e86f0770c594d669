internal import AsuraTensor
internal import Foundation

/// The probes of a cross-validation: one for each fold, fitted to the others, and one of all rows.
///
/// Values are standardised by the training rows of each. A penalty is chosen within them: one of their folds is held
/// out in turn, so that no probe has seen anything of the fold it is tested on.
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

  /// The fold that is held out within the training rows of another.
  static func inner(_ fold: Int, of count: Int) -> Int { (fold + 1) % count }

  private static func ridge(
    _ moments: [Moments], _ total: Moments, _ all: Standardized, _ targets: ProbeTargets,
    _ penalties: [Double]
  ) throws -> ([LinearMap], LinearMap, Double) {
    // The squared errors of each penalty and set, on the fold held out within each training set.
    var spent = [Double](repeating: 0, count: penalties.count)
    let maps = try moments.indices.map { fold in
      let training = total - moments[fold]
      var chosen = [Double](repeating: penalties[0], count: targets.columns)
      if penalties.count > 1 {
        let validation = moments[inner(fold, of: moments.count)]
        let path = try RidgePath(Standardized(training - validation))
        let errors = penalties.map { penalty in
          let each = RidgePath.squaredErrors(path.map(penalty), on: validation)
          return targets.sets.indices.map { set in
            each[set * targets.outputs..<(set + 1) * targets.outputs].reduce(0, +)
          }
        }
        for (i, error) in errors.enumerated() { spent[i] += error[0] }
        for set in targets.sets.indices {
          let best = errors.indices.min { errors[$0][set] < errors[$1][set] } ?? 0
          for column in 0..<targets.outputs {
            chosen[set * targets.outputs + column] = penalties[best]
          }
        }
      }
      return try RidgePath(Standardized(training)).map(chosen)
    }
    let best = spent.indices.min { spent[$0] < spent[$1] } ?? 0
    let final = try RidgePath(all).map(penalties[best]).columns(0..<targets.outputs)
    return (maps, final, penalties[best])
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
    var spent = [Double](repeating: 0, count: penalties.count)
    var chosen = [Double](repeating: penalties[0], count: moments.count)
    if penalties.count > 1 {
      var starts = [[Double]?](repeating: nil, count: penalties.count)
      for fold in moments.indices {
        let held = FoldFits.inner(fold, of: moments.count)
        let values = Standardized(total - moments[fold] - moments[held])
        let parts = moments.indices.map { $0 != fold && $0 != held }
        var (losses, start) = ([Double](), [Double]?.none)
        for (i, penalty) in penalties.enumerated() {
          let (fit, map) = try fitted(rows, parts, 0, values, penalty, from: starts[i] ?? start)
          (starts[i], start) = (fit.parameters, fit.parameters)
          losses.append(try loss(rows, of: held, map))
          spent[i] += losses[i]
        }
        chosen[fold] = penalties[losses.indices.min { losses[$0] < losses[$1] } ?? 0]
      }
    }
    var starts = [[Double]?](repeating: nil, count: labels.count)
    var maps: [LinearMap] = []
    for fold in moments.indices {
      let values = Standardized(total - moments[fold])
      let parts = moments.indices.map { $0 != fold }
      var columns: [LinearMap] = []
      for set in labels.indices {
        let (fit, map) = try fitted(rows, parts, set, values, chosen[fold], from: starts[set])
        starts[set] = fit.parameters
        columns.append(map)
      }
      maps.append(.concatenating(columns))
    }
    let best = penalties[spent.indices.min { spent[$0] < spent[$1] } ?? 0]
    let (_, final) = try fitted(
      rows, moments.map { _ in true }, 0, all, best, from: starts[0])
    return (maps, final, best)
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

  /// The mean negative log probability of a part's labels.
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
