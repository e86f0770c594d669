import Asura
import AsuraCommandLine
import Foundation

/// Where a trajectory's spectra are stored: the companion file, and two charts unless they are not wanted.
struct JacobianOutputs {
  enum Charts {
    case none
    /// `x.jacobian-radius.svg` and the like, next to the companion file `x.probe.h5`.
    case besideCompanion
    case folder(String)
  }

  private let companion: CompanionFile
  private let charts: (radius: OutputFile, plane: OutputFile)?

  /// Checks before the work that all can be written after it.
  init(companion: CompanionFile, charts: Charts, force: Bool) throws {
    self.companion = companion
    if !force, try companion.names().contains("jacobian") {
      throw CommandError(
        "\(companion.url.relativePath) holds an analysis jacobian already", status: .usage,
        remedy: "add --force to replace it, or give another file with -o")
    }
    // Tells whether the folder takes files; the companion writes a file of its own.
    _ = try AsuraCommandLine.OutputFile(companion.url.path, force: true)
    let prefix: String
    switch charts {
    case .none:
      self.charts = nil
      return
    case .besideCompanion:
      let url = companion.url
      var name = url.lastPathComponent
      for ending in [".h5", ".probe"] where name.hasSuffix(ending) && name != ending {
        name.removeLast(ending.count)
      }
      prefix = url.deletingLastPathComponent().appending(path: name).relativePath + "."
    case .folder(let folder):
      do {
        try FileManager.default.createDirectory(
          atPath: folder, withIntermediateDirectories: true)
      } catch {
        throw CommandError("cannot make the folder \(folder): \(error.localizedDescription)")
      }
      prefix = folder + "/"
    }
    self.charts = (
      try OutputFile("\(prefix)jacobian-radius.svg", force: force),
      try OutputFile("\(prefix)jacobian-eigenvalues.svg", force: force)
    )
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
