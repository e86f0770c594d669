import AsuraCommandLine
import Foundation

extension FlowReport {
  /// More examples than this are summed up, not listed.
  private static let mostRows = 16

  /// Prints the tables and the reading.
  func show() {
    let whose = examples.count == 1 ? "example \(examples[0])" : "\(examples.count) examples"
    print(
      "\(trace): \(whose) of \(examplesInTrace), \(positions) positions × width \(width), iterations "
        + "\(iterations[0])…\(iterations[iterations.count - 1])")
    if traceStatus != "complete" { print("The trace is \(traceStatus): it ends early.") }
    print()
    print(pathTable)
    if paths.count > Self.mostRows {
      print("… and \(paths.count - Self.mostRows) more examples: --json lists all of them.")
    }
    print()
    if let table = refinementTable { print("\(table)\n") }
    if let table = modeTable { print("\(table)\n") }
    if let table = depthTable { print("\(table)\n") }
    for sentence in reading { print(sentence) }
    print("Wrote \(files.joined(separator: ", ")).")
  }

  private var pathTable: TextTable {
    let hasModel = paths.contains { $0.refinement != nil || $0.jacobianEigenvalues != nil }
    let more: [(String, TextTable.Alignment)] =
      hasModel ? [("order", .right), ("from flow", .right)] : []
    let radius: [(String, TextTable.Alignment)] = hasModel ? [("radius", .right)] : []
    var table = TextTable(
      [
        ("example", .right), ("length", .right), ("straight", .right), ("turn", .right),
        ("last step", .right), ("decay", .right),
      ] + more + [("mode", .right)] + radius + [("verdict", .left)])
    for path in paths.prefix(Self.mostRows) {
      var cells = [
        "\(path.example)", significant(path.length, 3), decimal(path.straightness),
        decimal(path.verdict.meanCosine), significant(path.verdict.finalStep, 2), decay(path),
      ]
      if hasModel {
        cells += [
          path.refinement.map { decimal($0.order) } ?? "–",
          path.refinement.map { significant(100 * $0.deviation, 2) + "%" } ?? "–",
        ]
      }
      cells.append(path.modes.map { modulus($0.eigenvalues) } ?? "–")
      if hasModel { cells.append(path.jacobianEigenvalues.map(modulus) ?? "–") }
      table.append(cells + [path.verdict.kind])
    }
    return table
  }

  /// How far apart neighbouring refinements are: for one example its own numbers, for several medians.
  private var refinementTable: TextTable? {
    guard let factors = refinementFactors, factors.count > 1 else { return nil }
    let results = paths.compactMap(\.refinement)
    guard !results.isEmpty else { return nil }
    let middle = results.count == 1 ? "" : ", median"
    var table = TextTable([
      ("steps an iteration", .right), ("from the next finer\(middle)", .right),
      ("order", .right),
    ])
    for (index, k) in factors.dropLast().enumerated() {
      let distances = results.map {
        $0.differences[index] / max($0.limitLength, .leastNormalMagnitude)
      }
      let orders = results.compactMap {
        index > 0 && index <= $0.orders.count ? $0.orders[index - 1] : nil
      }
      table.append([
        "\(k)", significant(100 * middleOf(distances), 3) + "% of the path",
        orders.isEmpty ? "" : decimal(middleOf(orders)),
      ])
    }
    return table
  }

  /// The first path's dynamic modes beside the Jacobian's eigenvalues.
  private var modeTable: TextTable? {
    guard let path = paths.first(where: { $0.modes != nil && $0.jacobianEigenvalues != nil }),
      let modes = path.modes, let jacobian = path.jacobianEigenvalues
    else { return nil }
    let whose = paths.count == 1 ? "" : " of example \(path.example)"
    var table = TextTable([
      ("dynamic mode\(whose)", .right), ("nearest of the Jacobian", .right), ("apart", .right),
    ])
    for value in modes.eigenvalues.prefix(6) where value[1] >= 0 {
      func distance(_ other: [Double]) -> Double {
        hypot(value[0] - other[0], value[1] - other[1])
      }
      guard let nearest = jacobian.min(by: { distance($0) < distance($1) }) else { continue }
      table.append([complex(value), complex(nearest), significant(distance(nearest), 2)])
    }
    return table
  }

  private var depthTable: TextTable? {
    guard let depths else { return nil }
    var table = TextTable([
      ("iterations", .right), ("longest step", .right), ("mean step", .right), ("", .left),
    ])
    for depth in depths {
      table.append([
        "\(depth.iterations)", significant(100 * depth.largestStep, 3) + "%",
        significant(100 * depth.meanStep, 3) + "%", depth.name,
      ])
    }
    return table
  }

  // MARK: - Numbers

  private func middleOf(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

  private func decimal(_ value: Double) -> String {
    guard value.isFinite else { return "–" }
    return abs(value) < 1000 ? signed(String(format: "%.3f", value)) : significant(value)
  }

  private func signed(_ text: String) -> String { text.replacing("-", with: "−") }

  private func decay(_ path: Path) -> String {
    guard let decay = path.laterDecay ?? path.decay else { return "–" }
    let factor = "×\(significant(decay.factor, 3))"
    switch decay.law {
    case "power": return "t^\(signed(significant(decay.power, 3)))"
    case "undecided": return "≈\(factor)"
    default: return factor
    }
  }

  private func modulus(_ eigenvalues: [[Double]]) -> String {
    eigenvalues.first.map { decimal(hypot($0[0], $0[1])) } ?? "–"
  }

  private func complex(_ value: [Double]) -> String {
    value[1] == 0 ? decimal(value[0]) : "\(decimal(value[0])) ± \(decimal(abs(value[1])))i"
  }
}
