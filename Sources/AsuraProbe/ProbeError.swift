/// Why a probe could not do its work: what happened, and what to try.
public struct ProbeError: Error, Sendable, Equatable, CustomStringConvertible {
  public enum Kind: Sendable, Equatable {
    /// The trace lacks what the probe needs: weights, input, latents.
    case incompleteTrace
    /// The model given is not the one the trace was made with.
    case otherModel
    /// An iteration or example that the trace does not have.
    case notFound
    /// A recorded value is NaN or infinite.
    case notFinite
    /// Pairs of inputs that cannot be compared.
    case badPairs
    /// A place, kind or option of a patch that does not fit the model.
    case badPatch
    /// Labels that do not fit the trace, or that nothing can be learned from.
    case labels
    /// It was stopped before there was any result.
    case interrupted
    /// The problem is larger than this machine can take.
    case tooLarge
  }
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
