import Asura

/// What the library's errors are to a command: an exit status, a message and a remedy.
public func explained(_ error: any Error) -> CommandError? {
  switch error {
  case let error as ModelError:
    let status: CommandStatus =
      switch error.kind {
      case .configuration, .input: .usage
      case .hooks: .nothingMatched
      case .weights: .incompleteInput
      }
    return CommandError(error.message, status: status, remedy: error.remedy)
  case let error as ConfigurationError:
    return CommandError("\(error)", status: .usage)
  case let error as TrainingError:
    switch error {
    case .notFinite, .stateNotFinite: return CommandError("\(error)", status: .checkFailed)
    case .folder(let message, let remedy):
      return CommandError(message, status: .incompleteInput, remedy: remedy)
    case .exists(let message, let remedy):
      return CommandError(message, status: .usage, remedy: remedy)
    case .cannotWrite(let message, let remedy):
      return CommandError(message, status: .failure, remedy: remedy)
    }
  case let error as TraceError:
    let status: CommandStatus =
      switch error.kind {
      case .exists, .misuse: .usage
      case .notFound: .nothingMatched
      case .missing, .foreign, .version, .damaged: .incompleteInput
      case .inaccessible, .library: .failure
      }
    let library = error.library.prefix(2).joined(separator: "; ")
    return CommandError(
      (error.file.map { "\($0): " } ?? "") + error.message
        + (library.isEmpty ? "" : " (HDF5: \(library))"),
      status: status,
      remedy: error.kind == .exists
        ? "add --force to replace it, or give another name with -o"
        : error.advice.isEmpty ? nil : error.advice)
  default: return nil
  }
}
