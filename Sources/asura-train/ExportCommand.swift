import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write a run's model as safetensors, for use elsewhere.",
    discussion: """
      Writes NAME.safetensors, and the configuration NAME.json beside it. PyTorch
      reads the weights with safetensors.torch.load_file. A run that is not finished
      gives its newest checkpoint's. Without -o the file is model.safetensors in the
      current folder.
      """)

  @Argument(help: "The run's folder.")
  var folder: String

  @Flag(help: "Write 64-bit numbers instead of 32-bit ones.")
  var double = false

  @OptionGroup var output: OutputOptions

  func run() throws {
    let folder = RunFolder(URL(fileURLWithPath: folder, isDirectory: true))
    let files = FileManager.default
    let model: RecurrentTransformer<Float>
    if files.fileExists(atPath: folder.model.path) {
      model = try RecurrentTransformer(contentsOf: folder.model)
    } else {
      let run = try folder.load(Float.self)
      guard files.fileExists(atPath: folder.checkpoint.path) else {
        throw CommandError(
          "\(folder.url.relativePath) has no model and no checkpoint yet",
          status: .incompleteInput, remedy: "train it: asura-train resume \(self.folder)")
      }
      model = run.result
      printError("note: the run is not finished; these are the weights of step \(run.step)")
    }
    guard let weights = try output.file(default: "model.safetensors"),
      weights.path.hasSuffix(".safetensors")
    else {
      throw CommandError("the output must be named NAME.safetensors", status: .usage)
    }
    let json = try OutputFile(
      weights.path.dropLast("safetensors".count) + "json", force: output.force)
    try json.prepare(try model.configuration.json)
    try weights.prepare(
      double ? try model.converted(to: Double.self).safetensors() : try model.safetensors())
    try json.commit()
    try weights.commit()
    print("Wrote \(weights.path) and \(json.path): \(model.parameterCount) numbers.")
  }
}
