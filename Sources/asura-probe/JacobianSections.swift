import Asura
import AsuraCommandLine
import Foundation

/// What the singular values tell, as the command prints it.
struct ShapeSection: Encodable {
  struct Shape: Encodable {
    let iteration: Int
    let example: Int
    let spectralNorm: Double
    let singularValues: [Double]
    let residual: Double
    let converged: Bool
    let normOverRadius: Double
    let numericalAbscissa: Double
    let traceEstimate: Double
    let traceStandardError: Double
    let trace: Double?
    let frobeniusNorm: Double?
    let departure: Double?
    let effectiveRank: Double?
  }
  let shapes: [Shape]

  init?(_ trajectory: JacobianTrajectory) {
    shapes = trajectory.entries.compactMap { entry in
      entry.shape.map { shape in
        Shape(
          iteration: entry.iteration, example: entry.example, spectralNorm: shape.spectralNorm,
          singularValues: shape.singularValues, residual: shape.residual,
          converged: shape.converged, normOverRadius: shape.normOverRadius,
          numericalAbscissa: shape.numericalAbscissa, traceEstimate: shape.traceEstimate.value,
          traceStandardError: shape.traceEstimate.standardError, trace: shape.whole?.trace,
          frobeniusNorm: shape.whole?.frobeniusNorm, departure: shape.whole?.departure,
          effectiveRank: shape.whole?.effectiveRank)
      }
    }
    if shapes.isEmpty { return nil }
  }

  /// One row an iteration; over several examples their means.
  func show() {
    let examples = Set(shapes.map(\.example)).count
    let isWhole = shapes.allSatisfy { $0.departure != nil }
    print("\nSingular values\(examples > 1 ? ", means over \(examples) examples" : "")\n")
    var columns: [Column] = [
      ("t", .right), ("norm", .right), ("norm/radius", .right), ("abscissa", .right),
      ("residual", .right),
    ]
    if isWhole { columns += [("departure", .right), ("eff. rank", .right), ("trace", .right)] }
    columns.append(("trace, probed", .right))
    var table = TextTable(columns)
    for t in shapes.map(\.iteration).uniqued {
      let ones = shapes.filter { $0.iteration == t }
      func mean(_ value: (Shape) -> Double?) -> Double {
        let values = ones.compactMap(value)
        return values.reduce(0, +) / Double(values.count)
      }
      var cells = [
        "\(t)", decimal(mean(\.spectralNorm)), decimal(mean(\.normOverRadius)),
        decimal(mean(\.numericalAbscissa)), significant(ones.map(\.residual).max() ?? .nan, 2),
      ]
      if isWhole {
        cells += [
          decimal(mean(\.departure)), String(format: "%.1f", mean(\.effectiveRank)),
          decimal(mean(\.trace)),
        ]
      }
      cells.append(
        "\(decimal(mean(\.traceEstimate))) ± \(significant(mean(\.traceStandardError), 2))")
      table.append(cells)
    }
    print(table)
  }
}

/// Modes, as the command prints them.
struct ModeSection: Encodable {
  struct Mode: Encodable {
    struct Logit: Encodable {
      let position: Int
      let classIndex: Int
      let amount: Double
    }
    struct Fact: Encodable {
      let fact: String
      let correlation: Double
      let pValue: Double
      let positions: Int
    }
    let iteration: Int
    let example: Int
    let kind: String
    let eigenvalue: [Double]
    let positionNorms: [Double]
    let logits: [Logit]
    let facts: [Fact]
  }
  let modes: [Mode]
  let isWhole: Bool

  init?(_ trajectory: JacobianTrajectory) {
    guard !trajectory.modes.isEmpty else { return nil }
    isWhole = trajectory.modes.allSatisfy(\.isWhole)
    modes = trajectory.modes.flatMap { entry in
      entry.modes.map { mode in
        Mode(
          iteration: entry.iteration, example: entry.example, kind: mode.kind.rawValue,
          eigenvalue: [mode.eigenvalue.real, mode.eigenvalue.imaginary],
          positionNorms: mode.profile,
          logits: mode.logits.map {
            .init(position: $0.position, classIndex: $0.classIndex, amount: $0.amount)
          },
          facts: mode.facts.map {
            .init(
              fact: $0.fact, correlation: $0.correlation, pValue: $0.pValue,
              positions: $0.positions)
          })
      }
    }
  }

  func show() {
    print("\nModes at t=\(modes.first?.iteration ?? 0)\n")
    let hasMany = Set(modes.map(\.example)).count > 1
    var columns: [Column] = [
      ("mode", .left), ("eigenvalue", .right), ("lives on positions", .left),
      ("moves logits", .left), ("goes along with", .left),
    ]
    if hasMany { columns.insert(("example", .right), at: 0) }
    var table = TextTable(columns)
    for mode in modes {
      let places = mode.positionNorms.enumerated()
        .sorted { $0.element > $1.element }.prefix(3)
        .map { "\($0.offset) (\(Int((100 * $0.element * $0.element).rounded()))%)" }
      let logits = mode.logits.prefix(2).map {
        "\($0.position): class \($0.classIndex) \(signed($0.amount))"
      }
      let facts = mode.facts.prefix(1).map {
        "\($0.fact) r=\(signed($0.correlation)) (p=\(significant($0.pValue, 2)))"
      }
      let cells = [
        mode.kind, complex(mode.eigenvalue), places.joined(separator: ", "),
        logits.joined(separator: ", "), facts.first ?? "–",
      ]
      table.append(hasMany ? ["\(mode.example)"] + cells : cells)
    }
    print(table)
    print(
      "\nA share of a position is of the mode's squared norm. p is of one mode and one fact alone: "
        + "of \(modes.count * max(1, modes.map(\.facts.count).max() ?? 1)) such pairs some are small by chance."
    )
    if !isWhole {
      print("The state is too large for all eigenvalues: its fastest modes are unknown.")
    }
  }
}

/// A column of a table.
typealias Column = (header: String, alignment: TextTable.Alignment)

extension Array where Element: Hashable {
  /// The elements without repetition, in the order of their first.
  var uniqued: [Element] {
    var seen = Set<Element>()
    return filter { seen.insert($0).inserted }
  }
}

/// A number with four decimals, or four digits where it is large.
func decimal(_ value: Double) -> String {
  abs(value) < 1000
    ? String(format: "%.4f", value).replacing("-", with: "−")
    : significant(value).replacing("-", with: "−")
}

/// A number to three digits, with its sign.
func signed(_ value: Double) -> String {
  (value < 0 ? "−" : "+") + significant(abs(value), 3)
}

/// `[real, imaginary]` as a number or a conjugate pair.
func complex(_ value: [Double]) -> String {
  value[1] == 0 ? decimal(value[0]) : "\(decimal(value[0])) ± \(decimal(abs(value[1])))i"
}
