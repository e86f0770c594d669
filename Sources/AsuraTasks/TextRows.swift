/// Rows of cells under one another with labels at the left, broken into blocks that fit a terminal.
struct TextRows {
  private var rows: [(label: String, cells: [String])] = []
  /// Characters a block, labels aside.
  private let width = 64

  /// Adds a row; a row with nothing in it is left out.
  mutating func add(_ label: String, _ cells: [String]) {
    guard cells.contains(where: { !$0.allSatisfy { $0 == " " } }) else { return }
    rows.append((label, cells))
  }

  func text() -> String {
    let labels = rows.map(\.label.count).max() ?? 0
    let count = rows.map(\.cells.count).max() ?? 0
    // Cells of one width, so that columns line up.
    let cell = rows.flatMap(\.cells).map(\.count).max() ?? 1
    let gap = cell > 1 ? " " : ""
    var lines: [String] = []
    let block = max(1, width / (cell + gap.count))
    for start in stride(from: 0, to: count, by: block) {
      if start > 0 { lines.append("") }
      for row in rows {
        let end = min(start + block, row.cells.count)
        let cells = start < end ? Array(row.cells[start..<end]) : []
        let line =
          row.label.padded(to: labels) + "  "
          + cells.map { $0.padded(to: cell) }.joined(separator: gap)
        lines.append(line.trimmedAtEnd())
      }
    }
    return lines.joined(separator: "\n")
  }
}

extension String {
  /// Spaces before the text, up to `width` characters.
  fileprivate func padded(to width: Int) -> String {
    String(repeating: " ", count: max(0, width - count)) + self
  }

  fileprivate func trimmedAtEnd() -> String {
    var text = self
    while text.last == " " { text.removeLast() }
    return text
  }
}

extension LearningTask {
  /// The first tokens of an example as the model is given them; symbols at one position are joined
  /// by a slash.
  func inputText(_ batch: Batch, example: Int, atMost limit: Int = 40) -> String {
    let tokens = Array(batch.tokens(ofExample: example))
    let shown = min(limit, batch.positions)
    let places = (0..<shown).map { position in
      tokens[position * channels..<(position + 1) * channels]
        .map { vocabulary[Int($0)] }.joined(separator: "/")
    }
    return places.joined(separator: " ") + (shown < batch.positions ? " …" : "")
  }

  /// The right answer, and with a prediction the model's, of a task whose answer is one symbol.
  func verdict(_ prediction: [Int32]?, on batch: Batch, example: Int) -> String {
    let right = answer(batch.targets(ofExample: example), in: batch)
    guard let prediction else { return "answer \(right)" }
    let found = answer(prediction, in: batch)
    return "answer \(right), model \(found) (\(found == right ? "right" : "wrong"))"
  }
}
