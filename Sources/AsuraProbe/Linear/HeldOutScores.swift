internal import AsuraTensor
internal import Foundation

/// What the probes of a cross-validation say of the rows they were not fitted to.
struct HeldOutScores {
  /// The real labels' scores, `[row, output]`.
  private var real: [Double]
  private var confusions: [Confusion]
  private var fits: [ErrorSums]
  private let outputs: Int

  init(_ rows: any ProbeRows, _ targets: ProbeTargets, _ maps: [LinearMap]) throws {
    outputs = targets.outputs
    let (outputs, columns) = (outputs, targets.columns)
    var real = [Double](repeating: 0, count: rows.plan.count * outputs)
    var confusions = targets.sets.map { _ in Confusion(classes: outputs) }
    var fits = targets.sets.map { _ in ErrorSums() }
    var scores = [Double](repeating: 0, count: blockRows * columns)
    try rows.forEachBlock(of: maps.map { _ in true }) { block in
      scores.withUnsafeMutableBufferPointer {
        if let out = $0.baseAddress {
          maps[block.part].scores(block.x, rows: block.rows.count, into: out)
        }
      }
      for (i, row) in block.rows.enumerated() {
        for output in 0..<outputs { real[row * outputs + output] = scores[i * columns + output] }
        for (s, set) in targets.sets.enumerated() {
          let start = i * columns + s * outputs
          if targets.classes == nil {
            fits[s].add(set[row], predicted: scores[start])
          } else {
            confusions[s].add(Int(set[row]), predicted: Self.largest(scores, start, outputs))
          }
        }
      }
    }
    self.real = real
    self.confusions = confusions
    self.fits = fits
  }

  private static func largest(_ scores: [Double], _ start: Int, _ count: Int) -> Int {
    var best = 0
    for c in 1..<max(count, 1) where scores[start + c] > scores[start + best] { best = c }
    return best
  }

  /// Makes probabilities of the real labels' scores, for curves of one class against the rest.
  mutating func normalize(classes: Int) {
    guard classes > 2 else { return }
    for start in stride(from: 0, to: real.count, by: classes) {
      let largest = real[start..<start + classes].max() ?? 0
      var sum = 0.0
      for c in start..<start + classes {
        real[c] = exp(real[c] - largest)
        sum += real[c]
      }
      for c in start..<start + classes { real[c] /= sum }
    }
  }

  /// Each set's score; the area under the curve only of the real labels.
  func scores(_ targets: ProbeTargets, _ plan: RowPlan) -> [ProbeScore] {
    guard let classes = targets.classes else { return fits.map(\.score) }
    let auc = meanAUC(
      scores: real, labels: targets.sets[0].map { Int($0) }, classes: classes, parts: plan.parts)
    return confusions.enumerated().map { $1.score(auc: $0 == 0 ? auc : .nan) }
  }

  /// The headline score of every bootstrap replicate, and the balanced accuracy of classes; empty for numbers.
  func replicates(
    _ bootstrap: ExampleBootstrap, _ plan: RowPlan, _ targets: ProbeTargets
  ) -> (headline: [Double], balanced: [Double]) {
    let count = bootstrap.replicates
    let labels = targets.sets[0]
    guard targets.classes != nil else {
      var fits = [ErrorSums](repeating: ErrorSums(), count: count)
      for row in 0..<plan.count {
        for (b, weight) in bootstrap.weights(of: Int(plan.examples[row])).enumerated()
        where weight > 0 {
          fits[b].add(labels[row], predicted: real[row], weight: Double(weight))
        }
      }
      return (fits.map(\.score.r2), [])
    }
    // Weights of all rows and of the right ones, `[class, replicate]`.
    var all = [Int32](repeating: 0, count: outputs * count)
    var right = all
    for row in 0..<plan.count {
      let label = Int(labels[row])
      let isRight = Self.largest(real, row * outputs, outputs) == label
      let start = label * count
      for (b, weight) in bootstrap.weights(of: Int(plan.examples[row])).enumerated() {
        all[start + b] &+= Int32(weight)
        if isRight { right[start + b] &+= Int32(weight) }
      }
    }
    var (accuracies, balanced) = ([Double](), [Double]())
    for b in 0..<count {
      let pairs = (0..<outputs).map { (Double(right[$0 * count + b]), Double(all[$0 * count + b])) }
      accuracies.append(pairs.reduce(0) { $0 + $1.0 } / pairs.reduce(0) { $0 + $1.1 })
      let present = pairs.filter { $0.1 > 0 }
      balanced.append(present.reduce(0) { $0 + $1.0 / $1.1 } / Double(present.count))
    }
    return (accuracies, balanced)
  }
}
