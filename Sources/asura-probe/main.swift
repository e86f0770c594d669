import ArgumentParser
import Asura
import AsuraCommandLine

await AsuraProbeCommand.runAsMain(explaining: explainedProbe)

struct AsuraProbeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "asura-probe",
    abstract: "Find out what a recurrent-depth transformer does, from a trace of it.",
    discussion: """
      A probe reads a trace made by asura-trace capture, prints what it finds, and stores it in the \
      trace's companion file: addition.h5 has addition.probe.h5. The trace is never changed.

        asura-trace capture runs/addition --iterations 50 -o addition.h5
        asura-probe jacobian addition.h5 --iter 1...50 --svg plots
        asura-probe fixed-points addition.h5
        asura-probe flow addition.h5
        asura-probe linear addition.h5 --fact carry
        asura-probe lens addition.h5
        asura-probe attention addition.h5
        asura-probe geometry addition.h5
        asura-probe patch runs/addition
        asura-probe attribution runs/addition
        asura-probe paths runs/addition
        asura-probe circuit runs/addition

      Or ask a ready question, with all that is needed to answer it:

        asura-probe run Probes/where-is-the-carry.yaml
      """,
    subcommands: [
      JacobianCommand.self, FixedPointsCommand.self, FlowCommand.self, LinearCommand.self,
      LensCommand.self, AttentionCommand.self, GeometryCommand.self, PatchCommand.self,
      AttributionCommand.self, PathsCommand.self, CircuitCommand.self,
      RunCommand.self,
    ])
}
