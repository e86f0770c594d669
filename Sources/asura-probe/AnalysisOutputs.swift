import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

/// Where an analysis's results go: the options that all probes have in common.
struct ResultOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The folder of the charts. (default: beside the companion file, named after it)",
      valueName: "folder"))
  var svg: String?

  @Flag(name: .customLong("no-svg"), help: "Draw no charts.")
  var noCharts = false

  @Option(
    name: [.customShort("o"), .long],
    help: ArgumentHelp(
      "The companion file to store the result in. (default: x.probe.h5 for a trace x.h5)",
      valueName: "file"))
  var output: String?

  @Flag(help: "Replace earlier results.")
  var force = false

  func validate() throws {
    if svg != nil && noCharts {
      throw ValidationError("--svg and --no-svg contradict each other")
    }
  }

  /// Checks before the work that its results can be stored after it.
  /// - Parameter charts: the names of the charts that will be drawn, such as `radius`.
  func outputs(of analysis: String, trace: URL, charts: [String]) throws -> AnalysisOutputs {
    try AnalysisOutputs(
      analysis, companion: companion(ofTrace: trace), charts: noCharts ? [] : charts, folder: svg,
      force: force)
  }

  func companion(ofTrace trace: URL) -> CompanionFile {
    output.map { CompanionFile(at: URL(fileURLWithPath: $0)) } ?? CompanionFile(ofTrace: trace)
  }
}

/// The files of one analysis: the companion file, and charts unless they are not wanted.
struct AnalysisOutputs {
  private let companion: CompanionFile
  private let charts: [String: OutputFile]

  /// Checks that all can be written: with `folder` the charts are `folder/ANALYSIS-CHART.svg`, else
  /// `x.ANALYSIS-CHART.svg`, next to the companion file `x.probe.h5`.
  init(
    _ analysis: String, companion: CompanionFile, charts: [String], folder: String?, force: Bool
  ) throws {
    self.companion = companion
    if !force, try companion.names().contains(analysis) {
      throw CommandError(
        "\(companion.url.relativePath) holds an analysis \(analysis) already", status: .usage,
        remedy: "add --force to replace it, or give another file with -o")
    }
    // Tells whether the folder takes files; the companion writes a file of its own.
    _ = try AsuraCommandLine.OutputFile(companion.url.path, force: true)
    guard !charts.isEmpty else {
      self.charts = [:]
      return
    }
    let prefix: String
    if let folder {
      do {
        try FileManager.default.createDirectory(
          atPath: folder, withIntermediateDirectories: true)
      } catch {
        throw CommandError("cannot make the folder \(folder): \(error.localizedDescription)")
      }
      prefix = folder + "/"
    } else {
      let url = companion.url
      var name = url.lastPathComponent
      for ending in [".h5", ".probe"] where name.hasSuffix(ending) && name != ending {
        name.removeLast(ending.count)
      }
      prefix = url.deletingLastPathComponent().appending(path: name).relativePath + "."
    }
    self.charts = try Dictionary(
      uniqueKeysWithValues: charts.map { chart in
        (chart, try OutputFile("\(prefix)\(analysis)-\(chart).svg", force: force))
      })
  }

  /// Writes the analysis and those of its charts that are wanted, and returns the files' paths.
  ///
  /// - Parameters:
  ///   - isCut: whether the work ended before all of it was done.
  ///   - charts: the drawings by name, in the order to be told of; drawn only if wanted. One that
  ///     draws nothing is left out.
  func write(
    _ analysis: Analysis, trace: String, isCut: Bool,
    charts: KeyValuePairs<String, () -> String?>
  ) throws -> [String] {
    try write(
      analysis, trace: trace, isCut: isCut, charts: charts.map { (name: $0.key, draw: $0.value) })
  }

  /// The same for charts whose names only the result tells.
  func write(
    _ analysis: Analysis, trace: String, isCut: Bool,
    charts: [(name: String, draw: () -> String?)]
  ) throws -> [String] {
    var analysis = analysis
    analysis.attributes.merge([
      "trace": .text(trace), "program": "asura-probe",
      "command_line": .text(CommandLine.arguments.joined(separator: " ")),
      "status": isCut ? "incomplete" : "complete",
    ]) { $1 }
    try companion.write(analysis)
    var written = [companion.url.relativePath]
    for (name, draw) in charts {
      guard let file = self.charts[name], let drawing = draw() else { continue }
      try file.write(drawing)
      written.append(file.path)
    }
    return written
  }
}
