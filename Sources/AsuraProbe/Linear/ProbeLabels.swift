internal import AsuraTensor
public import AsuraTrace
internal import Foundation

/// What is probed for: a class or a number at each position of each example.
public struct ProbeLabels: Sendable, Equatable {
  /// What values are taken for.
  public enum Kind: String, Sendable, CaseIterable {
    case classes, numbers
  }

  /// The fact's name, or that of a column of a file.
  public let name: String
  public let examples: Int
  public let positions: Int
  /// The value at each `[example, position]`: the class's number, or the number itself; NaN where there is none.
  public let values: [Double]
  /// What the classes are called; nil for numbers.
  public let classes: [String]?

  /// Whole numbers of no more different values than this are classes, unless told otherwise.
  public static let mostNumberedClasses = 10

  /// - Precondition: a value for each position of each example.
  public init(
    name: String, examples: Int, positions: Int, values: [Double], classes: [String]?
  ) {
    precondition(
      values.count == examples * positions,
      "\(values.count) values for \(examples) examples of \(positions) positions")
    self.name = name
    self.examples = examples
    self.positions = positions
    self.values = values
    self.classes = classes
  }

  /// The labels of numbers, which are classes or numbers as `kind` says, or else by how many different ones there are.
  init(
    name: String, examples: Int, positions: Int, numbers: [Double], names: [String] = [],
    kind: Kind?
  ) throws {
    let different = Set(numbers.lazy.filter { !$0.isNaN })
    let areWhole = different.allSatisfy { $0 == $0.rounded() && abs($0) < 1e9 }
    let isFew = areWhole && different.count <= Self.mostNumberedClasses
    let kind = kind ?? (!names.isEmpty || isFew ? .classes : .numbers)
    guard kind == .classes else {
      self.init(
        name: name, examples: examples, positions: positions, values: numbers, classes: nil)
      return
    }
    guard areWhole else {
      throw ProbeError(
        .labels, "\(name) has values that are not whole numbers, so they are no classes",
        remedy: "Probe them as numbers.")
    }
    // Only the classes that occur: a probe cannot learn of others.
    let sorted = different.sorted()
    let places = Dictionary(uniqueKeysWithValues: sorted.enumerated().map { ($1, Double($0)) })
    self.init(
      name: name, examples: examples, positions: positions,
      values: numbers.map { places[$0] ?? .nan },
      classes: sorted.map { value in
        let number = Int(value)
        return names.indices.contains(number) ? names[number] : "\(number)"
      })
  }

  /// A fact of a trace, such as `carry`.
  /// - Parameter kind: nil for classes where the trace names them, or where they are few whole numbers.
  /// - Throws: `ProbeError` that lists the facts there are, when there is none of that name; `TraceError`.
  public init(fact name: String, of reader: TraceReader, as kind: Kind? = nil) throws {
    let facts = try reader.input().facts
    guard let fact = facts[name] else {
      let known = facts.keys.sorted().joined(separator: ", ")
      throw ProbeError(
        .notFound, "\(reader.url.path) has no fact '\(name)'",
        remedy: known.isEmpty
          ? "It has none: give labels of your own in a file." : "It has: \(known)")
    }
    guard fact.values.shape.count == 2 else {
      throw ProbeError(
        .incompleteTrace,
        "the fact \(name) has the shape \(fact.values.shape), not [batch, position]"
      )
    }
    try self.init(
      name: name, examples: fact.values.shape[0], positions: fact.values.shape[1],
      numbers: fact.values.elements.map { $0 < 0 ? .nan : Double($0) }, names: fact.labels,
      kind: kind)
  }

  public subscript(example: Int, position: Int) -> Double {
    values[example * positions + position]
  }

  // MARK: - Made of others

  /// The labels of the position `offset` further on, at each position.
  public func shifted(by offset: Int) -> ProbeLabels {
    moved { position in
      let source = position + offset
      return (0..<positions).contains(source) ? [source] : []
    }
  }

  /// At each position the label of the place `step` further by position ids, such as the next more significant digit:
  /// positions of one id are one place, and the one where the fact is known speaks for it. Id 0 is no place.
  /// - Parameter ids: by position.
  public func shifted(toID step: Int, ids: [Int]) -> ProbeLabels {
    precondition(ids.count == positions, "\(ids.count) ids for \(positions) positions")
    return moved { position in
      guard ids[position] > 0 else { return [] }
      return ids.indices.filter { ids[$0] > 0 && ids[$0] == ids[position] + step }
    }
  }

  /// Takes, at each position, the first value there is at its `sources`.
  private func moved(_ sources: (Int) -> [Int]) -> ProbeLabels {
    var moved = [Double](repeating: .nan, count: values.count)
    for position in 0..<positions {
      let places = sources(position)
      for example in 0..<examples {
        let found = places.lazy.map { self[example, $0] }.first { !$0.isNaN }
        moved[example * positions + position] = found ?? .nan
      }
    }
    return ProbeLabels(
      name: name, examples: examples, positions: positions, values: moved, classes: classes)
  }

  /// The labels of some examples and positions, in that order.
  public func selecting(examples chosen: [Int], positions places: [Int]) -> ProbeLabels {
    ProbeLabels(
      name: name, examples: chosen.count, positions: places.count,
      values: chosen.flatMap { example in places.map { self[example, $0] } }, classes: classes)
  }

  /// Each class's share of all labels.
  var shares: [Double] {
    guard let classes else { return [] }
    var counts = [Double](repeating: 0, count: classes.count)
    for value in values where !value.isNaN { counts[Int(value)] += 1 }
    let total = counts.reduce(0, +)
    return counts.map { total > 0 ? $0 / total : 0 }
  }

  /// Whether all labels are one and the same.
  var isConstant: Bool {
    var first: Double?
    for value in values where !value.isNaN {
      if let first, first != value { return false }
      first = value
    }
    return true
  }
}
