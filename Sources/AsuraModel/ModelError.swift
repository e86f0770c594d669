/// What went wrong with a model: its configuration, its weights, its input or its hooks.
public struct ModelError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Kind: Sendable, Equatable { case configuration, weights, input, hooks }
  public let kind: Kind
  /// What happened, with what was found and what was expected.
  public let message: String
  /// What to try.
  public let remedy: String?

  public init(_ kind: Kind, _ message: String, remedy: String? = nil) {
    self.kind = kind
    self.message = message
    self.remedy = remedy
  }

  public var description: String { remedy.map { "\(message)\n\($0)" } ?? message }
}
