import Asura
import AsuraCommandLine
import AsuraProbe

/// Patched paths as the command prints them: the strongest, or JSON.
struct PathsReport: Encodable {
  struct End: Encodable {
    let name: String
    let iteration: Int
    let head: Int?
    let position: Int?

    init(_ entry: PatchSweep.Entry) {
      name = entry.name
      iteration = entry.iteration
      head = entry.head
      position = entry.position
    }
  }
  struct Path: Encodable {
    let sender: End
    let receiver: End
    let effect: Double
    let low: Double
    let high: Double
    let raw: Double
    let pairs: Int
  }
  let model: String
  let direction: String
  let metric: String
  let pairs: Int
  let pairsWithoutDifference: Int
  let paths: [Path]
  let runs: Int
  let runsInAll: Int
  let files: [String]
  private let order: [Int]

  private enum CodingKeys: String, CodingKey {
    case model, direction, metric, pairs, pairsWithoutDifference, paths, runs, runsInAll, files
  }

  init(_ study: PathStudy, subject: String, files: [String]) {
    model = subject
    direction = study.direction.rawValue
    metric = study.metric.rawValue
    pairs = study.result.baselines.count
    pairsWithoutDifference = study.excluded
    paths = zip(study.sweep.entries, study.effects).map { entry, effect in
      Path(
        sender: End(entry.sender), receiver: End(entry.receiver), effect: effect.value,
        low: effect.low, high: effect.high, raw: effect.raw, pairs: effect.pairs)
    }
    runs = study.result.done
    runsInAll = study.result.total
    self.files = files
    order = study.strongest(16)
  }

  func show() {
    print(
      "\(model): \(paths.count) paths, \(direction), effects on \(metric) over \(pairs) pairs; "
        + "all other heads and perceptrons between held as in the unpatched run")
    if pairsWithoutDifference > 0 {
      print("\(pairsWithoutDifference) pairs were left out: their two answers do not differ.")
    }
    print()
    if order.isEmpty {
      print("No pair's two runs differ in \(metric): there is nothing to measure effects by.")
    } else {
      print(table)
    }
    print()
    print("Wrote \(files.joined(separator: ", ")).")
  }

  private var table: TextTable {
    let hasPositions = paths.contains { $0.sender.position != nil }
    var table = TextTable(
      [("sender", .left), ("t", .right), ("head", .right)]
        + (hasPositions ? [("position", .right)] : [])
        + [
          ("receiver", .left), ("t", .right), ("head", .right), ("effect", .right),
          ("95% interval", .right),
        ])
    func head(_ end: End) -> String { end.head.map(String.init) ?? "–" }
    for index in order {
      let path = paths[index]
      table.append(
        [path.sender.name, "\(path.sender.iteration)", head(path.sender)]
          + (hasPositions ? [path.sender.position.map(String.init) ?? "all"] : [])
          + [
            path.receiver.name, "\(path.receiver.iteration)", head(path.receiver),
            effectText(path.effect),
            path.low.isFinite ? "\(effectText(path.low)) … \(effectText(path.high))" : "–",
          ])
    }
    return table
  }
}
