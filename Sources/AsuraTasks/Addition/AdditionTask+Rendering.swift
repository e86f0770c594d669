extension AdditionTask {
  public func question(_ batch: Batch, example: Int) -> String {
    operands(of: batch, example: example).map(number).joined(separator: " + ") + " ="
  }

  public func answer(_ classes: some Collection<Int32>, in batch: Batch) -> String {
    let classes = Array(classes)
    return number(places(batch.layout).map { classes[$0] })
  }

  /// Most significant digit left; above the operands, the carries that come into each column and
  /// what each column does: `G` generates, `P` propagates, `·` kills.
  public func render(_ batch: Batch, example: Int, prediction: [Int32]?) -> String {
    let n = batch.length
    let places = places(batch.layout)
    let targets = Array(batch.targets(ofExample: example))
    let facts = { (name: String) -> [Int32] in
      guard let values = batch.fact(name)?.values else { return [] }
      return places.map { values[example * batch.positions + $0] }
    }
    var rows = TextRows()
    rows.add("carry", facts("carry").reversed().map { $0 > 0 ? "\($0)" : " " })
    let letters = ["·", "P", "G"]
    rows.add("column", [" "] + facts("column").prefix(n).reversed().map { letters[Int($0)] })
    for (index, digits) in operands(of: batch, example: example).enumerated() {
      rows.add(
        (index == 0 ? "" : "+ ") + ColumnSum.letter(index),
        [" "] + digits.reversed().map(String.init))
    }
    rows.add("= sum", sumCells(places.map { targets[$0] }))
    if let prediction {
      rows.add("model", sumCells(places.map { prediction[$0] }))
      rows.add("wrong", places.reversed().map { prediction[$0] == targets[$0] ? " " : "^" })
    }
    let chain = facts("chain").max() ?? 0
    return """
      \(name) \(options.format.rawValue), \(n) digit\(n == 1 ? "" : "s"), longest carry \(chain) column\(chain == 1 ? "" : "s")
      tokens: \(inputText(batch, example: example))
      \(rows.text())
      """
  }

  /// Digits as cells, most significant first, without a leading final carry of 0.
  private func sumCells(_ digits: [Int32]) -> [String] {
    var cells = digits.reversed().map { outputs[Int($0)] }
    if cells[0] == "0" { cells[0] = " " }
    return cells
  }

  /// A number as a person writes it, from digits least significant first.
  private func number(_ digits: [Int32]) -> String {
    let text = digits.reversed().map { outputs[Int($0)] }.joined()
    let trimmed = text.drop { $0 == "0" }
    return trimmed.isEmpty ? "0" : String(trimmed)
  }
}
