import Asura
import AsuraCommandLine

/// What errors are to the probes' commands: those of the analyses, then what all commands share.
func explainedProbe(_ error: any Error) -> CommandError? {
  switch error {
  case let error as ProbeError:
    let status: CommandStatus =
      switch error.kind {
      case .incompleteTrace: .incompleteInput
      case .otherModel, .tooLarge, .badPairs, .badPatch, .labels: .usage
      case .notFound: .nothingMatched
      case .notFinite: .checkFailed
      case .interrupted: .failure
      }
    return CommandError(error.message, status: status, remedy: error.remedy)
  case let error as ArnoldiError:
    switch error {
    case .tooFewDimensions, .invalidOption, .tooLarge:
      return CommandError("\(error)", status: .usage)
    case .badStartVector, .operatorNotFinite, .arpack:
      return CommandError("\(error)", status: .checkFailed)
    }
  case let error as LinearAlgebraError:
    return CommandError("\(error)", status: .checkFailed)
  default: return explained(error)
  }
}
