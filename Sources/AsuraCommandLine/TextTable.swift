/// A table for standard output: aligned columns, numbers to the right, headers above.
///
///     var table = TextTable(["t", "radius", "outside"])
///     table.append(["1", "0.93", "0"])
///     print(table)
public struct TextTable: Sendable, CustomStringConvertible {
  public enum Alignment: Sendable {
    /// Right when every cell of the column is a number, a dash or empty; left otherwise.
    case automatic
    case left
    case right
  }

  /// Spaces between columns.
  public var gap = 2
  private let headers: [String]
  private let alignments: [Alignment]
  private var rows: [[String]] = []

  /// A table with these column headers, each column aligned by its content.
  public init(_ headers: [String]) {
    self.init(headers.map { ($0, .automatic) })
  }

  /// A table with these column headers and alignments.
  public init(_ columns: [(header: String, alignment: Alignment)]) {
    headers = columns.map { sanitized($0.header) }
    alignments = columns.map(\.alignment)
  }

  /// Adds a row. Precondition: as many cells as there are columns.
  public mutating func append(_ cells: [String]) {
    precondition(cells.count == headers.count, "\(cells.count) cells, \(headers.count) columns")
    rows.append(cells.map(sanitized))
  }

  /// The table's lines, without a newline after the last.
  public var description: String {
    let widths = headers.indices.map { column in
      rows.reduce(displayWidth(headers[column])) { max($0, displayWidth($1[column])) }
    }
    let right = headers.indices.map { column in
      switch alignments[column] {
      case .left: false
      case .right: true
      case .automatic: !rows.isEmpty && rows.allSatisfy { isNumeric($0[column]) }
      }
    }
    func line(_ cells: [String]) -> String {
      var text = ""
      for (column, cell) in cells.enumerated() {
        if column > 0 { text += String(repeating: " ", count: gap) }
        let padding = String(repeating: " ", count: widths[column] - displayWidth(cell))
        text += right[column] ? padding + cell : cell + padding
      }
      while text.last == " " { text.removeLast() }
      return text
    }
    return ([headers] + rows).map(line).joined(separator: "\n")
  }

  /// Whether a cell reads as a number: sign, digits, exponent, a trailing `%`, `×` or `s`, or a
  /// blank.
  private func isNumeric(_ cell: String) -> Bool {
    if ["", "-", "–", "—", "nan", "inf", "-inf"].contains(cell) { return true }
    var number = cell.replacing("−", with: "-")
    if let last = number.last, "%×xs".contains(last) { number.removeLast() }
    return Double(number.replacing(",", with: "")) != nil
  }
}
