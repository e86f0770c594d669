import Asura
import AsuraCommandLine
import Foundation

extension LensReport {
  /// As many positions are shown where the terminal does not say how wide it is.
  private static let mostPositions = 20

  /// Prints the tables and the reading.
  func show(_ study: LensStudy, _ symbols: TraceSymbols) {
    let whose = examples.count == 1 ? "example \(examples[0])" : "\(examples.count) examples"
    print(
      "\(trace): \(whose) of \(examplesInTrace), \(positions) positions, \(classes) classes, iterations "
        + "\(iterations[0])…\(iterations[iterations.count - 1])")
    if traceStatus != "complete" { print("The trace is \(traceStatus): it ends early.") }
    print("\n\(meanTable)")
    show(example: 0, of: study.readout, symbols)
    if let table = tunedTable {
      print("\nKL from the last readout on examples held out\n\n\(table)")
    }
    if let table = attributionTable(study.attribution) { print("\n\(table)") }
    print()
    for sentence in reading { print(sentence) }
    print("Wrote \(files.joined(separator: ", ")).")
  }

  private var meanTable: TextTable {
    let hasTargets = means.contains { $0.accuracy.isFinite }
    let right: [(String, TextTable.Alignment)] =
      hasTargets ? [("right", .right), ("whole", .right), ("p", .right), ("rank", .right)] : []
    var table = TextTable(
      [("t", .right)] + right + [("entropy", .right), ("KL", .right)])
    table.append(
      iterations: means.map { mean in
        let right =
          hasTargets
          ? [
            percent(mean.accuracy), percent(mean.wholeAccuracy), two(mean.targetProbability),
            two(mean.targetRank),
          ] : []
        return ["\(mean.iteration)"] + right + [three(mean.entropy), three(mean.divergence)]
      })
    return table
  }

  /// The likeliest class at each position by iteration, with its probability.
  private func show(example e: Int, of readout: ReadoutLens, _ symbols: TraceSymbols) {
    let terminal = Terminal.standardOutput
    let widest = (outputs ?? []).map(\.count).max() ?? "\(classes)".count
    let room = terminal.isInteractive ? (terminal.columns - 8) / (widest + 7) : Self.mostPositions
    let shown = min(positions, max(1, room))
    let part = shown < positions ? ", positions 0…\(shown - 1) of \(positions)" : ""
    print("\nExample \(examples[e])\(part)\n")
    var table = TextTable(
      [("t", .right)] + (0..<shown).map { ("\($0)", TextTable.Alignment.left) })
    if readout.targets != nil {
      table.append(
        ["right"]
          + (0..<shown).map { p in
            let target = readout.targets?[e * positions + p] ?? -1
            return target >= 0 ? symbols.output(Int(target)) : "–"
          })
    }
    table.append(
      iterations: iterations.indices.map { t in
        ["\(iterations[t])"]
          + (0..<shown).map { p in
            let place = readout.place(t, e, p)
            let isWrong = readout.targetRank[place] > 0
            return symbols.output(Int(readout.top[place])) + (isWrong ? "× " : "  ")
              + hundredths(Double(readout.topProbability[place: place]))
          }
      })
    print(table)
  }

  private var tunedTable: TextTable? {
    guard let tuned else { return nil }
    var table = TextTable([
      ("t", .right), ("no map", .right), ("its own", .right), ("one for all", .right),
    ])
    func text(_ estimate: Estimate) -> String {
      estimate.lower.isFinite
        ? "\(three(estimate.value)) [\(three(estimate.lower)), \(three(estimate.upper))]"
        : three(estimate.value)
    }
    table.append(
      iterations: tuned.iterations.indices.map { t in
        ["\(tuned.iterations[t])"]
          + [tuned.untuned[t], tuned.own[t], tuned.shared[t]].map(text)
      })
    table.append(["mean"] + [tuned.meanUntuned, tuned.meanOwn, tuned.meanShared].map(text))
    return table
  }

  /// Mean shares by component: at the first, middle and last iteration, and of the last one taken apart.
  private func attributionTable(_ found: DirectAttribution?) -> TextTable? {
    guard let attribution, let found else { return nil }
    let count = attribution.iterations.count
    var chosen: [Int] = []
    for t in [0, count / 4, count / 2, count - 1] where !chosen.contains(t) { chosen.append(t) }
    let isUnrolled = found.unrolledFrom < (attribution.iterations.last ?? 0)
    var columns: [(String, TextTable.Alignment)] = [("adds to the logit difference", .left)]
    columns += chosen.map { ("t=\(attribution.iterations[$0])", .right) }
    if isUnrolled { columns.append(("t=\(found.unrolledFrom)… together", .right)) }
    var table = TextTable(columns)
    for (c, name) in attribution.components.enumerated() {
      let together = attribution.unrolled.reduce(0) { $0 + $1[c] }
      table.append(
        [name] + chosen.map { signedThree(attribution.direct[$0][c]) }
          + (isUnrolled ? [signedThree(together)] : []))
    }
    let last = attribution.differences.last ?? .nan
    table.append(
      ["logit difference"] + chosen.map { signedThree(attribution.differences[$0]) }
        + (isUnrolled ? [signedThree(last)] : []))
    return table
  }

  // MARK: - Numbers

  private func percent(_ share: Double) -> String {
    share.isFinite ? "\(Int((100 * share).rounded(.down)))%" : "–"
  }
  private func two(_ value: Double) -> String {
    value.isFinite ? String(format: "%.2f", value) : "–"
  }
  private func three(_ value: Double) -> String {
    value.isFinite ? String(format: "%.3f", value).replacing("-", with: "−") : "–"
  }
  private func signedThree(_ value: Double) -> String {
    value.isFinite ? String(format: "%+.3f", value).replacing("-", with: "−") : "–"
  }

  /// A probability in two digits: `.07`, or `1` when it rounds to that.
  private func hundredths(_ value: Double) -> String {
    let percent = Int((100 * value).rounded())
    return percent >= 100 ? "1" : String(format: ".%02d", percent)
  }
}
