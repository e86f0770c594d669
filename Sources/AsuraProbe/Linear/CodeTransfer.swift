public import AsuraTensor
internal import Foundation

/// Whether a probe fitted at one iteration reads the fact at others: a stable code, or one that moves.
public struct CodeTransfer: Sendable {
  /// The balanced accuracy (R² of numbers), `[fitted at, tested at, position]`, of held-out examples; NaN where there is
  /// no probe.
  public let scores: Tensor<Double>

  /// The mean over positions, `[fitted at][tested at]`.
  public var mean: [[Double]] {
    let (count, positions) = (scores.shape[0], scores.shape[2])
    return (0..<count).map { t in
      (0..<count).map { u in
        let values = (0..<positions).map { scores[[t, u, $0]] }.filter { !$0.isNaN }
        return values.isEmpty ? .nan : values.reduce(0, +) / Double(values.count)
      }
    }
  }
}

extension LinearStudy {
  /// Tests the probes of all iterations at each; nil once cancelled.
  func transfer(
    _ iterations: [Int], _ solutions: [[LinearProblem.Solution?]], progress: (Int) -> Void
  ) throws -> CodeTransfer? {
    let (count, places) = (iterations.count, problems.count)
    // By problem and fold, the probes of all iterations one after the other.
    let maps = problems.indices.map { number -> [LinearMap]? in
      let folds = solutions.compactMap { $0[number]?.foldMaps }
      guard folds.count == count, let first = folds.first else { return nil }
      return first.indices.map { fold in .concatenating(folds.map { $0[fold] }) }
    }
    var scores = [Double](repeating: .nan, count: count * count * places)
    for (u, iteration) in iterations.enumerated() {
      let found = try each([iteration]) { rows, _ -> [Double]? in
        guard let number = problems.firstIndex(where: { $0?.positions == rows.plan.positions }),
          let maps = maps[number]
        else { return nil }
        let targets = ProbeTargets(rows.plan, labels, control: nil, shuffles: [])
        return try Self.scores(rows, targets, maps, iterations: count)
      }
      guard let found else { return nil }
      for (number, column) in found[0].enumerated() {
        guard let column = column.flatMap({ $0 }) else { continue }
        for t in 0..<count { scores[(t * count + u) * places + number] = column[t] }
      }
      progress(iteration)
    }
    return CodeTransfer(scores: Tensor([count, count, places], scores))
  }

  /// The score of each iteration's probes on some rows.
  private static func scores(
    _ rows: any ProbeRows, _ targets: ProbeTargets, _ maps: [LinearMap], iterations: Int
  ) throws -> [Double] {
    let outputs = targets.outputs
    let columns = outputs * iterations
    var confusions = (0..<iterations).map { _ in Confusion(classes: outputs) }
    var fits = (0..<iterations).map { _ in ErrorSums() }
    var scores = [Double](repeating: 0, count: blockRows * columns)
    try rows.forEachBlock(of: maps.map { _ in true }) { block in
      scores.withUnsafeMutableBufferPointer {
        if let out = $0.baseAddress {
          maps[block.part].scores(block.x, rows: block.rows.count, into: out)
        }
      }
      for (i, row) in block.rows.enumerated() {
        let label = targets.sets[0][row]
        for t in 0..<iterations {
          let start = i * columns + t * outputs
          guard targets.classes != nil else {
            fits[t].add(label, predicted: scores[start])
            continue
          }
          var best = 0
          for c in 1..<outputs where scores[start + c] > scores[start + best] { best = c }
          confusions[t].add(Int(label), predicted: best)
        }
      }
    }
    return targets.classes == nil
      ? fits.map(\.score.r2) : confusions.map { $0.score().balancedAccuracy }
  }
}
