import ArgumentParser
import Asura
import AsuraCommandLine
import Foundation

struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write a trace's values as npz, CSV or safetensors.",
    discussion: """
      npz and safetensors hold an array SITE for each site, [iteration, …], and for
      each of its axes an array SITE/AXIS of coordinates. CSV has a row for each
      value: site, iteration, the coordinate on every axis, value.

        asura-trace export addition.h5 --format npz -o addition.npz
        asura-trace export addition.h5 --sites 'latent,readout.*' --iter 1...10 \\
          --batch 0...3 --format csv -o latents.csv

      Memory stays that of one iteration. The file appears whole or not at all.
      """)

  @OptionGroup var source: TraceOptions

  @Option(
    help: ArgumentHelp("npz, csv or safetensors. (default: by the ending of -o)"),
    transform: { text in
      guard let format = TraceExport.Format(rawValue: text.lowercased()) else {
        throw ValidationError("'\(text)' is no format; there are npz, csv and safetensors")
      }
      return format
    })
  var format: TraceExport.Format?

  @Option(
    help: ArgumentHelp(
      "Sites to write: names or patterns, separated by commas.", valueName: "sites"))
  var sites: String?

  @Option(
    help: ArgumentHelp("Iterations to write, such as 1...50 or last.", valueName: "range"),
    transform: IterationRange.init(parsing:))
  var iter: IterationRange?

  @Option(
    help: ArgumentHelp("Examples to write, such as 0 or 0...3.", valueName: "range"),
    transform: { text in
      let ends = text.replacing("…", with: "...").split(separator: ".").map { Int($0) }
      guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1],
        first >= 0, last >= first, text.contains("...") == (ends.count == 2)
      else { throw ValidationError("'\(text)' is no range of examples; write 0 or 0...3") }
      return first..<last + 1
    })
  var batch: Range<Int>?

  @OptionGroup var output: OutputOptions
  @OptionGroup var reporting: ReportingOptions

  private struct Report: Encodable {
    let file: String
    let format: String
    let bytes: Int
  }

  func run() throws {
    let ending = output.output.map { URL(fileURLWithPath: $0).pathExtension.lowercased() } ?? ""
    guard let format = format ?? TraceExport.Format(rawValue: ending) else {
      throw CommandError(
        "no format is named", status: .usage,
        remedy: "give --format npz, csv or safetensors, or -o with such an ending")
    }
    let reader = try source.open()
    let name = reader.url.deletingPathExtension().lastPathComponent + "." + format.rawValue
    let url = URL(fileURLWithPath: output.output ?? name)
    var export = TraceExport(reader, sites: try chosenSites(sites, of: reader), batch: batch)
    if let iter {
      let available = Set((reader.sites + reader.readouts).flatMap(\.iterations))
      export.iterations = Set(try iter.resolve(available: available))
    }
    var progress: ProgressBar?
    try withInterrupts {
      try export.write(format, to: url, overwriting: output.force) { done, total in
        let bar = progress ?? reporting.progress("exporting", total: total, unit: "iteration")
        progress = bar
        bar.update(done)
        try checkInterrupt()
      }
    }
    progress?.finish()
    let bytes = try FileManager.default.attributesOfItem(atPath: url.path)[.size] as? Int ?? 0
    if reporting.json {
      try JSONOutput.print(
        Report(file: url.relativePath, format: format.rawValue, bytes: bytes))
    } else {
      print("Wrote \(url.relativePath), \(byteText(bytes)).")
    }
  }
}
