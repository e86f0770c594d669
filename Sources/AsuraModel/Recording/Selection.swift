/// Which of some numbered things something applies to: iterations, positions, examples.
public enum Selection: Sendable, Equatable, ExpressibleByIntegerLiteral {
  case all
  case only(Set<Int>)

  /// One of them.
  public init(integerLiteral number: Int) { self = .only([number]) }

  /// Those of a range, both ends included.
  public static func range(_ range: ClosedRange<Int>) -> Self { .only(Set(range)) }

  /// Whether `number` is among them.
  public func contains(_ number: Int) -> Bool {
    switch self {
    case .all: true
    case .only(let numbers): numbers.contains(number)
    }
  }

  /// Those of either.
  public func union(_ other: Self) -> Self {
    switch (self, other) {
    case (.only(let a), .only(let b)): .only(a.union(b))
    default: .all
    }
  }

  /// The chosen ones in order; nil for all. One that is not in `0..<count`, and none at all, are errors.
  func resolved(_ what: String, count: Int) throws -> [Int]? {
    guard case .only(let numbers) = self else { return nil }
    guard !numbers.isEmpty else {
      throw ModelError(
        .hooks, "a request to record selects no \(what)s", remedy: "Select some, or leave it out.")
    }
    if let beyond = numbers.filter({ !(0..<count).contains($0) }).min() {
      throw ModelError(
        .hooks, "\(what) \(beyond) is not among the input's \(count) \(what)s",
        remedy: "They count from 0 to \(count - 1).")
    }
    return numbers.count == count ? nil : numbers.sorted()
  }
}

/// Which iterations something applies to.
public typealias IterationSelection = Selection
