import Asura
import AsuraCommandLine
import Foundation

/// Where a trajectory's spectra are stored: the companion file, and a folder of charts if one was asked for.
struct JacobianOutputs {
  private let companion: CompanionFile
  private let charts: (radius: OutputFile, plane: OutputFile)?

  /// Checks before the work that all can be written after it.
  init(companion: CompanionFile, folder: String?, force: Bool) throws {
    self.companion = companion
    if !force, try companion.names().contains("jacobian") {
      throw CommandError(
        "\(companion.url.relativePath) holds an analysis jacobian already", status: .usage,
        remedy: "add --force to replace it, or give another file with -o")
    }
    // Tells whether the folder takes files; the companion writes a file of its own.
    _ = try AsuraCommandLine.OutputFile(companion.url.path, force: true)
    charts = try folder.map { folder in
      do {
        try FileManager.default.createDirectory(
          atPath: folder, withIntermediateDirectories: true)
      } catch {
        throw CommandError("cannot make the folder \(folder): \(error.localizedDescription)")
      }
      return (
        try OutputFile("\(folder)/jacobian-radius.svg", force: force),
        try OutputFile("\(folder)/jacobian-eigenvalues.svg", force: force)
      )
    }
  }

  /// Writes everything and returns the files' paths.
  func write(_ trajectory: JacobianTrajectory, trace: String, isCut: Bool) throws -> [String] {
    try companion.write(
      trajectory.analysis(attributes: [
        "trace": .text(trace), "program": "asura-probe",
        "command_line": .text(CommandLine.arguments.joined(separator: " ")),
        "status": isCut ? "incomplete" : "complete",
      ]))
    guard let charts else { return [companion.url.relativePath] }
    let drawn = JacobianCharts(trajectory, subject: trace)
    try charts.radius.write(drawn.radius.svg)
    try charts.plane.write(drawn.plane.svg)
    return [companion.url.relativePath, charts.radius.path, charts.plane.path]
  }
}
