import Asura
import AsuraCommandLine
import AsuraProbe

/// A circuit as the command prints it: its numbers and units, or JSON.
struct CircuitReport: Encodable {
  struct Unit: Encodable {
    let name: String
    let iteration: Int
    let head: Int?
    let position: Int?
    let score: Double
    let loss: Double
  }
  let model: String
  let direction: String
  let metric: String
  let pairs: Int
  let keep: Double
  let unitsInAll: Int
  let fullEffect: Double
  let units: [Unit]
  let faithfulness: Double
  let completeness: Double
  let smallestLoss: Double
  let largestLoss: Double
  let randomMean: Double
  let randomDeviation: Double
  let randomSets: Int
  let setsTried: Int
  let complete: Bool
  let files: [String]
  private let interval: String

  private enum CodingKeys: String, CodingKey {
    case model, direction, metric, pairs, keep, unitsInAll, fullEffect, units, faithfulness
    case completeness, smallestLoss, largestLoss, randomMean, randomDeviation, randomSets, setsTried
    case complete, files
  }

  init(_ circuit: Circuit, subject: String, files: [String]) {
    model = subject
    direction = circuit.direction.rawValue
    metric = circuit.metric.rawValue
    pairs = circuit.pairs
    keep = circuit.keep
    unitsInAll = circuit.sweep.entries.count
    fullEffect = circuit.fullEffect
    units = circuit.units.map { unit in
      let entry = circuit.sweep.entries[unit]
      return Unit(
        name: entry.name, iteration: entry.iteration, head: entry.head, position: entry.position,
        score: circuit.scores[unit], loss: circuit.loss(unit))
    }
    faithfulness = circuit.faithfulness
    completeness = circuit.completeness
    smallestLoss = circuit.losses.min() ?? .nan
    largestLoss = circuit.losses.max() ?? .nan
    randomMean = circuit.randomMean
    randomDeviation = circuit.randomDeviation
    randomSets = circuit.randomShares.count
    setsTried = circuit.evaluations
    complete = circuit.isComplete
    self.files = files
    let effect = circuit.effect
    interval =
      effect.low.isFinite
      ? " (95% interval \(effectText(effect.low / fullEffect)) … \(effectText(effect.high / fullEffect)))"
      : ""
  }

  func show() {
    print(
      "\(model): \(units.count) of \(unitsInAll) units keep \(significant(100 * faithfulness, 3))% of what all "
        + "do to \(metric), \(direction), over \(pairs) pairs")
    print("All units patched at once have an effect of \(effectText(fullEffect)).")
    print()
    print("  faithfulness  \(effectText(faithfulness))  the circuit by itself\(interval)")
    print("  completeness  \(effectText(completeness))  all other units without it")
    print(
      "  minimality    \(effectText(smallestLoss)) … \(effectText(largestLoss))  lost when one unit is left out"
    )
    if randomSets > 0 {
      print(
        "  random sets   \(effectText(randomMean)) ± \(effectText(randomDeviation))  of equal size, \(randomSets) of them"
      )
    }
    print()
    print(table)
    if units.count > Self.mostShown {
      print("… and \(units.count - Self.mostShown) more, in the companion file and --csv.")
    }
    print()
    print("\(setsTried) sets were tried. Wrote \(files.joined(separator: ", ")).")
  }

  private static let mostShown = 24

  private var table: TextTable {
    let (hasHeads, hasPositions) = (
      units.contains { $0.head != nil }, units.contains { $0.position != nil }
    )
    var table = TextTable(
      [("site", .left), ("t", .right)] + (hasHeads ? [("head", .right)] : [])
        + (hasPositions ? [("position", .right)] : [])
        + [("by itself", .right), ("lost without it", .right)])
    let order = units.indices.sorted { (-abs(loss($0)), $0) < (-abs(loss($1)), $1) }
    for index in order.prefix(Self.mostShown) {
      let unit = units[index]
      var cells = [unit.name, "\(unit.iteration)"]
      if hasHeads { cells.append(unit.head.map(String.init) ?? "all") }
      if hasPositions { cells.append(unit.position.map(String.init) ?? "all") }
      table.append(cells + [effectText(unit.score), effectText(unit.loss)])
    }
    return table
  }

  private func loss(_ index: Int) -> Double { units[index].loss.isFinite ? units[index].loss : 0 }
}
