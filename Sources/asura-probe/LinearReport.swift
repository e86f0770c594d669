import Asura
import AsuraCommandLine
import Foundation

/// Linear probes as the command prints them: a table with a reading, or JSON.
struct LinearReport: Encodable {
  struct Score: Encodable {
    let accuracy: Double?
    let balancedAccuracy: Double?
    let auc: Double?
    let r2: Double?

    init(_ score: ProbeScore) {
      func known(_ value: Double) -> Double? { value.isNaN ? nil : value }
      accuracy = known(score.accuracy)
      balancedAccuracy = known(score.balancedAccuracy)
      auc = known(score.auc)
      r2 = known(score.r2)
    }
  }
  struct Cell: Encodable {
    let iteration: Int
    /// Nil for all positions together.
    let position: Int?
    let examples: Int
    let rows: Int
    let classCounts: [Int]
    let score: Score
    let interval: [Double]?
    let balancedInterval: [Double]?
    let baseline: Double
    let penalty: Double?
    let nullMean: Double?
    let nullHighest: Double?
    let pValue: Double?
    let control: Score?
    let selectivity: Double?
    let descriptionBits: Double?
    let uniformBits: Double?
    let shareBits: Double?
    let compression: Double?
    let isConverged: Bool
  }
  struct Answers: Encodable {
    let exact: Double
    let symbols: Double
    let atChanged: Double
    let changed: Double
    let byClass: [Double]

    init(_ answers: CausalEffect.Answers) {
      (exact, symbols) = (answers.exact, answers.symbols)
      (atChanged, changed) = (answers.atChanged, answers.changed)
      byClass = answers.byClass
    }
  }
  struct Effect: Encodable {
    let change: String
    let at: [Int]
    let positions: [Int]
    let relativeSize: Double
    let original: Answers
    let edited: Answers
    let random: [Answers]
  }
  struct Since: Encodable {
    let position: Int?
    let iteration: Int?
  }
  let trace: String
  let traceStatus: String
  let site: String
  let fact: String
  let classes: [String]?
  let estimator: String
  let folds: Int
  let seed: UInt64
  let iterations: [Int]
  let positions: [Int]
  let isComplete: Bool
  let cells: [Cell]
  let since: [Since]
  /// The mean over positions, `[fitted at][tested at]`.
  let transfer: [[Double]]?
  let effects: [Effect]
  let notes: [String]
  let reading: [String]
  let files: [String]
  /// Means over positions, for the table.
  private let rows: [Row]

  struct Row {
    let iteration: Int
    let values: [Double]
    let interval: (Double, Double)
  }

  private enum CodingKeys: String, CodingKey {
    case trace, traceStatus, site, fact, classes, estimator, folds, seed, iterations, positions
    case isComplete, cells, since, transfer, effects, notes, reading, files
  }

  init(
    _ findings: LinearFindings, trace: String, reader: TraceReader, files: [String],
    _ isComplete: Bool
  ) {
    self.trace = trace
    self.files = files
    self.isComplete = isComplete
    traceStatus = reader.status.rawValue
    (site, fact, classes) = (findings.site, findings.fact, findings.classes)
    estimator = findings.probe.estimator.rawValue
    (folds, seed) = (findings.probe.folds, findings.probe.seed)
    (iterations, positions) = (findings.iterations, findings.positions)
    transfer = findings.transfer?.mean
    notes = findings.notes
    reading = findings.reading
    cells = zip(findings.iterations, findings.cells).flatMap { iteration, row in
      zip(findings.positions, row).compactMap { position, cell in
        cell.map { Cell($0, iteration, position) }
      }
    }
    since = findings.positions.indices.map { place in
      Since(
        position: findings.positions[place] == ProbeWeights.pooled
          ? nil : findings.positions[place], iteration: findings.since(position: place))
    }
    effects = findings.effects.map { effect in
      Effect(
        change: effect.change.name, at: effect.at, positions: effect.positions,
        relativeSize: effect.relativeSize, original: Answers(effect.original),
        edited: Answers(effect.edited), random: effect.random.map(Answers.init))
    }
    let isClass = findings.classes != nil
    let columns: [[Double]] =
      isClass
      ? [
        findings.mean { $0.score.accuracy }, findings.mean { $0.score.balancedAccuracy },
        findings.mean { $0.score.auc }, findings.mean { $0.baseline },
        findings.mean { $0.null?.mean }, findings.mean { $0.selectivity },
        findings.mean { $0.code?.compression },
      ]
      : [
        findings.mean { $0.score.r2 }, findings.mean { $0.null?.mean },
        findings.mean { $0.selectivity },
      ]
    let ends = (
      findings.mean { $0.interval?.lowerBound }, findings.mean { $0.interval?.upperBound }
    )
    rows = findings.iterations.enumerated().map { index, iteration in
      Row(
        iteration: iteration, values: columns.map { $0[index] },
        interval: (ends.0[index], ends.1[index]))
    }
  }
}

extension LinearReport.Cell {
  init(_ cell: ProbeCell, _ iteration: Int, _ position: Int) {
    self.iteration = iteration
    self.position = position == ProbeWeights.pooled ? nil : position
    (examples, rows, classCounts) = (cell.examples, cell.rows, cell.classCounts)
    score = LinearReport.Score(cell.score)
    interval = cell.interval.map { [$0.lowerBound, $0.upperBound] }
    balancedInterval = cell.balancedInterval.map { [$0.lowerBound, $0.upperBound] }
    baseline = cell.baseline
    penalty = cell.penalty.isNaN ? nil : cell.penalty
    nullMean = cell.null?.mean
    nullHighest = cell.null?.highest
    pValue = cell.null.map { $0.pValue(cell.score) }
    control = cell.control.map(LinearReport.Score.init)
    selectivity = cell.selectivity
    descriptionBits = cell.code?.bits
    uniformBits = cell.code?.uniformBits
    shareBits = cell.code?.shareBits
    compression = cell.code?.compression
    isConverged = cell.isConverged
  }
}

// MARK: - As text

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
            row.interval.0.isNaN
              ? "–" : "\(text(row.interval.0, names[0]))…\(text(row.interval.1, names[0]))")
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
