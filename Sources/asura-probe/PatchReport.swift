import Asura
import AsuraCommandLine
import AsuraModel
import AsuraProbe
import Foundation

/// A patching study as the command prints it: the strongest patches and what was left out, or JSON.
struct PatchReport: Encodable {
  struct Effect: Encodable {
    let name: String
    let iteration: Int
    let head: Int?
    let position: Int?
    let effect: Double
    let low: Double
    let high: Double
    let raw: Double
    let pairs: Int
    let masked: Int
  }
  struct Pair: Encodable {
    let pair: Int
    let name: String
    let base: [String: Double]
    let source: [String: Double]
  }
  let model: String
  let direction: String
  let held: Bool
  let metric: String
  let average: String
  let iterations: Int
  let pairs: [Pair]
  let pairsWithoutDifference: Int
  let effects: [Effect]
  let runs: Int
  let runsInAll: Int
  let runsRejoined: Int
  let iterationsMade: Int
  let iterationsInFull: Int
  let smallestDifference: Double
  let files: [String]
  private let order: [Int]
  private let sites: [String]
  /// What was done there, such as `replaced by clean values`.
  private let what: String

  private enum CodingKeys: String, CodingKey {
    case model, direction, held, metric, average, iterations, pairs, pairsWithoutDifference, effects
    case runs, runsInAll, runsRejoined, iterationsMade, iterationsInFull, smallestDifference, files
  }

  init(
    _ study: PatchStudy, _ metric: PatchMetric, subject: String, pairs: ContrastPairs,
    numbers: [Int], what: String, files: [String]
  ) {
    self.what = what
    model = subject
    direction = study.direction.rawValue
    held = study.sweep.isHeld
    self.metric = metric.rawValue
    average = study.result.average.rawValue
    iterations = study.iterations
    func values(_ values: PatchValues) -> [String: Double] {
      Dictionary(uniqueKeysWithValues: PatchMetric.allCases.map { ($0.rawValue, values[$0]) })
    }
    self.pairs = zip(numbers, study.result.baselines).map { number, baseline in
      Pair(
        pair: number, name: pairs.names.indices.contains(number) ? pairs.names[number] : "",
        base: values(baseline.base), source: values(baseline.source))
    }
    pairsWithoutDifference = study.excluded
    effects = zip(study.sweep.entries, study.effects[metric] ?? []).map { entry, effect in
      Effect(
        name: entry.name, iteration: entry.iteration, head: entry.head, position: entry.position,
        effect: effect.value, low: effect.low, high: effect.high, raw: effect.raw,
        pairs: effect.pairs, masked: effect.masked)
    }
    runs = study.result.done
    runsInAll = study.result.total
    runsRejoined = study.result.rejoined
    iterationsMade = study.result.iterationsMade
    iterationsInFull = study.iterationsInFull
    smallestDifference = study.result.smallestDifference
    self.files = files
    order = study.strongest(metric, 12)
    sites = study.sweep.tables.map(\.name)
  }

  /// Prints the strongest patches, and what a reader must know of the rest.
  func show() {
    let shown = sites.prefix(6).joined(separator: ", ") + (sites.count > 6 ? ", …" : "")
    print(
      "\(model): \(shown) \(what) in \(direction == "noise" ? "clean" : "corrupted") runs"
        + (held ? ", held to the last iteration" : ""))
    print(baseline("clean"))
    print(baseline("corrupted"))
    if pairsWithoutDifference > 0 {
      print("\(pairsWithoutDifference) pairs were left out: their two answers do not differ.")
    }
    print()
    guard !order.isEmpty else {
      print(
        "No pair's two runs differ by \(significant(smallestDifference)) or more in \(metric): there is nothing to measure effects by."
      )
      return print("Wrote \(files.joined(separator: ", ")).")
    }
    print(table)
    print(
      "An effect is \(average == PatchResult.Average.meanOfRatios.rawValue ? "the mean of ratios" : "the ratio of means") over the pairs."
    )
    if let masked = effects.map(\.masked).max(), masked > 0 {
      print(
        "\(masked) of \(pairs.count) pairs do not count: their runs differ by less than \(significant(smallestDifference)) in \(metric)."
      )
    }
    print()
    let saved = iterationsInFull > 0 ? 1 - Double(iterationsMade) / Double(iterationsInFull) : 0
    print(
      "\(runs) runs of \(effects.count) patches; \(runsRejoined) rejoined the unpatched run to the bit. Starting late and ending early "
        + "saved \(significant(100 * saved, 2))% of the iterations.")
    print("Wrote \(files.joined(separator: ", ")).")
  }

  private func baseline(_ which: String) -> String {
    let isBase = (which == "clean") == (direction == "noise")
    let all = pairs.map { isBase ? $0.base : $0.source }
    func mean(_ name: String) -> Double {
      all.reduce(0) { $0 + ($1[name] ?? 0) } / Double(max(1, all.count))
    }
    let right = all.count { $0["exact-match"] == 1 }
    return
      "  \(which.padding(toLength: 9, withPad: " ", startingAt: 0)) \(metric) "
      + "\(significant(mean(metric))), clean answer given in \(right) of \(pairs.count) pairs"
  }

  private var table: TextTable {
    let (hasHeads, hasPositions) = (
      effects.contains { $0.head != nil }, effects.contains { $0.position != nil }
    )
    var table = TextTable(
      [("site", .left), ("t", .right)] + (hasHeads ? [("head", .right)] : [])
        + (hasPositions ? [("position", .right)] : [])
        + [("effect", .right), ("95% interval", .right), (metric, .right)])
    for index in order {
      let effect = effects[index]
      var cells = [effect.name, "\(effect.iteration)"]
      if hasHeads { cells.append(effect.head.map(String.init) ?? "all") }
      if hasPositions { cells.append(effect.position.map(String.init) ?? "all") }
      cells += [
        number(effect.effect),
        effect.low.isFinite ? "\(number(effect.low)) … \(number(effect.high))" : "–",
        significant(effect.raw),
      ]
      table.append(cells)
    }
    return table
  }

  private func number(_ value: Double) -> String {
    let text = String(format: "%.3f", value)
    return text == "-0.000" ? "0.000" : text
  }
}
