import AsuraCommandLine

extension TextTable {
  /// Adds rows that begin with their iteration; of a long end in which nothing but that changes, only the first, and a
  /// row that says so.
  mutating func append(iterations rows: [[String]]) {
    let end = rows.last?.dropFirst() ?? []
    let moving = (rows.lastIndex { $0.dropFirst() != end } ?? -1) + 1
    guard rows.count - moving > 3, let last = rows.last else {
      for row in rows { append(row) }
      return
    }
    for row in rows[...moving] { append(row) }
    append(["…"] + end.map { _ in "" })
    append(last)
  }
}
