import Asura
import AsuraCommandLine
import Foundation

/// What was found of a run's fixed points as the command prints it: tables with a reading, or JSON.
struct FixedPointReport: Encodable {
  struct Verdict: Encodable {
    let example: Int
    let verdict: String
    let period: Int?
    let since: Int?
    let step: Double
    let relativeStep: Double
    let norm: Double
    let growth: Double
    let answerSince: Int?
    let rate: Double?
    let rateError: Double?
    let restRate: Double?
    let restRateError: Double?
    let spectralRadius: Double?
    let restRadius: Double?
    let rateAgrees: Bool?
  }
  struct Search: Encodable {
    let start: String
    let end: String
    let point: Int?
    let q: Double
    let relativeResidual: Double
    let iterations: Int
    let maps: Int
    let jvps: Int
    let vjps: Int
  }
  struct Point: Encodable {
    let q: Double
    let relativeResidual: Double
    let end: String
    let starts: Int
    let spectralRadius: Double?
    let unstableModes: Int?
    let isStable: Bool?
    let distance: Double
    let relativeDistance: Double
    let relativeNorm: Double
    let isFar: Bool
  }
  struct Push: Encodable {
    let size: Double
    let growth: Double
    let returned: Int?
    let finalDistance: Double
    let answersChanged: Double?
  }
  struct Example: Encodable {
    let example: Int
    let last: Int
    let spectralRadius: Double
    let mismatch: Double?
    let rests: Bool?
    let points: [Point]
    let searches: [Search]
    let alignment: Double?
    let worstAlignment: Double?
    let samePathShare: Double?
    let pushedAt: Int?
    let pushes: [Push]
    /// `[inside, outside]` of each direction, the second absent where no border was found.
    let basin: [[Double]]
  }
  struct LongRun: Encodable {
    let trained: Int
    let iterations: [Int]
    let exactMatch: [Double]
    let perSymbol: [Double]
    let confidence: [Double]
    let answerChanges: [Int]
    let slope: Double?
    let slopeError: Double?
    let toWrong: Int
    let toRight: Int
  }
  let trace: String
  let traceStatus: String
  let positions: Int
  let width: Int
  let dimension: Int
  let precision = "float64"
  let solver: String
  let tolerance: Double
  let isComplete: Bool
  let verdicts: [Verdict]
  let examples: [Example]
  let overthinking: LongRun?
  let reading: [String]
  let files: [String]

  init(_ findings: FixedPointFindings, trace: String, run: TracedRun, files: [String]) {
    self.trace = trace
    self.files = files
    traceStatus = run.reader.status.rawValue
    positions = findings.positions
    width = findings.width
    dimension = findings.dimension
    solver = findings.solver
    tolerance = findings.rule.q
    isComplete = findings.isComplete
    reading = findings.reading
    verdicts = findings.verdicts.enumerated().compactMap { index, verdict in
      verdict.map { Verdict($0, of: index, findings) }
    }
    examples = findings.examples.map { Example($0) }
    overthinking = findings.overthinking.map { LongRun($0) }
  }
}

// MARK: - From the findings

extension FixedPointReport.Verdict {
  init(_ verdict: SettlingVerdict, of index: Int, _ findings: FixedPointFindings) {
    let close = findings.examples.first { $0.example == index }
    example = index
    self.verdict = verdict.settling.label
    if case .cycle(let length) = verdict.settling { period = length } else { period = nil }
    since = verdict.since
    step = verdict.step
    relativeStep = verdict.relativeStep
    norm = verdict.norm
    growth = verdict.growth
    answerSince = verdict.answerSince
    rate = verdict.rate?.value
    rateError = verdict.rate?.error
    restRate = close?.restRate?.value
    restRateError = close?.restRate?.error
    spectralRadius = close?.spectrum.spectralRadius
    restRadius = close?.restSpectrum?.spectralRadius
    rateAgrees = close.flatMap { one in
      findings.rate(of: one).map { $0.agrees(with: one.radius) }
    }
  }
}

