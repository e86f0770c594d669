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
  let rows: [Row]

  struct Row {
    let iteration: Int
    let values: [Double]
    let interval: ClosedRange<Double>?
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
    let intervals = findings.meanIntervals
    rows = findings.iterations.enumerated().map { index, iteration in
      Row(
        iteration: iteration, values: columns.map { $0[index] }, interval: intervals[index])
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
