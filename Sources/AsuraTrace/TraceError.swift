import Foundation

/// What went wrong with a trace or companion file: what happened, where, and what to try.
public struct TraceError: Error, Sendable {
  /// The sort of failure, for callers that act on it.
  public enum Kind: String, Sendable, Codable {
    /// There is no such file.
    case missing
    /// The output is there already.
    case exists
    /// The file cannot be created, read or written: permissions, a full disk.
    case inaccessible
    /// The file is no HDF5 file, or holds something else than what was asked for.
    case foreign
    /// The file follows a schema version that this library does not read.
    case version
    /// The file is truncated, or what it says of itself does not hold.
    case damaged
    /// The file has no site, iteration, fact, weight or analysis of that name.
    case notFound
    /// What was handed in does not fit what was declared: shape, order, unknown site.
    case misuse
    /// HDF5 refused a call; the layer above says what that means for the file.
    case library
  }

  public let kind: Kind
  /// What happened, with the values that were found and expected.
  public let message: String
  /// What to try; may be empty.
  public let advice: String
  /// The path of the file concerned, where one is.
  public let file: String?
  /// HDF5's own messages, innermost first; empty when HDF5 had no part in it.
  public let library: [String]

  public init(
    _ kind: Kind, _ message: String, advice: String = "", file: URL? = nil, library: [String] = []
  ) {
    self.kind = kind
    self.message = message
    self.advice = advice
    self.file = file?.path
    self.library = library
  }

  private init(_ error: TraceError, kind: Kind, file: URL, advice: String) {
    self.kind = kind
    self.message = error.message
    self.advice = advice
    self.file = error.file ?? file.path
    self.library = error.library
  }

  /// Runs `body`; an error from inside it is thrown on with `file` named, and a failure of HDF5
  /// itself as a failure of `kind` with `advice`.
  static func locating<R>(
    _ file: URL, _ kind: Kind, advice: String = "", _ body: () throws -> R
  ) throws -> R {
    do {
      return try body()
    } catch let error as TraceError {
      let fromLibrary = error.kind == .library
      throw TraceError(
        error, kind: fromLibrary ? kind : error.kind, file: file,
        advice: fromLibrary && error.advice.isEmpty ? advice : error.advice)
    }
  }
}

extension TraceError: CustomStringConvertible, LocalizedError {
  /// One paragraph for a person: file, what happened, HDF5's innermost words, what to try.
  public var description: String {
    var text = file.map { "\($0): " } ?? ""
    text += message
    if !library.isEmpty { text += " (HDF5: \(library.prefix(2).joined(separator: "; ")))" }
    if !advice.isEmpty { text += ". \(advice)" }
    return text
  }

  public var errorDescription: String? { description }
}
