import Asura
import AsuraCommandLine
import Foundation

/// The charts of a lens study.
struct LensCharts {
  static func names(tuned: Bool, attribution: Bool) -> [String] {
    ["target", "rank", "entropy", "divergence"] + (tuned ? ["tuned"] : [])
      + (attribution ? ["attribution", "unrolled", "sources"] : [])
  }

  private let study: LensStudy
  private let trace: String
  private let subject: String
  private let symbols: TraceSymbols
  /// Sources of more keys than this could not be told apart.
  private static let mostKeys = 64

  private var readout: ReadoutLens { study.readout }

  init(_ study: LensStudy, subject: String, symbols: TraceSymbols) {
    (self.study, self.symbols, trace) = (study, symbols, subject)
    let examples = study.readout.examples
    self.subject =
      "\(subject), "
      + (examples.count == 1 ? "example \(examples[0])" : "mean of \(examples.count) examples")
  }

  var target: HeatMap {
    readout.targets == nil
      ? map("How sure the readout is", range: 0...1, "probability of the likeliest class") {
        Double(readout.topProbability[place: $0])
      }
      : map("When the right answer appears", range: 0...1, "probability of the right class") {
        Double(readout.targetProbability[place: $0])
      }
  }

  /// Nil without targets.
  var rank: HeatMap? {
    readout.targets == nil
      ? nil
      : map("How many classes are likelier than the right one", range: nil, "classes likelier") {
        Double(readout.targetRank[$0])
      }
  }

  var entropy: HeatMap {
    map("How spread the readout's probabilities are", range: nil, "entropy in nat") {
      Double(readout.entropy[place: $0])
    }
  }

  var divergence: HeatMap {
    map("How far each readout is from the last", range: nil, "KL in nat") {
      Double(readout.divergence[place: $0])
    }
  }

  private func map(
    _ title: String, range: ClosedRange<Double>?, _ label: String, _ value: (Int) -> Double
  ) -> HeatMap {
    HeatMap(
      ChartTitle(title, subtitle: subject), xLabel: "position", yLabel: "iteration",
      values: readout.map(value), rowNames: readout.iterations.map(String.init), range: range,
      valueLabel: label)
  }

  /// KL left by tuned lenses, with intervals.
  var tuned: LineChart? {
    guard let tuned = study.tuned else { return nil }
    let x = tuned.iterations.map(Double.init)
    func series(_ name: String, _ values: [TunedLens.Estimate]) -> LineChart.Series {
      LineChart.Series(
        name, x: x, y: values.map(\.value),
        band: values.map {
          $0.lower.isFinite ? max($0.lower, 1e-12)...max($0.upper, 1e-12) : $0.value...$0.value
        })
    }
    return LineChart(
      ChartTitle(
        "What tuned lenses leave",
        subtitle: "\(subject); \(tuned.heldOut.count) held out, intervals of 95%"),
      yLabel: "KL from the last readout, nat",
      series: [
        series("no map", tuned.untuned), series("a map of its own", tuned.own),
        series("one map for all", tuned.shared),
      ], isLogarithmic: true)
  }

  var attribution: HeatMap? {
    shares("What adds to each iteration's own logit difference") { $0.means($0.direct) }
  }

  var unrolled: HeatMap? {
    shares("What each iteration adds to the last logit difference") { $0.means($0.unrolled) }
  }

  private func shares(
    _ title: String, _ values: (DirectAttribution) -> [[Double]]
  ) -> HeatMap? {
    guard let found = study.attribution else { return nil }
    let means = values(found)
    return HeatMap(
      ChartTitle(title, subtitle: "\(subject); mean over positions asked"), xLabel: "iteration",
      values: found.components.indices.map { c in means.map { $0[c] } },
      columnNames: found.iterations.map(String.init),
      rowNames: found.components.map(\.description), palette: .diverging,
      valueLabel: "share of the logit difference")
  }

  /// What keys give to queries at the last iteration, a panel a head; nil where they are too many.
  var sources: HeatMapGrid? {
    guard let found = study.attribution, found.positions <= Self.mostKeys,
      let last = found.iterations.last
    else { return nil }
    let sources = found.sources[found.iterations.count - 1]
    let (blocks, heads, slots) = (sources.shape[0], sources.shape[1], found.keys.shape[1])
    let panels = (0..<blocks * heads).map { index -> HeatMapGrid.Panel in
      let (block, head) = (index / heads, index % heads)
      var rows = Array(
        repeating: Array(repeating: Double.nan, count: found.positions), count: found.positions)
      for query in 0..<found.positions {
        for slot in 0..<slots {
          let key = Int(found.keys.elements[query * slots + slot])
          if key >= 0 { rows[query][key] = sources[[block, head, query, slot]] }
        }
      }
      return HeatMapGrid.Panel("core.\(block) head \(head)", rows)
    }
    let names = (0..<found.positions).map(String.init)
    return HeatMapGrid(
      ChartTitle(
        "What each key adds to each query's logit difference at t=\(last)",
        subtitle: "\(trace), example \(found.examples[0])"), xLabel: "key", yLabel: "query",
      panels: panels, columnNames: names, rowNames: names, palette: .diverging,
      valueLabel: "share of the logit difference")
  }
}
