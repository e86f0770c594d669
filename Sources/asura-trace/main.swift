import ArgumentParser
import Asura
import AsuraCommandLine

await AsuraTrace.runAsMain(explaining: explained)

struct AsuraTrace: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "asura-trace",
    abstract: "Record what happens inside a recurrent-depth transformer at every iteration.",
    discussion: """
      A trace is an HDF5 file that h5py, xarray and silx open as it is;
      Traces/README.md tells what is in it.

        asura-trace capture runs/addition --iterations 50 -o addition.h5
        asura-trace info addition.h5
      """,
    subcommands: [
      CaptureCommand.self, SitesCommand.self, InfoCommand.self, VerifyCommand.self,
      RecoverCommand.self, DiffCommand.self, ExportCommand.self, RepackCommand.self,
      LinkCommand.self,
    ])
}
