import Asura
import AsuraCommandLine
import AsuraProbe

/// Estimated effects as the command prints them: the agreement with exact patches and the strongest, or JSON.
struct AttributionReport: Encodable {
  struct Effect: Encodable {
    let name: String
    let iteration: Int
    let head: Int?
    let position: Int?
    let estimate: Double
    /// Nil where the patch was not run.
    let exact: Double?
    let sampled: Bool
  }
  struct Fit: Encodable {
    let patches: Int
    let correlation: Double
    let rankCorrelation: Double
    let meanError: Double
    let largestError: Double

    init(_ agreement: Agreement) {
      patches = agreement.count
      correlation = agreement.correlation
      rankCorrelation = agreement.rankCorrelation
      meanError = agreement.meanError
      largestError = agreement.largestError
    }
  }
  let model: String
  let direction: String
  let metric: String
  let method: String
  let steps: Int
  let pairs: Int
  let pairsWithoutDifference: Int
  let sample: Fit
  let strongest: Fit
  let effects: [Effect]
  let files: [String]
  private let order: [Int]

  private enum CodingKeys: String, CodingKey {
    case model, direction, metric, method, steps, pairs, pairsWithoutDifference, sample, strongest
    case effects, files
  }

  init(_ study: AttributionStudy, subject: String, files: [String]) {
    model = subject
    direction = study.direction.rawValue
    metric = study.metric.rawValue
    switch study.method {
    case .gradient: (method, steps) = ("gradient", 0)
    case .integratedGradients(let count): (method, steps) = ("integrated gradients", count)
    }
    pairs = study.estimates.baselines.count
    pairsWithoutDifference = study.excluded
    sample = Fit(study.agreement)
    strongest = Fit(study.agreementOfStrongest)
    let drawn = Set(study.sample)
    effects = study.sweep.entries.enumerated().map { index, entry in
      let exact = study.exact[index].value
      return Effect(
        name: entry.name, iteration: entry.iteration, head: entry.head, position: entry.position,
        estimate: study.estimated[index].value, exact: exact.isFinite ? exact : nil,
        sampled: drawn.contains(index))
    }
    order = study.strongest
    self.files = files
  }

  func show() {
    print(
      "\(model): \(effects.count) patches of \(metric), \(direction), estimated from "
        + "\(steps > 0 ? "integrated gradients of \(steps) steps" : "the gradient") over \(pairs) pairs"
    )
    if pairsWithoutDifference > 0 {
      print("\(pairsWithoutDifference) pairs were left out: their two answers do not differ.")
    }
    print()
    print(agreement)
    print()
    guard !order.isEmpty else {
      print("No pair's two runs differ in \(metric): there is nothing to measure effects by.")
      return print("Wrote \(files.joined(separator: ", ")).")
    }
    print(table)
    print()
    print("Wrote \(files.joined(separator: ", ")).")
  }

  private var agreement: TextTable {
    var table = TextTable([
      ("against exact patches", .left), ("patches", .right), ("correlation", .right),
      ("of ranks", .right), ("mean error", .right), ("largest", .right),
    ])
    for (name, fit) in [("random sample", sample), ("strongest estimates", strongest)] {
      table.append([
        name, "\(fit.patches)", effectText(fit.correlation), effectText(fit.rankCorrelation),
        significant(fit.meanError, 2), significant(fit.largestError, 2),
      ])
    }
    return table
  }

  private var table: TextTable {
    let (hasHeads, hasPositions) = (
      effects.contains { $0.head != nil }, effects.contains { $0.position != nil }
    )
    var table = TextTable(
      [("site", .left), ("t", .right)] + (hasHeads ? [("head", .right)] : [])
        + (hasPositions ? [("position", .right)] : [])
        + [("estimate", .right), ("exact", .right)])
    for index in order {
      let effect = effects[index]
      var cells = [effect.name, "\(effect.iteration)"]
      if hasHeads { cells.append(effect.head.map(String.init) ?? "all") }
      if hasPositions { cells.append(effect.position.map(String.init) ?? "all") }
      table.append(cells + [effectText(effect.estimate), effectText(effect.exact ?? .nan)])
    }
    return table
  }
}
