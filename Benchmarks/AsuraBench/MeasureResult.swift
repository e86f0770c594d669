import Foundation

/// What one measure found.
struct MeasureResult: Encodable {
  struct Times: Encodable {
    let name: String
    let median: Double
    let fastest: Double
    let slowest: Double
    /// The median processor time of our runs, all threads together; nil for others.
    let processor: Double?
    /// Each turn's, in order.
    let seconds: [Double]
  }
  let name: String
  let shape: String
  let target: Double
  /// Ours first.
  let times: [Times]
  /// The best other's time over ours: the median of the pairs, and the smallest and largest. Nil without another.
  let ratio: Double?
  let ratioRange: [Double]
  let reached: Bool?
  /// Floating-point operations in our matrix products a second, and as a share of the peak for as many threads.
  let operationsPerSecond: Double?
  let shareOfPeak: Double?
  /// The largest difference between our outcome and another's, relative to the largest number.
  let difference: Double
  /// Where that is more than it may be.
  let disagreements: [String]

  init(_ measure: Measure, _ contestants: [Measure.Contestant], peak: GEMMPeak) {
    name = measure.name
    shape = measure.shape
    target = measure.target
    times = contestants.map {
      Times(
        name: $0.name, median: $0.seconds.median, fastest: $0.seconds.min() ?? .nan,
        slowest: $0.seconds.max() ?? .nan,
        processor: $0.isTheirs ? nil : $0.processorSeconds.median, seconds: $0.seconds)
    }
    let ours = contestants[0]
    if let best = contestants.dropFirst().min(by: { $0.seconds.median < $1.seconds.median }) {
      let ratios = zip(best.seconds, ours.seconds).map { $0 / $1 }
      ratio = ratios.median
      ratioRange = [ratios.min() ?? .nan, ratios.max() ?? .nan]
      reached = ratios.median >= target
    } else {
      ratio = nil
      ratioRange = []
      reached = nil
    }
    operationsPerSecond = measure.operations > 0 ? measure.operations / times[0].median : nil
    shareOfPeak = operationsPerSecond.map { $0 / peak.allThreads }

    // Run by run, as far as each went; the first few, since training amplifies rounding.
    var largest = 0.0
    var disagreements: [String] = []
    for other in contestants.dropFirst() {
      var difference = 0.0
      for (a, b) in zip(ours.outcomes, other.outcomes).prefix(5) {
        let scale = (a.numbers + b.numbers).map(abs).max() ?? 1
        for (x, y) in zip(a.numbers, b.numbers) {
          difference = max(difference, (x - y).isNaN ? .infinity : abs(x - y) / scale)
        }
        if a.numbers.count != b.numbers.count { difference = .infinity }
      }
      if difference > measure.tolerance {
        disagreements.append(
          "\(measure.name) \(measure.shape): ours and \(other.name) differ by \(difference), "
            + "allowed \(measure.tolerance)")
      }
      largest = max(largest, difference)
    }
    difference = largest
    self.disagreements = disagreements
  }
}
