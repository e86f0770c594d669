import Asura
import AsuraCommandLine
import Foundation

extension LinearReport {
  /// More iterations than this are thinned out.
  private static let mostRows = 26
  /// More positions than this are thinned out.
  private static let mostPositions = 24

  /// Prints the tables and the reading.
  func show() {
    let what = classes.map { "classes \($0.joined(separator: ", "))" } ?? "a number"
    print("\(trace): \(fact) (\(what)) in \(site), by \(estimator)")
    if traceStatus != "complete" { print("The trace is \(traceStatus): it ends early.") }
    print()
    print(scoreTable)
    if positions.count > 1 {
      print(
        "\n\(classes == nil ? "R²" : "balanced accuracy"), in percent, by iteration and position")
      print(mapTable)
    }
    if !effects.isEmpty { print("\n\(effectTable)") }
    print()
    for note in notes where !note.hasPrefix("warning: ") { print(note) }
    for sentence in reading { print(sentence) }
    print("Wrote \(files.joined(separator: ", ")).")
  }

  /// Some of `count` things, the first and last among them.
  private func thinned(_ count: Int, to most: Int) -> [Int] {
    guard count > most else { return Array(0..<count) }
    return (0..<most).map { $0 * (count - 1) / (most - 1) }
  }

  private var scoreTable: TextTable {
    let isClass = classes != nil
    let names =
      isClass
      ? ["accuracy", "balanced", "AUC", "commonest", "shuffled", "selectivity", "code"]
      : ["R²", "shuffled", "selectivity"]
    var table = TextTable(
      [("t", .right), (names[0], .right), ("95% interval", .right)]
        + names.dropFirst().map { ($0, .right) })
    for index in thinned(rows.count, to: Self.mostRows) {
      let row = rows[index]
      var cells = ["\(row.iteration)"]
      for (place, value) in row.values.enumerated() {
        cells.append(text(value, names[place]))
        if place == 0 {
          cells.append(
            row.interval.map {
              "\(text($0.lowerBound, names[0]))…\(text($0.upperBound, names[0]))"
            } ?? "–")
        }
      }
      table.append(cells)
    }
    return table
  }

  private func text(_ value: Double, _ column: String) -> String {
    guard value.isFinite else { return "–" }
    let text =
      switch column {
      case "AUC", "R²": String(format: "%.3f", value)
      case "code": String(format: "%.2f×", value)
      case "shuffled" where classes == nil: String(format: "%.3f", value)
      case "selectivity":
        classes == nil ? String(format: "%+.3f", value) : String(format: "%+.1f", 100 * value)
      default: String(format: "%.1f%%", 100 * value)
      }
    return text.replacing("-", with: "−")
  }

  private var mapTable: TextTable {
    let places = thinned(positions.count, to: Self.mostPositions)
    var known: [Int: [Int: Double]] = [:]
    for cell in cells {
      known[cell.iteration, default: [:]][cell.position ?? ProbeWeights.pooled] =
        cell.score.balancedAccuracy ?? cell.score.r2
    }
    var table = TextTable([("t", .right)] + places.map { ("\(positions[$0])", .right) })
    for index in thinned(iterations.count, to: Self.mostRows) {
      let row = known[iterations[index]] ?? [:]
      table.append(
        ["\(iterations[index])"]
          + places.map { place in
            row[positions[place]].map {
              String(format: "%.0f", 100 * $0).replacing("-", with: "−")
            } ?? "–"
          })
    }
    return table
  }

  private var effectTable: TextTable {
    var table = TextTable([
      ("change", .left), ("at t", .left), ("size", .right), ("changed positions right", .right),
      ("all positions", .right), ("whole answers", .right), ("answers moved", .right),
    ])
    func share(_ value: Double) -> String {
      value.isNaN ? "–" : String(format: "%.1f%%", 100 * value)
    }
    func cells(_ answers: [Answers]) -> [String] {
      let shares: [(Answers) -> Double] = [\.atChanged, \.symbols, \.exact, \.changed]
      return shares.map { value in
        share(
          answers.isEmpty
            ? .nan : answers.reduce(0) { $0 + value($1) } / Double(answers.count))
      }
    }
    for effect in effects {
      let at = IterationRange.spelled(effect.at)
      if effect.change == effects.first?.change {
        table.append(["none", "", ""] + cells([effect.original]))
      }
      table.append([effect.change, at, share(effect.relativeSize)] + cells([effect.edited]))
      if !effect.random.isEmpty {
        table.append(
          ["random ×\(effect.random.count)", at, share(effect.relativeSize)]
            + cells(effect.random))
      }
    }
    return table
  }
}
