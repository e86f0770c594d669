import Asura
import AsuraCommandLine
import Foundation

/// An attention study as the command prints it: a table with a reading, or JSON.
struct AttentionReport: Encodable {
  struct Moment: Encodable {
    let iteration: Int
    let kind: String
    let entropy: Double
    let entropyDeviation: Double
    let relativeEntropy: Double
    let change: Double
    let excess: [String: Double]
    let keys: [String: Double]
    /// Mean attention by offset, in the order of `offsets`.
    let profile: [Double]
  }
  struct Head: Encodable {
    let block: Int
    let head: Int
    let settledFrom: Int?
    let moments: [Moment]
  }
  let trace: String
  let traceStatus: String
  let examples: [Int]
  let examplesInTrace: Int
  let positions: Int
  let iterations: [Int]
  let isComplete: Bool
  let offsets: [Int]
  /// Of each group of keys, the share that even attention would give it.
  let chance: [String: Double]
  let heads: [Head]
  let reading: [String]
  let files: [String]

  init(
    _ study: AttentionStudy, trace: String, patterns: RecordedPatterns, files: [String]
  ) {
    self.trace = trace
    self.files = files
    traceStatus = patterns.reader.status.rawValue
    (examples, examplesInTrace) = (study.examples, patterns.examples.count)
    (positions, iterations, isComplete) = (study.positions, study.iterations, study.isComplete)
    offsets = study.offsets
    chance = Dictionary(study.groups.map { ($0.name, $0.chance) }) { $1 }
    reading = study.reading
    heads = study.heads.map { head in
      Head(
        block: head.block, head: head.head, settledFrom: head.settledFrom,
        moments: zip(study.iterations, head.moments).map { t, moment in
          Moment(
            iteration: t, kind: moment.kind.rawValue, entropy: moment.entropy,
            entropyDeviation: moment.entropyDeviation, relativeEntropy: moment.relativeEntropy,
            change: moment.change,
            excess: Dictionary(
              zip(HeadKind.keyed.map(\.rawValue), moment.excess).filter { !$1.isNaN }
            ) { $1 },
            keys: Dictionary(zip(study.groups.map(\.name), moment.concentration)) { $1 },
            profile: moment.profile)
        })
    }
  }

  /// Prints the table of the last iteration and the reading.
  func show(_ study: AttentionStudy) {
    let whose = examples.count == 1 ? "example \(examples[0])" : "\(examples.count) examples"
    let (first, last) = (iterations[0], iterations[iterations.count - 1])
    print(
      "\(trace): \(whose) of \(examplesInTrace), \(positions) positions, iterations \(first)…\(last)"
    )
    if traceStatus != "complete" { print("The trace is \(traceStatus): it ends early.") }
    print("\nAt t=\(last)\n")
    let hasMany = iterations.count > 1
    var columns: [(String, TextTable.Alignment)] = [
      ("block", .right), ("head", .right), ("kind", .left), ("entropy", .right),
      ("of even", .right), ("excess", .right),
    ]
    columns += study.groups.map { ("→ \($0.name)", .right) }
    if hasMany { columns += [("settled", .right), ("entropy from \(first) to \(last)", .left)] }
    var table = TextTable(columns)
    for head in study.heads {
      guard let moment = head.moments.last else { continue }
      let excess = moment.excess.filter { !$0.isNaN }.max()
      var cells = [
        "\(head.block)", "\(head.head)", moment.kind.rawValue,
        String(format: "%.3f ± %.3f", moment.entropy, moment.entropyDeviation),
        percent(moment.relativeEntropy),
        excess.map { String(format: "%.2f", $0).replacing("-", with: "−") } ?? "–",
      ]
      cells += moment.concentration.map(percent)
      if hasMany {
        cells += [
          head.settledFrom.map { "t=\($0)" } ?? "no",
          "\(Sparkline(head.moments.map(\.entropy), width: 30))",
        ]
      }
      table.append(cells)
    }
    print(table)
    if !study.groups.isEmpty {
      let chances = study.groups.map { "\($0.name) \(percent($0.chance))" }
      print(
        "\n→ is over queries that see such keys and others; even attention would give \(chances.joined(separator: ", "))."
      )
    }
    print()
    for sentence in reading { print(sentence) }
    print("Wrote \(files.joined(separator: ", ")).")
  }

  private func percent(_ share: Double) -> String {
    share.isFinite ? "\(Int((100 * share).rounded()))%" : "–"
  }
}
