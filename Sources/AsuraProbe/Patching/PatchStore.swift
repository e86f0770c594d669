internal import AsuraModel
internal import AsuraTensor
internal import Synchronization

/// A value that patches need of some run: a site's in an iteration, 0 outside the recurrence.
struct PatchNeed: Hashable, Sendable {
  enum Run: Hashable, Sendable {
    case base, source
    /// The base run of another pair.
    case partner
  }
  let run: Run
  let site: Site
  let iteration: Int
}

/// What runs recorded, by site, iteration and the run's number; behind a lock, for runs record side by side.
final class PatchStore<S: Scalar>: RecordingSink {
  private struct Key: Hashable {
    let site: Site
    let iteration: Int
  }
  private let table = Mutex<[Key: [Int: Tensor<S>]]>([:])

  func record(
    _ values: Tensor<S>, of quantity: RecordedQuantity, iteration: Int, rows: Range<Int>
  ) {
    table.withLock {
      $0[Key(site: quantity.site, iteration: iteration), default: [:]][rows.lowerBound] = values
    }
  }

  func finished(_: Int) {}

  /// The value `[1, …]` of a run's site; nil if it was not recorded.
  func value(_ site: Site, _ iteration: Int, run: Int) -> Tensor<S>? {
    table.withLock { $0[Key(site: site, iteration: iteration)]?[run] }
  }
}

/// Mean and spread of a site's values in one iteration over the pairs' base runs.
struct PatchStatistics<S: Scalar>: Sendable {
  /// Element by element, `[1, …]`.
  let mean: Tensor<S>
  /// The standard deviation of all elements of all runs about their one mean.
  let deviation: Double

  /// Adds up values in 64 bits, one run at a time.
  struct Sums {
    private var shape: [Int] = []
    private var sums: [Double] = []
    private var total = 0.0
    private var squares = 0.0
    private var count = 0

    mutating func add(_ value: Tensor<S>) {
      if sums.isEmpty {
        shape = value.shape
        sums = Array(repeating: 0, count: value.count)
      }
      value.read { x in
        for i in 0..<value.count {
          let y = Double(x[i])
          sums[i] += y
          // Masked scores are −∞, and have no spread.
          if y.isFinite {
            total += y
            squares += y * y
          }
        }
      }
      count += 1
    }

    var statistics: PatchStatistics {
      let elements = Double(max(1, count * sums.count))
      let mean = total / elements
      return PatchStatistics(
        mean: Tensor(shape, sums.map { S($0 / Double(max(1, count))) }),
        deviation: max(0, squares / elements - mean * mean).squareRoot())
    }
  }
}
