import Asura
import AsuraCommandLine
import AsuraModel
import AsuraProbe
import Foundation

/// Logistic probes of two classes at 50 iterations × 64 positions, each of 2,000 examples of width 64, at one penalty
/// and gradient tolerance, from 32-bit values as a trace holds them. The outcome is the mean objective by iteration.
func linearProbes(_ folder: URL) throws -> Measure {
  let latents = try MovingLatents(folder)
  return Measure(
    name: "linear probes", shape: "\(MovingLatents.iterations) × \(latents.positions)", target: 5,
    contestants: [
      .ours { try latents.probe() },
      .init("scikit-learn lbfgs", .theirs("linear lbfgs")),
      .init("scikit-learn newton-cholesky", .theirs("linear newton-cholesky")),
    ], tolerance: 1e-6)
}

/// Latents that move from one set of values to another, the same at every position but for the order of coordinates,
/// with labels of their own at each position: `cos(t/50)·A + sin(t/50)·B`.
private final class MovingLatents {
  static let iterations = 50
  private static let penalty = 0.01
  private static let tolerance = 1e-6
  /// `[position][row]`
  private let labels: [[Int]]
  private let a: Tensor<Double>
  private let b: Tensor<Double>
  /// Made at the first run: `[position, row, width]` by iteration.
  private var values: [Tensor<Float>] = []

  var positions: Int { labels.count }

  init(_ folder: URL) throws {
    let file = try Safetensors(contentsOf: folder.appendingPathComponent("linear.safetensors"))
    (a, b) = (try file.tensor("a"), try file.tensor("b"))
    let rows = a.shape[0]
    let all = try file.integers("labels").map { Int($0) }
    labels = stride(from: 0, to: all.count, by: rows).map { Array(all[$0..<$0 + rows]) }
  }

  private func made(_ t: Int) -> Tensor<Float> {
    let (rows, width) = (a.shape[0], a.shape[1])
    let (c, s) = (cos(Double(t) / 50), sin(Double(t) / 50))
    return Tensor([positions, rows, width]) { out in
      read(a, b) { a, b in
        for p in 0..<positions {
          for r in 0..<rows {
            for j in 0..<width {
              let i = r * width + (j + width - p % width) % width
              let (x, y) = (c * a[i], s * b[i])
              out[(p * rows + r) * width + j] = Float(x + y)
            }
          }
        }
      }
    }
  }

  func probe() throws -> Outcome {
    if values.isEmpty { values = (0..<Self.iterations).map(made) }
    let (values, labels, count) = (values, labels, labels.count)
    let objectives = try Workers.current.map(Self.iterations * count) { problem in
      let (t, p) = (problem / count, problem % count)
      return try LinearFit(
        .logistic, values: values[t][p].converted(), labels: labels[p], classes: 2,
        penalty: Self.penalty, tolerance: Self.tolerance
      ).objective
    }
    return Outcome(
      numbers: (0..<Self.iterations).map { t in
        objectives[t * count..<(t + 1) * count].reduce(0, +) / Double(count)
      })
  }
}
