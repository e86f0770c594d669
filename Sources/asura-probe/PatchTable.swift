import Asura
import AsuraProbe
import Foundation

/// A study as long rows: one for each patch and pair.
struct PatchTable {
  private let study: PatchStudy
  private let numbers: [Int]

  init(_ study: PatchStudy, numbers: [Int]) {
    self.study = study
    self.numbers = numbers
  }

  /// Comma-separated text with a line of names. Numbers are written so that they read back to the bit; what was not run
  /// has no row, and heads or positions patched together are empty.
  var csv: String {
    let metrics = PatchMetric.allCases.flatMap { metric in
      ["", "base_", "source_"].map { $0 + metric.seriesName }
    }
    var lines = [
      (["name", "iteration", "head", "position", "pair"] + metrics + ["rejoined"])
        .joined(separator: ",")
    ]
    for (entry, row) in zip(study.sweep.entries, study.result.cells) {
      let place =
        "\(entry.name),\(entry.iteration),\(entry.head.map(String.init) ?? ""),"
        + "\(entry.position.map(String.init) ?? "")"
      for (pair, cell) in row.enumerated() {
        guard let cell else { continue }
        let baseline = study.result.baselines[pair]
        let values = PatchMetric.allCases.flatMap {
          [cell.values[$0], baseline.base[$0], baseline.source[$0]].map { "\($0)" }
        }
        lines.append(
          "\(place),\(numbers[pair]),\(values.joined(separator: ",")),"
            + (cell.rejoined.map(String.init) ?? ""))
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
