import Asura
import AsuraCommandLine
import Foundation

/// Everything an investigation runs, in order, and where it all goes.
struct InvestigationPlan {
  let investigation: Investigation
  let source: String
  /// The folder of its results.
  let folder: String
  var model: InvestigationModel
  let trace: InvestigationStep
  let analyses: [InvestigationStep]

  /// Reads an investigation, and checks all that can be without running it.
  /// - Parameters:
  ///   - path: the YAML file.
  ///   - root: the folder of results, which get folders in it named after their investigations; models that are
  ///     trained go to its folder `models`.
  ///   - run: the model to investigate in place of the file's.
  init(_ path: String, root: String, run: String?) throws {
    let url = URL(fileURLWithPath: path)
    investigation = try Investigation(contentsOf: url)
    source = path
    let name = url.deletingPathExtension().lastPathComponent
    guard name != "models" else {
      throw CommandError(
        "\(path): an investigation cannot be called models, which is where models are",
        status: .usage, remedy: "rename the file")
    }
    folder = root + "/" + name
    let home = url.deletingLastPathComponent().relativePath
    do {
      model = try InvestigationModel(
        run.map(InvestigatedModel.init(run:)) ?? investigation.model, in: run == nil ? home : "",
        models: root + "/models", trace: investigation.trace)
    } catch {
      guard let cause = error as? CommandError ?? explainedProbe(error) else { throw error }
      let subject = run.map { "\(path), --model \($0)" } ?? path
      throw CommandError(
        "\(subject): \(cause.message)", status: cause.status, remedy: cause.remedy)
    }
    let file = folder + "/trace/trace.h5"
    let capture = investigation.trace.arguments
    trace = InvestigationStep(
      folder: folder + "/trace",
      command: Child(
        program: "asura-trace", arguments: ["capture", model.path] + capture + ["-o", file]),
      product: file, identity: capture)
    let (modelPath, place) = (model.path, folder)
    analyses = try investigation.analyses.map { analysis in
      let arguments = try analysis.arguments(in: home)
      for file in analysis.files(in: home) {
        guard FileManager.default.isReadableFile(atPath: file) else {
          throw CommandError(
            "\(path): analysis \(analysis.name): cannot read \(file)", status: .incompleteInput,
            remedy: "paths are relative to the folder of \(path)")
        }
      }
      let folder = place + "/" + analysis.name
      let companion = "\(folder)/\(analysis.name).probe.h5"
      let command = [analysis.probe.name, analysis.probe.takesModel ? modelPath : file] + arguments
      return InvestigationStep(
        folder: folder,
        command: Child(
          program: "asura-probe",
          arguments: command + ["-o", companion, "--svg", folder]),
        product: companion,
        identity: [analysis.probe.name] + arguments + ["of"] + capture
          + analysis.files(in: home).map(Self.state))
    }
  }

  /// The commands, in order, with whether their results are there.
  var commands: [(name: String, command: Child, isDone: Bool)] {
    let isTraced = trace.isDone(model: model.hash)
    return (model.training.map { [("model", $0, model.hash != nil)] } ?? [])
      + [("trace", trace.command, isTraced)]
      + zip(investigation.analyses, analyses).map { analysis, step in
        (
          analysis.name, step.command,
          step.isDone(model: model.hash) && (isTraced || analysis.probe.takesModel)
        )
      }
  }

  /// Size and time of a file: what tells that it was changed.
  private static func state(of file: String) -> String {
    let attributes = try? FileManager.default.attributesOfItem(atPath: file)
    let size = (attributes?[.size] as? NSNumber)?.intValue ?? 0
    let date = (attributes?[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
    return "\(file) \(size) \(date)"
  }
}
