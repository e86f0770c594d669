import ArgumentParser
import Asura
import AsuraCommandLine

struct SitesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sites",
    abstract: "List every site of a model, with shape, type, unit and bytes of its value.",
    discussion: """
      Shape and bytes are those of one iteration. Sites that recur have a value at
      each; embed and the prelude have one.
      """)

  @OptionGroup var subject: SubjectOptions
  @OptionGroup var reporting: ReportingOptions

  private struct Row: Encodable {
    let site: String
    let axes: [String]
    let shape: [Int]
    let type: String
    let unit: String
    let bytes: Int
    let perIteration: Bool
  }

  func run() throws {
    let (model, input) = try subject.load()
    let rows = try model.quantities(recording: [.sites("*")], of: input.input).map { quantity in
      Row(
        site: quantity.name, axes: quantity.axes.map(\.name), shape: quantity.shape,
        type: Float.typeName, unit: quantity.unit,
        bytes: quantity.shape.reduce(MemoryLayout<Float>.size, *),
        perIteration: quantity.site.isRecurrent)
    }
    if reporting.json { return try JSONOutput.print(rows) }
    var table = TextTable([
      ("site", .left), ("axes", .left), ("shape", .left), ("type", .left), ("unit", .left),
      ("bytes", .right), ("each iteration", .left),
    ])
    for row in rows {
      table.append(
        [
          row.site, row.axes.joined(separator: " × "),
          row.shape.map(String.init).joined(separator: " × "), row.type,
          row.unit.isEmpty ? "–" : row.unit, "\(row.bytes)", row.perIteration ? "yes" : "no",
        ])
    }
    print(table)
  }
}
