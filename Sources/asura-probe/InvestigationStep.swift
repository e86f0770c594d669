import AsuraCommandLine
import Foundation

/// A part of an investigation that leaves a folder of results: the capture, or an analysis.
///
/// The folder's `result.json` is what the command printed; `made.json` says by what, and is written
/// last: where it says what is wanted now, the results are used again.
struct InvestigationStep {
  let folder: String
  let command: Child
  /// The file it makes: a trace, or a companion file.
  let product: String
  /// All that decides the results, but for the model.
  let identity: [String]

  var result: String { folder + "/result.json" }
  private var mark: URL { URL(fileURLWithPath: folder + "/made.json") }

  /// Whether the results of this very step on this model are there.
  func isDone(model hash: String?) -> Bool {
    guard let hash, let data = try? Data(contentsOf: mark) else { return false }
    return (try? JSONDecoder().decode([String].self, from: data)) == [hash] + identity
      && [result, product].allSatisfy(FileManager.default.fileExists(atPath:))
  }

  func run(model hash: String, options: [String]) throws {
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      if FileManager.default.fileExists(atPath: mark.path) {
        try FileManager.default.removeItem(at: mark)
      }
    } catch {
      throw CommandError("cannot write in \(folder): \(error.localizedDescription)")
    }
    try Child(
      program: command.program, arguments: command.arguments + ["--force", "--json"] + options
    ).run(printingTo: result)
    try OutputFile(mark.path, force: true).write(JSONOutput.text([hash] + identity))
  }

  /// What the command printed.
  func read() throws -> ResultValue {
    do {
      return try JSONDecoder().decode(
        ResultValue.self, from: Data(contentsOf: URL(fileURLWithPath: result)))
    } catch {
      throw CommandError(
        "\(result) is no result of \(command.program)", status: .incompleteInput,
        remedy: "add --force to make it again")
    }
  }
}
