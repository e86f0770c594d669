internal import AsuraTensor

/// How well a score tells two kinds of examples apart: the area under the ROC curve, with a bootstrap interval.
public struct Separation: Sendable, Equatable {
  /// The chance that a score of the first kind is above one of the second, ties counting half: 0.5 tells nothing,
  /// 0 and 1 everything.
  public let area: Double
  /// The middle 95% of the area over resampled examples, each kind resampled by itself. Of few examples it says
  /// little, and where the area is 0 or 1 it has no width and says nothing.
  public let interval: ClosedRange<Double>
  /// How many there are of each kind.
  public let counts: (first: Int, second: Int)

  /// - Returns: nil when there are none of one kind, or a score is NaN.
  public init?(_ first: [Double], _ second: [Double], resamples: Int = 2000, seed: UInt64 = 0) {
    guard !first.isEmpty, !second.isEmpty, !(first + second).contains(where: \.isNaN) else {
      return nil
    }
    area = Self.area(first, second)
    counts = (first.count, second.count)
    var random = Random(seed: seed, for: "bootstrap")
    func resampled(_ values: [Double]) -> [Double] {
      values.map { _ in values[Int(random.next() % UInt64(values.count))] }
    }
    let areas = (0..<resamples).map { _ in Self.area(resampled(first), resampled(second)) }.sorted()
    let (low, high) = (Int(0.025 * Double(resamples)), Int(0.975 * Double(resamples)))
    interval = areas.isEmpty ? area...area : areas[low]...areas[min(high, resamples - 1)]
  }

  public static func == (a: Separation, b: Separation) -> Bool {
    a.area == b.area && a.interval == b.interval && a.counts == b.counts
  }

  /// From ranks: the Mann–Whitney statistic over the number of pairs.
  private static func area(_ first: [Double], _ second: [Double]) -> Double {
    let sorted = second.sorted()
    func below(_ value: Double, orEqual: Bool) -> Int {
      var (low, high) = (0, sorted.count)
      while low < high {
        let middle = (low + high) / 2
        if sorted[middle] < value || (orEqual && sorted[middle] == value) {
          low = middle + 1
        } else {
          high = middle
        }
      }
      return low
    }
    let wins = first.reduce(0.0) {
      $0 + Double(below($1, orEqual: false) + below($1, orEqual: true)) / 2
    }
    return wins / Double(first.count * second.count)
  }
}
