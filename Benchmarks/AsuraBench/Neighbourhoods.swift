import Asura
import AsuraModel
import Foundation

/// Attention to the 3×3 neighbourhoods of a grid, with a learned bias for each head and offset, as mazes are solved by:
/// a training step on small grids, and a run on a large one.
func neighbourhoods(_ folder: URL) throws -> [Measure] {
  let (small, large) = (try Workload<Float>(folder, "maze"), try Workload<Float>(folder, "grid"))
  let steps = TrainingSteps(small)
  return [
    Measure(
      name: "neighbourhood train", shape: "16 × 11×11", target: 2,
      contestants: [
        .ours("ours", { try steps.step() }, restart: { steps.restart() }),
        .init("PyTorch unfold", .theirs("grid-train unfold")),
        .init("PyTorch masked", .theirs("grid-train masked")),
      ], tolerance: 1e-4, operations: 3 * small.forwardOperations),
    Measure(
      name: "neighbourhood rollout", shape: "201×201", target: 2,
      contestants: [
        forwardRun(large),
        .init("PyTorch unfold", .theirs("grid-rollout unfold")),
      ], tolerance: 1e-4, operations: large.forwardOperations),
  ]
}

/// Time and peak memory of runs on ever larger grids, with and without an active set, for `--grids`.
struct GridTable: CustomStringConvertible {
  private var lines = [
    "grid      positions   peak MB   bytes/position   s/iteration   with an active set of 1e-3"
  ]

  init(_ folder: URL) throws {
    let model = try Workload<Float>(folder, "maze").model
    let iterations = 8
    for side in [101, 201, 401, 801] {
      var random = Random(seed: UInt64(side), for: "grid")
      let input = try ModelInput(
        tokens: (0..<side * side).map { _ in Int32.random(in: 0..<5, using: &random) }, batch: 1,
        positions: side * side, rows: side)
      func seconds(_ activeSet: Double?) throws -> Double {
        var options = RunOptions<Float>()
        options.iterations = iterations
        options.activeSet = activeSet
        let start = ContinuousClock.now
        _ = try model.run(input, options)
        return (ContinuousClock.now - start) / .seconds(iterations)
      }
      let dense = try seconds(nil)
      let active = try seconds(1e-3)
      let peak = Self.peakBytes
      lines.append(
        String(
          format: "%3ld×%-3ld %11ld %9.0f %16.0f %13.4f   %.4f", side, side, side * side,
          peak / 1e6,
          peak / Double(side * side), dense, active))
    }
  }

  var description: String { lines.joined(separator: "\n") }

  /// The most memory this process has had so far; NaN where the system doesn't tell.
  private static var peakBytes: Double {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return (line?.split(whereSeparator: \.isWhitespace).dropFirst().first).flatMap { Double($0) }
      .map { $0 * 1024 } ?? .nan
  }
}
