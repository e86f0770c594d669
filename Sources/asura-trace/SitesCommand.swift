import ArgumentParser
import Asura
import AsuraCommandLine

struct SitesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sites",
    abstract: "List every site of a model, with the shape and size of its value at one iteration.")

  @OptionGroup var subject: SubjectOptions
  @OptionGroup var reporting: ReportingOptions

  private struct Row: Encodable {
    let site: String
    let axes: [String]
    let shape: [Int]
    let type: String
    let bytes: Int
    let perIteration: Bool
  }

  func run() throws {
    let (model, _, batch) = try subject.load()
    let input = try ModelInput(batch)
    let rows = model.siteList.map { site in
      let axes = model.axes(of: site, for: input)
      return Row(
        site: site.description, axes: axes.map(\.name), shape: axes.map(\.count), type: "float32",
        bytes: axes.reduce(4) { $0 * $1.count }, perIteration: site.isRecurrent)
    }
    if reporting.json { return try JSONOutput.print(rows) }
    var table = TextTable([
      ("site", .left), ("axes", .left), ("shape", .left), ("type", .left), ("bytes", .right),
      ("each iteration", .left),
    ])
    for row in rows {
      table.append(
        [
          row.site, row.axes.joined(separator: " × "),
          row.shape.map(String.init).joined(separator: " × "), row.type, "\(row.bytes)",
          row.perIteration ? "yes" : "no",
        ])
    }
    print(table)
  }
}
