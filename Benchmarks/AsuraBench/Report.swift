import Asura
import AsuraCommandLine
import Foundation

/// All that was measured, as a table and as JSON.
struct Report: Encodable, CustomStringConvertible {
  let cpu = CPU.name
  let blas = BLAS.kernels.name
  let threads: Int
  let peak: GEMMPeak
  /// The share of a processor PyTorch's process used while ours was timed.
  let peerBusyShare: Double?
  let results: [MeasureResult]

  var description: String {
    let others = results.flatMap { $0.times.dropFirst().map(\.name) }
      .reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
    var table = TextTable(
      [("measure", .left), ("shape", .left), ("ours, ms (min–max)", .right)]
        + others.map { ($0, .right) }
        + [
          ("ratio (min–max)", .right), ("target", .right), ("reached", .left),
          ("of GEMM peak", .right), ("differs by", .right),
        ])
    for result in results {
      let cells = others.map { name in
        result.times.dropFirst().first { $0.name == name }.map { milliseconds($0) } ?? ""
      }
      table.append(
        [result.name, result.shape, milliseconds(result.times[0])] + cells + [
          result.ratio.map {
            String(format: "%.3g× (%.3g–%.3g)", $0, result.ratioRange[0], result.ratioRange[1])
          } ?? "",
          String(format: "%g×", result.target),
          result.reached.map { $0 ? "yes" : "no" } ?? "",
          result.shareOfPeak.map { String(format: "%.0f%%", 100 * $0) } ?? "",
          result.times.count > 1 ? String(format: "%.1e", result.difference) : "",
        ])
    }
    return """
      \(table)

      \(cpu), \(threads) \(threads == 1 ? "thread" : "threads"), OpenBLAS kernels \(blas)
      GEMM peak, float 2048³: \(gigaflops(peak.oneThread)) one thread, \
      \(gigaflops(peak.allThreads)) all threads
      \(peerBusyShare.map {
        String(format: "PyTorch's process used %.1f%% of a core while ours was timed\n", 100 * $0)
      } ?? "")\
      Times are medians of turns; a ratio is the best other's time over ours, the median over pairs.
      """
  }

  private func milliseconds(_ times: MeasureResult.Times) -> String {
    func text(_ seconds: Double) -> String {
      String(format: seconds < 0.1 ? "%.2f" : "%.0f", 1000 * seconds)
    }
    return "\(text(times.median)) (\(text(times.fastest))–\(text(times.slowest)))"
  }

  private func gigaflops(_ rate: Double) -> String { String(format: "%.0f GFLOP/s", rate / 1e9) }
}
