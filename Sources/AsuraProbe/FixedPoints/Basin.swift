public import AsuraTensor

/// How far from a resting place a state may be put for the iteration to bring it back, along random directions.
///
/// In each direction the farthest radius from which it comes back is bracketed and bisected. That finds one border of
/// the basin; where the basin has holes, or the border folds back, there are others. A radius is relative to the
/// resting place's norm (absolute where that is zero).
public struct Basin: Sendable {
  /// What is known of one direction.
  public struct Direction: Sendable, Equatable {
    /// The largest radius tried from which the state came back; 0 if none.
    public let inside: Double
    /// The smallest from which it did not; nil where it came back from the largest of all.
    public let outside: Double?

    /// The border as nearly as it is known; nil where none was found.
    public var radius: Double? { outside.map { ($0 + inside) / 2 } }
  }

  /// What a basin is measured by.
  public struct Options: Sendable, Equatable {
    /// How many random directions.
    public var directions = 16
    /// The first radius tried, and the largest.
    public var first = 0.25
    public var limit = 64.0
    /// How closely a border is bracketed, as a ratio.
    public var precision = 1.05

    public init() {}
  }

  public let directions: [Direction]
  public let limit: Double
  /// What radii are multiples of.
  public let scale: Double
  /// Whether all directions were followed to the end.
  public let isComplete: Bool

  /// Measures the basin of `place` `[dimension]` under the system `row` of a map.
  public init(
    of place: Tensor<Double>, _ map: any StateMap, row: Int = 0, test: ReturnTest,
    options: Options = Options(), random: inout Random,
    isCancelled: @Sendable () -> Bool = { false }
  ) throws {
    let norm = place.norm
    let scale = norm > 0 ? norm : 1
    let units = randomDirections(options.directions, map.dimension, using: &random)
    var inside = Array(repeating: 0.0, count: options.directions)
    var outside: [Double?] = Array(repeating: nil, count: options.directions)
    /// The next radius to try in a direction; nil where nothing is left to find.
    func next(_ i: Int) -> Double? {
      guard let out = outside[i] else {
        return inside[i] >= options.limit
          ? nil : inside[i] == 0 ? options.first : min(4 * inside[i], options.limit)
      }
      // Within the test's tolerance every state counts as back.
      if inside[i] == 0 { return out / 4 > test.tolerance ? out / 4 : nil }
      return out / inside[i] > options.precision ? (out * inside[i]).squareRoot() : nil
    }
    while !isCancelled() {
      let open = (0..<options.directions).compactMap { i in next(i).map { (i, $0) } }
      if open.isEmpty { break }
      var states = place.repeatedRows(open.count)
      states.addRows(of: units.rows(open.map(\.0)), times: open.map { $0.1 * scale })
      let back = try test.returns(map, row: row, from: states, to: place, isCancelled: isCancelled)
      if isCancelled() { break }
      for (place, (i, radius)) in open.enumerated() {
        if back[place] != nil { inside[i] = radius } else { outside[i] = radius }
      }
    }
    directions = zip(inside, outside).map { Direction(inside: $0, outside: $1) }
    limit = options.limit
    self.scale = scale
    isComplete = (0..<options.directions).allSatisfy { next($0) == nil }
  }

  /// The directions in which no border was found.
  public var unbounded: Int { directions.count { $0.outside == nil } }

  /// The smallest radius, the median and the largest, those without a border counting as infinite.
  public var spread: (smallest: Double, median: Double, largest: Double) {
    let sorted = directions.map { $0.radius ?? .infinity }.sorted()
    guard let first = sorted.first, let last = sorted.last else { return (.nan, .nan, .nan) }
    return (first, sorted[sorted.count / 2], last)
  }
}
