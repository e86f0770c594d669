/// What a command tells the shell when it ends.
public enum CommandStatus: Int32, Sendable, CaseIterable {
  /// The work was done.
  case done = 0
  /// Something outside the command's control failed: a file, the disk, the system.
  case failure = 1
  /// The command line was wrong.
  case usage = 2
  /// A pattern, a range or a filter selected nothing.
  case nothingMatched = 3
  /// The work was done, and a numeric check on it failed.
  case checkFailed = 4
  /// The input ends early: an unfinished trace, a truncated checkpoint.
  case incompleteInput = 5
}
