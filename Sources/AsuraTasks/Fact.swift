/// What truly happens inside the examples of a batch, for a trace to store and a probe to read.
public struct Fact: Sendable, Equatable {
  public let name: String
  /// One sentence: what the value says of its position.
  public let description: String
  /// Names of the values 0, 1, …; empty when the value is a count.
  public let classes: [String]
  /// `[example, position]`; −1 where the fact isn't defined.
  public let values: [Int32]

  public init(name: String, description: String, classes: [String] = [], values: [Int32]) {
    self.name = name
    self.description = description
    self.classes = classes
    self.values = values
  }
}
