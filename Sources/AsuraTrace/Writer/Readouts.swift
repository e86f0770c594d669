internal import AsuraKernels
import AsuraTensor
import Foundation
import Synchronization

/// What is read out of the latent at each iteration: loss, correctness and entropy of every position, and how far
/// the class probabilities move, computed from logits part by part of the batch as they come.
final class Readouts: Sendable {
  /// The series of some examples, each `[example, position]`.
  struct Series: Sendable {
    /// In nat.
    var entropy: [Double]
    /// In nat; NaN without target.
    var loss: [Double]
    /// 1 where the likeliest class is the target.
    var correct: [UInt8]
  }
  private struct Part: Sendable {
    let rows: Range<Int>
    let probabilities: Tensor<Double>
  }
  private struct Entry: Sendable {
    var parts: [Part] = []
    /// Of each example Σ abs(p_t − p_{t−1}); NaN where one of both did not come.
    var changes: [Double]
  }
  private let examples: Int
  private let positions: Int
  private let targets: [Int32]?
  private let entries = Mutex<[Int: Entry]>([:])

  /// - Parameter shape: that of the logits of the whole batch, `[batch, position, class]`.
  init(shape: [Int], targets: [Int32]?) {
    (examples, positions) = (shape[0], shape[1])
    self.targets = targets
  }

  /// Takes the logits of some examples after `iteration`.
  func add<S: Scalar>(_ logits: Tensor<S>, rows: Range<Int>, iteration: Int) -> Series {
    let (classes, places) = (logits.rowLength, logits.rowCount)
    let wide = Self.doubles(logits)
    var series = Series(
      entropy: .init(repeating: 0, count: places), loss: .init(repeating: .nan, count: places),
      correct: .init(repeating: 0, count: places))
    let probabilities = wide.read { x in
      var likeliest = [Int32](repeating: 0, count: places)
      for place in 0..<places {
        let row = x + place * classes
        var best = 0
        for c in 1..<max(1, classes) where row[c] > row[best] { best = c }
        likeliest[place] = Int32(best)
      }
      // Against the likeliest class the loss is log Σ exp(x − top).
      var logSum = [Double](repeating: 0, count: places)
      let probabilities = Tensor<Double>(wide.shape) { p in
        asura_cross_entropy(ASURA_F64, x, likeliest, 0, &logSum, p, places, classes)
      }
      probabilities.read { p in
        for place in 0..<places {
          let (row, p) = (x + place * classes, p + place * classes)
          let top = row[Int(likeliest[place])]
          var entropy = logSum[place]
          // A class of probability 0 adds nothing, though its logit may be −∞.
          for c in 0..<classes where p[c] != 0 { entropy -= p[c] * (row[c] - top) }
          series.entropy[place] = entropy
          guard let target = targets?[rows.lowerBound * positions + place], target >= 0,
            target < classes
          else { continue }
          series.loss[place] = logSum[place] + top - row[Int(target)]
          series.correct[place] =
            likeliest[place] == target && !logSum[place].isNaN ? 1 : 0
        }
      }
      return probabilities
    }
    note(Part(rows: rows, probabilities: probabilities), iteration)
    return series
  }

  /// The logits in 64 bits.
  private static func doubles<S: Scalar>(_ logits: Tensor<S>) -> Tensor<Double> {
    // Concrete types: generic arithmetic would be a hundred times slower.
    guard case .float32(let narrow) = TraceArray(logits) else { return logits.converted() }
    return Tensor<Double>(narrow.shape) { y in
      narrow.read { x in for i in 0..<narrow.count { y[i] = Double(x[i]) } }
    }
  }

  private func note(_ part: Part, _ iteration: Int) {
    let before = entries.withLock { $0[iteration - 1]?.parts ?? [] }
    let each = part.probabilities.count / max(1, part.rows.count)
    var changes = [Double](repeating: .nan, count: part.rows.count)
    part.probabilities.read { p in
      for (index, example) in part.rows.enumerated() {
        guard let old = before.first(where: { $0.rows.contains(example) }) else { continue }
        old.probabilities.read { q in
          let (p, q) = (p + index * each, q + (example - old.rows.lowerBound) * each)
          var change = 0.0
          for i in 0..<each { change += abs(p[i] - q[i]) }
          changes[index] = change
        }
      }
    }
    entries.withLock { entries in
      let none = [Double](repeating: .nan, count: examples)
      var entry = entries[iteration] ?? Entry(changes: none)
      entry.parts.append(part)
      entry.changes.replaceSubrange(part.rows, with: changes)
      entries[iteration] = entry
    }
  }

  /// How far the class probabilities moved in an iteration: half the sum of absolute differences (total
  /// variation, 0…1), averaged over positions; NaN where those before were not seen. Forgets what came before.
  func take(_ iteration: Int) -> Double {
    entries.withLock { entries in
      let entry = entries[iteration]
      for old in entries.keys where old < iteration { entries[old] = nil }
      guard let entry else { return .nan }
      return entry.changes.reduce(0, +) / 2 / Double(examples * positions)
    }
  }
}