extension FixedPointReport.Example {
  init(_ one: FixedPointFindings.Example) {
    example = one.example
    last = one.last
    spectralRadius = one.spectrum.spectralRadius
    mismatch = one.mismatch.isNaN ? nil : one.mismatch
    rests = one.rest?.end.isConverged
    points = (one.points?.points ?? []).map { point in
      .init(
        q: point.q, relativeResidual: point.relativeResidual, end: point.end.rawValue,
        starts: point.starts.count, spectralRadius: point.spectrum?.spectralRadius,
        unstableModes: point.unstableModes, isStable: point.isStable, distance: point.distance,
        relativeDistance: point.relativeDistance, relativeNorm: point.relativeNorm,
        isFar: point.isFar)
    }
    searches =
      one.points.map { set in
        set.searches.enumerated().compactMap { index, search in
          search.map { found in
            .init(
              start: set.kinds[index].rawValue, end: found.end.rawValue,
              point: set.reached[index], q: found.q, relativeResidual: found.relativeResidual,
              iterations: found.iterations, maps: found.counts.maps, jvps: found.counts.jvps,
              vjps: found.counts.vjps)
          }
        }
      } ?? []
    alignment = one.paths?.alignment
    worstAlignment = one.paths?.worstAlignment
    samePathShare = one.paths?.sameShare
    pushedAt = one.perturbation?.iteration
    pushes = (one.perturbation?.pushes ?? []).map { push in
      .init(
        size: push.size, growth: push.growth, returned: push.returned,
        finalDistance: push.finalDistance, answersChanged: push.answersChanged)
    }
    basin = (one.basin?.directions ?? []).map { [$0.inside] + ($0.outside.map { [$0] } ?? []) }
  }
}

extension FixedPointReport.LongRun {
  init(_ found: Overthinking) {
    trained = found.trained
    iterations = found.iterations
    exactMatch = found.exactMatch
    perSymbol = found.perSymbol
    confidence = found.confidence
    answerChanges = found.answerChanges
    slope = found.slope?.value
    slopeError = found.slope?.error
    (toWrong, toRight) = found.flips
  }
}

// MARK: - As text

extension FixedPointReport {
  /// More verdicts than this are counted, not listed.
  private static let mostVerdicts = 20
  /// More fixed points than this are counted, not listed.
  private static let mostPoints = 12

  /// Prints the tables and the reading.
  func show() {
    print(
      "\(trace): \(verdicts.count) example\(verdicts.count == 1 ? "" : "s"), \(positions) positions "
        + "× width \(width)")
    if traceStatus != "complete" { print("The trace is \(traceStatus): it ends early.") }
    print()
    print(verdictTable)
    if verdicts.count > Self.mostVerdicts {
      print("… and \(verdicts.count - Self.mostVerdicts) more: see --json")
    }
    for one in examples where !one.points.isEmpty {
      print("\nexample \(one.example): fixed points from \(one.searches.count) starts (\(solver))")
      print(pointTable(one))
      if one.points.count > Self.mostPoints {
        print("… and \(one.points.count - Self.mostPoints) more: see --json")
      }
    }
    if let overthinking { print("\n\(table(overthinking))") }
    print()
    for sentence in reading { print(sentence) }
    print("Wrote \(files.joined(separator: ", ")).")
  }

  private var verdictTable: TextTable {
    var table = TextTable([
      ("example", .right), ("verdict", .left), ("since", .right), ("step", .right),
      ("relative", .right), ("rate", .right), ("±", .right), ("64-bit rate", .right),
      ("radius", .right),
      ("answer since", .right),
    ])
    for one in verdicts.prefix(Self.mostVerdicts) {
      table.append([
        "\(one.example)", one.verdict, one.since.map { "\($0)" } ?? "–",
        significant(one.step, 2), significant(one.relativeStep, 2),
        one.rate.map { significant($0) } ?? "–", one.rateError.map { significant($0, 1) } ?? "–",
        one.restRate.map { significant($0) } ?? "–",
        (one.restRadius ?? one.spectralRadius).map { significant($0) } ?? "–",
        one.answerSince.map { "\($0)" } ?? "–",
      ])
    }
    return table
  }

  private func pointTable(_ one: Example) -> TextTable {
    var table = TextTable([
      ("point", .right), ("starts", .right), ("q", .right), ("relative", .right),
      ("radius", .right), ("unstable", .right), ("distance", .right), ("", .left),
    ])
    for (index, point) in one.points.prefix(Self.mostPoints).enumerated() {
      table.append([
        "\(index)", "\(point.starts)", significant(point.q, 2),
        significant(point.relativeResidual, 2),
        point.spectralRadius.map { significant($0) } ?? "–",
        point.unstableModes.map { "\($0)" } ?? "–", significant(point.relativeDistance, 2),
        point.isFar ? "far from every latent" : "",
      ])
    }
    return table
  }

  /// A few iterations of the long run.
  private func table(_ found: LongRun) -> TextTable {
    let hasTargets = !found.exactMatch.isEmpty
    var table = TextTable(
      ["t"] + (hasTargets ? ["whole right", "positions right"] : []) + ["confidence"])
    for factor in [1, 2, 3, 5, 7, 10] {
      guard let index = found.iterations.firstIndex(of: factor * found.trained) else { continue }
      func share(_ value: Double) -> String { String(format: "%.1f%%", 100 * value) }
      table.append(
        ["\(found.iterations[index])"]
          + (hasTargets ? [share(found.exactMatch[index]), share(found.perSymbol[index])] : [])
          + [share(found.confidence[index])])
    }
    return table
  }
}
