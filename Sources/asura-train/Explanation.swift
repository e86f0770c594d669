import Asura
import AsuraCommandLine

/// What the library's errors are to a command: an exit status, a message and a remedy.
func explained(_ error: any Error) -> CommandError? {
  switch error {
  case let error as ModelError:
    let status: CommandStatus =
      switch error.kind {
      case .configuration, .input: .usage
      case .hooks: .nothingMatched
      case .weights: .incompleteInput
      }
    return CommandError(error.message, status: status, remedy: error.remedy)
  case let error as TaskError:
    return CommandError("\(error)", status: .usage)
  case let error as TrainingError:
    switch error {
    case .notFinite: return CommandError("\(error)", status: .checkFailed)
    case .folder(let message, let remedy):
      return CommandError(message, status: .incompleteInput, remedy: remedy)
    }
  default: return nil
  }
}
