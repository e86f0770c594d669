/// A failure as the user of a command reads it: what happened, and what to try.
///
/// `message` names the file, flag or field, what was found and what was expected; it starts in
/// lower case and has no full stop. `remedy`, where there is one, says what to do next.
public struct CommandError: Error, Equatable, CustomStringConvertible {
  public var message: String
  public var status: CommandStatus
  public var remedy: String?

  public init(_ message: String, status: CommandStatus = .failure, remedy: String? = nil) {
    self.message = message
    self.status = status
    self.remedy = remedy
  }

  /// The message, and the remedy on a line of its own.
  public var description: String {
    remedy.map { "\(message)\n  \($0)" } ?? message
  }
}
