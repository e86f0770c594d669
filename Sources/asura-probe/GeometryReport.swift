import Asura
import AsuraCommandLine
import Foundation

/// A geometry study as the command prints it: a table with a reading, or JSON.
struct GeometryReport: Encodable {
  struct View: Encodable {
    let run: String
    let site: String
    let iteration: Int
    let width: Int
    let totalVariance: Double
    let participationRatio: Double
    let entropyDimension: Double
    /// How many components hold 90, 95 and 99% of the variance.
    let components: [Int]
    /// The shares of variance of the first components.
    let varianceShares: [Double]
  }
  let trace: String
  let traceStatus: String
  let runs: [String]
  let examples: [Int]
  let positions: Int
  let points: Int
  let isComplete: Bool
  let views: [View]
  /// `[view][view]`
  let cka: [[Double]]
  let debiasedCKA: [[Double]]
  let procrustes: [[Double]]
  let reading: [String]
  let files: [String]
  /// The places of the views of each series.
  private let series: [[Int]]

  private enum CodingKeys: String, CodingKey {
    case trace, traceStatus, runs, examples, positions, points, isComplete, views, cka
    case debiasedCKA, procrustes, reading, files
  }

  /// So many of a view's shares of variance are listed.
  private static let listed = 16

  init(_ study: GeometryStudy, trace: String, status: TraceReader.Status, files: [String]) {
    self.trace = trace
    self.files = files
    traceStatus = status.rawValue
    (runs, examples, positions) = (study.runs, study.examples, study.positions)
    (points, isComplete, reading) = (study.points, study.isComplete, study.reading)
    func rows(_ matrix: Tensor<Double>) -> [[Double]] {
      study.views.indices.map { matrix[$0].elements }
    }
    cka = rows(study.similarity.cka)
    debiasedCKA = rows(study.similarity.debiasedCKA)
    procrustes = rows(study.similarity.procrustes)
    series = study.allSeries.map { study.series(run: $0.run, site: $0.site) }
    views = zip(study.views, study.spectra).map { view, spectrum in
      View(
        run: study.runs[view.run], site: view.site, iteration: view.iteration, width: view.width,
        totalVariance: spectrum.total, participationRatio: spectrum.participationRatio,
        entropyDimension: spectrum.entropyDimension,
        components: [0.9, 0.95, 0.99].map(spectrum.components),
        varianceShares: Array(spectrum.shares.prefix(Self.listed)))
    }
  }

  /// Prints a table a series and the reading.
  func show() {
    print(
      "\(trace): \(examples.count) example\(examples.count == 1 ? "" : "s") × \(positions) positions = \(points) points"
    )
    if traceStatus != "complete" { print("The trace is \(traceStatus): it ends early.") }
    for places in series {
      guard let first = places.first else { continue }
      let name = runs.count > 1 ? "\(views[first].run) \(views[first].site)" : views[first].site
      print("\n\(name), width \(views[first].width)\n")
      print(table(places))
    }
    if runs.count > 1 { print("\nBetween the runs, at equal iterations\n\n\(betweenRuns)") }
    print()
    for sentence in reading { print(sentence) }
    print("Wrote \(files.joined(separator: ", ")).")
  }

  private func table(_ places: [Int]) -> TextTable {
    var table = TextTable([
      ("t", .right), ("like last", .right), ("debiased", .right), ("like before", .right),
      ("from last", .right), ("variance", .right), ("PR", .right), ("entropy", .right),
      ("90%", .right), ("99%", .right),
    ])
    let last = places[places.count - 1]
    let rows = places.enumerated().map { row, place in
      let view = views[place]
      return [
        "\(view.iteration)", three(cka[place][last]), three(debiasedCKA[place][last]),
        row > 0 ? three(cka[place][places[row - 1]]) : "–", three(procrustes[place][last]),
        significant(view.totalVariance, 3), one(view.participationRatio),
        one(view.entropyDimension), "\(view.components[0])", "\(view.components[2])",
      ]
    }
    table.append(iterations: rows)
    return table
  }

  private var betweenRuns: TextTable {
    var table = TextTable([
      ("site", .left), ("t", .right), ("CKA", .right), ("debiased", .right), ("Procrustes", .right),
    ])
    for (place, view) in views.enumerated() where view.run == runs[0] {
      guard
        let other = views.firstIndex(where: {
          $0.run == runs[1] && $0.site == view.site && $0.iteration == view.iteration
        })
      else { continue }
      table.append([
        view.site, "\(view.iteration)", three(cka[place][other]), three(debiasedCKA[place][other]),
        three(procrustes[place][other]),
      ])
    }
    return table
  }

  private func three(_ value: Double) -> String {
    value.isFinite ? String(format: "%.3f", value).replacing("-", with: "−") : "–"
  }

  private func one(_ value: Double) -> String { String(format: "%.1f", value) }
}
