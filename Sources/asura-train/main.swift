import ArgumentParser
import Asura
import AsuraCommandLine

await AsuraTrain.runAsMain(explaining: explained)

struct AsuraTrain: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "asura-train",
    abstract: "Train recurrent-depth transformers, and see how far they extrapolate.",
    discussion: """
      A recipe says what to train: the task, the model, how many iterations its
      batches get. A run lives in a folder with its recipe, metrics, checkpoints
      and, in the end, its model.

        asura-train run Examples/Recipes/addition-columns.yaml -o runs/addition
        asura-train eval runs/addition --lengths 10,50,100 --iterations n,2n

      A study trains variants of a recipe with several seeds, and compares them.
      """,
    subcommands: [
      RunCommand.self, ResumeCommand.self, EvalCommand.self, StudyCommand.self, TasksCommand.self,
      ExportCommand.self, DoctorCommand.self,
    ])
}
