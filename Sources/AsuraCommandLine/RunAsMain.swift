import ArgumentParser
import AsuraTrace
@preconcurrency import Foundation

extension ParsableCommand {
  /// Runs the command as a program: parses, runs, reports a failure and exits.
  ///
  /// Wrong usage exits with 2 (`CommandStatus.usage`), not with ArgumentParser's 64; a
  /// `CommandError` with its own status; any other error with 1. Failures are written to standard
  /// error, in colour only on a terminal.
  ///
  /// - Parameters:
  ///   - arguments: the command line without the program's name; nil for the process's own.
  ///   - explain: turns errors of other modules into a status and a remedy; nil leaves one as it
  ///     is.
  public static func runAsMain(
    _ arguments: [String]? = nil, explaining explain: (any Error) -> CommandError? = { _ in nil }
  ) async -> Never {
    TraceExamination.runIfRequested()
    var command: any ParsableCommand
    do {
      command = try parseAsRoot(arguments)
    } catch {
      // All that stops a parse is help (a success) or wrong usage, errors from `validate` included.
      finish(reporting: error, otherwise: .usage)
    }
    do {
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch {
      if let failure = error as? CommandError ?? explain(error) { leave(failure) }
      // `--help` arrives here too: ArgumentParser parses it to a command that throws the help.
      let isHelp = exitCode(for: error).isSuccess
      if isHelp || error is ExitCode || error is ValidationError {
        finish(reporting: error, otherwise: .usage)
      }
      leave(CommandError(describe(error)))
    }
    leave(.done)
  }

  /// Ends as ArgumentParser would, with our exit code for its validation failures.
  private static func finish(reporting error: any Error, otherwise status: CommandStatus) -> Never {
    let code = exitCode(for: error)
    var text = fullMessage(for: error)
    if code.isSuccess {
      print(text)
      leave(.done)
    }
    if text.hasPrefix(_errorPrefix) { text = errorLabel + text.dropFirst(_errorPrefix.count) }
    if !text.isEmpty { printError(text) }
    if error is ExitCode { leave(status: code.rawValue) }
    leave(status)
  }
}

private var errorLabel: String { Terminal.standardError.alarming("error:") + " " }

/// What an error says of itself, preferring its own words to those of the runtime.
private func describe(_ error: any Error) -> String {
  // Foundation's own errors describe themselves as a dump of their fields.
  if type(of: error) is NSError.Type || error is CocoaError || error is POSIXError {
    let path = (error as NSError).userInfo[NSFilePathErrorKey] as? String
    return (path.map { "\($0): " } ?? "") + error.localizedDescription
  }
  if let localized = (error as? any LocalizedError)?.errorDescription { return localized }
  return String(describing: error)
}

private func leave(_ failure: CommandError) -> Never {
  printError(errorLabel + failure.description)
  leave(failure.status)
}

private func leave(_ status: CommandStatus) -> Never {
  leave(status: status.rawValue)
}

/// Exits, unless results never reached standard output: that is a failure even when all else went
/// well.
private func leave(status: Int32) -> Never {
  let isLost = fflush(stdout) != 0 || ferror(stdout) != 0
  let code = errno
  if isLost && status == CommandStatus.done.rawValue {
    let failure = OutputFile.failure("write to", "standard output", code: code)
    printError(errorLabel + failure.description)
    exit(CommandStatus.failure.rawValue)
  }
  exit(status)
}
