import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

await AsuraBench.runAsMain()

struct AsuraBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "asura-bench", abstract: "Measure this library's speed against PyTorch's.",
    discussion: """
      Runs of both sides alternate within one process's lifetime, on the same weights and inputs. Times are \
      medians; a ratio is the median of the ratios within pairs, and above 1 when this library is faster.
      """)

  @Option(help: ArgumentHelp("What `peer.py make-weights` wrote.", valueName: "folder"))
  var weights: String

  @Option(
    help: ArgumentHelp("A Python with PyTorch; without it only our times.", valueName: "path"))
  var python: String?

  @Option(help: ArgumentHelp("The peer's script.", valueName: "file"))
  var script = "Benchmarks/peer.py"

  @Option(help: ArgumentHelp("Only measures whose name and shape contain this.", valueName: "text"))
  var only = ""

  @Option(help: ArgumentHelp("How many pairs of each measure.", valueName: "n"))
  var pairs = 7

  @Flag(help: "Two pairs of each: checks that everything runs, no more.")
  var quick = false

  @Flag(help: "Only time and peak memory of runs on grids of 101² to 801² positions.")
  var grids = false

  @Option(help: ArgumentHelp("Also write the figures, as JSON.", valueName: "file"))
  var json: String?

  @OptionGroup var threads: ThreadOptions

  func validate() throws {
    guard pairs >= 1 else { throw ValidationError("--pairs \(pairs): at least 1 is needed") }
  }

  func run() throws {
    let workers = threads.workers
    try Workers.$current.withValue(workers) {
      let folder = URL(fileURLWithPath: weights)
      if grids { return print(try GridTable(folder)) }
      let peer = try python.map {
        try Peer(python: $0, script: script, weights: weights, threads: workers.count)
      }
      let measures = try allMeasures(folder, workers).filter {
        only.isEmpty || "\($0.name) \($0.shape)".contains(only)
      }
      guard !measures.isEmpty else {
        throw CommandError("no measure's name contains \"\(only)\"", status: .nothingMatched)
      }
      let peak = GEMMPeak(workers: workers)
      var results: [MeasureResult] = []
      for measure in measures {
        printError("measuring \(measure.name) \(measure.shape) …")
        results.append(try measure.result(pairs: quick ? 2 : pairs, peer: peer, peak: peak))
      }
      let report = Report(
        threads: workers.count, peak: peak, peerBusyShare: peer?.busyShare, results: results)
      print(report)
      if let json {
        try Data(JSONOutput.text(report).utf8).write(to: URL(fileURLWithPath: json))
      }
      let failures = results.flatMap(\.disagreements)
      guard failures.isEmpty else {
        throw CommandError(
          "the two sides computed different things:\n  \(failures.joined(separator: "\n  "))",
          status: .checkFailed)
      }
    }
  }
}
