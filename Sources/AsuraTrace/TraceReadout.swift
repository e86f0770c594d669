import AsuraTensor
import Foundation

/// What is read out of the latent at each iteration: loss, correctness and entropy of every
/// position, computed from the logits as they arrive.
struct TraceReadout: Sendable {
  private var group: IterationGroup
  private let site: TraceSite
  private let targets: [Int32]?
  private let keepsLogits: Bool
  private var lastProbabilities: (iteration: Int, values: [Double])?

  init(
    in run: H5Group, site: TraceSite, description: TraceDescription, type: H5Number, deflate: Int
  ) throws {
    let shape = site.shape
    if let targets = description.input.targets, targets.shape != Array(shape.prefix(2)) {
      throw TraceError(
        .misuse, "targets have the shape \(targets.shape), but logits the shape \(shape)")
    }
    self.site = site
    targets = description.input.targets?.elements
    keepsLogits = description.keepsLogits
    group = try IterationGroup(NXDataGroup(in: run, "readout", title: "Readout"))
    for axis in keepsLogits ? site.axes : Array(site.axes.prefix(2)) { try group.addAxis(axis) }
    let axes = site.axes.map(\.name)
    let places = Array(axes.prefix(2))
    _ = try group.addArray(
      "entropy", type, axes: places, unit: "nat", longName: "entropy of the readout")
    if targets != nil {
      _ = try group.addArray(
        "loss", type, axes: places, unit: "nat", longName: "cross-entropy with the target")
      _ = try group.addArray(
        "correct", .uint8, axes: places, longName: "whether the likeliest class is the target")
    }
    if keepsLogits {
      _ = try group.addArray("logits", type, axes: axes, longName: "logits", deflate: deflate)
    }
    let allAxes = ["iteration"] + places
    if targets == nil {
      try group.data.setSignal("entropy", axes: allAxes)
    } else {
      try group.data.setSignal("loss", axes: allAxes, auxiliary: ["entropy"])
    }
  }

  /// Takes the logits `[batch, position, class]` after `iteration` and stores them if `isKept`.
  /// - Returns: how far the class probabilities moved since the iteration before: half the sum of
  ///   absolute differences (total variation, 0…1), averaged over positions; NaN for the first.
  mutating func add<S: Scalar>(
    _ logits: Tensor<S>, iteration: Int, isKept: Bool
  ) throws -> Double {
    let (classes, places) = (logits.rowLength, logits.rowCount)
    var entropy = [Double](repeating: 0, count: places)
    var loss = [Double](repeating: .nan, count: places)
    var correct = [UInt8](repeating: 0, count: places)
    var probabilities = [Double](repeating: 0, count: logits.count)
    var change = 0.0
    let before = lastProbabilities.flatMap { $0.iteration == iteration - 1 ? $0.values : nil }
    logits.read { x in
      for place in 0..<places {
        let row = place * classes
        var likeliest = 0
        for c in 1..<max(1, classes) where x[row + c] > x[row + likeliest] { likeliest = c }
        let top = Double(x[row + likeliest])
        var sum = 0.0
        for c in 0..<classes {
          probabilities[row + c] = exp(Double(x[row + c]) - top)
          sum += probabilities[row + c]
        }
        let logSum = log(sum)
        for c in 0..<classes {
          probabilities[row + c] /= sum
          let p = probabilities[row + c]
          // A class of probability 0 adds nothing, though its logit may be −∞.
          if p != 0 { entropy[place] -= p * (Double(x[row + c]) - top - logSum) }
          if let before { change += abs(p - before[row + c]) }
        }
        if let targets, targets[place] >= 0, Int(targets[place]) < classes {
          let target = Int(targets[place])
          loss[place] = logSum + top - Double(x[row + target])
          correct[place] = likeliest == target && !sum.isNaN ? 1 : 0
        }
      }
    }
    lastProbabilities = (iteration, probabilities)
    if isKept {
      let shape = Array(site.shape.prefix(2))
      try group.write(entropy, as: .float64, shape: shape, array: 0, iteration: iteration)
      if targets != nil {
        try group.write(loss, as: .float64, shape: shape, array: 1, iteration: iteration)
        try group.write(correct, as: .uint8, shape: shape, array: 2, iteration: iteration)
      }
      if keepsLogits {
        try logits.read {
          try group.write(
            $0, as: H5Number(S.self), shape: site.shape, array: group.arrays.count - 1,
            iteration: iteration)
        }
      }
    }
    return before == nil ? .nan : change / 2 / Double(places)
  }

  mutating func cut(after last: Int?) throws { try group.cut(after: last) }
}
