import AsuraConfiguration
import AsuraTensor

/// Pairs of examples that differ little and have different answers, for causal experiments: example i of either batch
/// is one of pair i.
public struct ExamplePairs: Sendable, Equatable {
  public let clean: Batch
  public let corrupted: Batch
  /// Where the two inputs differ, and other facts of the pairs, as the clean examples' positions have them.
  public let facts: [Fact]

  public init(clean: Batch, corrupted: Batch, facts: [Fact] = []) {
    precondition(
      clean.examples == corrupted.examples && clean.positions == corrupted.positions,
      "\(clean.examples) × \(clean.positions) clean and \(corrupted.examples) × "
        + "\(corrupted.positions) corrupted positions")
    self.clean = clean
    self.corrupted = corrupted
    self.facts = [Self.changed(clean, corrupted), Self.affected(clean, corrupted)] + facts
  }

  /// The fact of that name.
  public func fact(_ name: String) -> Fact? { facts.first { $0.name == name } }

  private static func changed(_ clean: Batch, _ corrupted: Batch) -> Fact {
    let places = clean.examples * clean.positions
    return Fact(
      name: "changed", description: "whether the two inputs differ here",
      classes: ["same", "changed"],
      values: (0..<places).map { place in
        let tokens = place * clean.channels..<(place + 1) * clean.channels
        return clean.tokens[tokens] == corrupted.tokens[tokens] ? 0 : 1
      })
  }

  private static func affected(_ clean: Batch, _ corrupted: Batch) -> Fact {
    Fact(
      name: "affected", description: "whether the two answers differ here",
      classes: ["same", "affected"],
      values: zip(clean.targets, corrupted.targets).map { $0 < 0 ? -1 : $0 == $1 ? 0 : 1 })
  }
}

extension LearningTask {
  /// A task that makes no pairs.
  public var pairKinds: [ExampleKind] { [] }

  /// A task that makes no pairs.
  public func makePairs(
    length: Int, count: Int, kind: ExampleKind?, random: inout Random
  ) throws -> ExamplePairs {
    throw TaskError(
      field: "pairs", found: "a request for pairs of the task \(name)",
      expected: "a task that makes some", remedy: "write pairs of your own, one a line")
  }

  /// The kind of pairs of that name; the first when nil.
  public func pairKind(named name: String?) throws -> ExampleKind? {
    guard let name else { return pairKinds.first }
    guard let kind = pairKinds.first(where: { $0.name == name }) else {
      throw TaskError.unknown("kind of pairs", found: name, names: pairKinds.map(\.name))
    }
    return kind
  }

  /// The kind asked for, or the first; one the task does not have is an error.
  func checkedPairKind(_ kind: ExampleKind?) throws -> ExampleKind {
    guard let found = try pairKind(named: kind?.name) else {
      throw TaskError.unknown("kind of pairs", found: kind?.name ?? "", names: [])
    }
    return found
  }
}
