import Asura
import AsuraCommandLine
import Foundation

/// Lyapunov exponents, as the command prints them.
struct LyapunovSection: Encodable {
  struct One: Encodable {
    let example: Int
    /// After all iterations.
    let exponents: [Double]
    /// The largest change over the last half of the iterations.
    let drift: Double?
    let lastStep: Double?
    let isRight: Bool?
  }
  struct Area: Encodable {
    let area: Double
    let low: Double
    let high: Double
    let wrong: Int
    let right: Int
  }
  let iterations: [Int]
  let examples: [One]
  /// The running exponents `[iteration][example][index]`.
  let running: [[[Double]]]
  let wrongByExponent: Area?
  let wrongByLastStep: Area?
  let separation: String

  init(_ growth: TrajectoryGrowth) {
    let exponents = growth.exponents
    iterations = exponents.iterations
    examples = growth.examples.enumerated().map { row, example in
      let (drift, step) = (exponents.drift(row), growth.lastSteps[row])
      return One(
        example: example, exponents: exponents.final(row), drift: drift.isNaN ? nil : drift,
        lastStep: step.isNaN ? nil : step, isRight: growth.isRight[row])
    }
    running = iterations.indices.map { t in
      growth.examples.indices.map { exponents.running[t][$0].elements }
    }
    func area(_ separation: Separation?) -> Area? {
      separation.map {
        Area(
          area: $0.area, low: $0.interval.lowerBound, high: $0.interval.upperBound,
          wrong: $0.counts.first, right: $0.counts.second)
      }
    }
    (wrongByExponent, wrongByLastStep) = (area(growth.byExponent), area(growth.byLastStep))
    separation = Self.sentence(growth, wrongByExponent, wrongByLastStep)
  }

  private static func sentence(
    _ growth: TrajectoryGrowth, _ exponent: Area?, _ step: Area?
  ) -> String {
    let (right, wrong) = (growth.rightCount, growth.wrongCount)
    guard right + wrong > 0 else {
      return "The trace has no targets, so right and wrong answers cannot be told apart."
    }
    guard right > 0, wrong > 0 else {
      return "All \(right + wrong) answers are \(wrong == 0 ? "right" : "wrong"): "
        + "there is nothing to tell apart."
    }
    func words(_ name: String, _ area: Area?) -> String {
      area.map {
        "\(name) \(String(format: "%.2f", $0.area)) "
          + "(95%: \(String(format: "%.2f…%.2f", $0.low, $0.high)))"
      } ?? "\(name) unknown"
    }
    return "Wrong answers (\(wrong)) against right ones (\(right)), chance that the wrong one's is "
      + "larger (AUC): \(words("leading exponent", exponent)), \(words("last step", step))."
  }

  func show() {
    guard let first = iterations.first, let last = iterations.last else { return }
    print(
      "\nLyapunov exponents over the iterations \(first + 1) to \(last + 1), nat an iteration\n")
    let shown = min(5, examples.first?.exponents.count ?? 0)
    var columns: [Column] = [("example", .right)]
    for index in 0..<shown { columns.append(("λ\(index + 1)", .right)) }
    columns += [("drift", .right), ("last step", .right), ("answer", .left)]
    var table = TextTable(columns)
    for one in examples {
      var cells = ["\(one.example)"] + one.exponents.prefix(shown).map(decimal)
      cells.append(one.drift.map { significant($0, 2) } ?? "–")
      cells.append(one.lastStep.map { significant($0, 2) } ?? "–")
      cells.append(one.isRight.map { $0 ? "right" : "wrong" } ?? "–")
      table.append(cells)
    }
    print(table)
    print("\n\(separation)")
    let moving = examples.count { ($0.drift ?? 0) > 0.05 }
    if moving > 0 {
      print(
        "The exponents of \(moving) of \(examples.count) still moved by more than 0.05 over the last "
          + "half: they are of these iterations, not of a limit.")
    }
  }
}

/// Sensitivity to the input, as the command prints it.
struct SensitivitySection: Encodable {
  struct One: Encodable {
    let iteration: Int
    let latentReach: [Int]
    let logitsReach: [Int]
    let largestLatentNorm: Double
    let largestLogitNorm: Double
  }
  let example: Int
  let directions: Int
  let isExact: Bool
  let threshold = InputSensitivity.Influence.threshold
  let iterations: [One]
  /// The norms after the last iteration `[output position][input position]`.
  let latent: [[Double]]
  let logits: [[Double]]

  init(_ sensitivity: InputSensitivity) {
    example = sensitivity.example
    (directions, isExact) = (sensitivity.directions, sensitivity.isExact)
    let (latentReach, logitsReach) = (sensitivity.latent.reach(), sensitivity.logits.reach())
    let (latentNorms, logitNorms) = (sensitivity.latent.norms, sensitivity.logits.norms)
    iterations = sensitivity.iterations.enumerated().map { row, t in
      One(
        iteration: t, latentReach: latentReach[row], logitsReach: logitsReach[row],
        largestLatentNorm: latentNorms[row].elements.max() ?? .nan,
        largestLogitNorm: logitNorms[row].elements.max() ?? .nan)
    }
    (latent, logits) = (sensitivity.latent.last, sensitivity.logits.last)
  }

  func show() {
    print("\nInfluence of the input, example \(example)\n")
    var table = TextTable([
      ("t", .right), ("reach in z: mean", .right), ("farthest", .right),
      ("in logits: mean", .right), ("farthest", .right), ("‖∂z/∂e‖", .right),
      ("‖∂logits/∂e‖", .right),
    ])
    for one in Self.thinned(iterations) {
      table.append([
        "\(one.iteration)", mean(one.latentReach), "\(max(0, one.latentReach.max() ?? 0))",
        mean(one.logitsReach), "\(max(0, one.logitsReach.max() ?? 0))",
        significant(one.largestLatentNorm, 3), significant(one.largestLogitNorm, 3),
      ])
    }
    print(table)
    print(
      "\nReach is how many positions away a position's input still counts for at least "
        + "\(Int(100 * threshold))% of that iteration's largest norm.")
    if !isExact {
      print(
        "The norms are estimates from \(directions) random directions of each position, "
          + "each right to about \(Int((100 / (2 * Double(directions)).squareRoot()).rounded()))%.")
    }
  }

  /// All rows of a short run, some twenty of a long one, its ends among them.
  private static func thinned(_ rows: [One]) -> [One] {
    let step = max(1, (rows.count + 19) / 20)
    return rows.enumerated().filter {
      $0.offset % step == 0 || $0.offset == rows.count - 1
    }.map(\.element)
  }

  private func mean(_ reach: [Int]) -> String {
    let values = reach.map { Double(max(0, $0)) }
    return String(format: "%.1f", values.reduce(0, +) / Double(max(1, values.count)))
  }
}

extension InputSensitivity.Influence {
  /// The norms after the last iteration `[output position][input position]`.
  var last: [[Double]] {
    let (times, n) = (norms.shape[0], norms.shape[1])
    guard times > 0 else { return [] }
    return (0..<n).map { norms[times - 1][$0].elements }
  }
}
