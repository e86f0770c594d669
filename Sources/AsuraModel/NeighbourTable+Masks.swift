import AsuraDiff

/// The tables of the masks under which a query sees a few keys only.
extension NeighbourTable {
  /// The keys within `radius` rows and columns of each query, row by row: a place in the table is an offset, −1 beyond
  /// the grid's edges.
  static func grid(rows: Int, columns: Int, radius: Int) -> NeighbourTable {
    // Offsets that no two places of the grid have need no place in the table.
    let (down, across) = (min(radius, rows - 1), min(radius, columns - 1))
    let width = (2 * down + 1) * (2 * across + 1)
    let keys = [Int32](unsafeUninitializedCapacity: rows * columns * width) { keys, count in
      for row in 0..<rows {
        for column in 0..<columns {
          for dr in -down...down {
            for dc in -across...across {
              let isInside =
                (0..<rows).contains(row + dr) && (0..<columns).contains(column + dc)
              keys[count] = isInside ? Int32((row + dr) * columns + column + dc) : -1
              count += 1
            }
          }
        }
      }
    }
    return NeighbourTable(positions: rows * columns, width: width, keys: keys)
  }

  /// The keys within `window` of each query by position number, in the order of the sequence.
  static func window(_ ids: [Int32], _ window: Int, isCausal: Bool) -> NeighbourTable {
    var places: [Int: [Int32]] = [:]
    for (p, id) in ids.enumerated() { places[Int(id), default: []].append(Int32(p)) }
    let lists = ids.enumerated().map { i, id in
      // Whichever is fewer: the numbers within the window, or those there are.
      let near =
        window < places.count
        ? (-window...window).flatMap { places[Int(id) + $0] ?? [] }
        : places.filter { abs($0.key - Int(id)) <= window }.flatMap(\.value)
      return near.filter { !isCausal || $0 <= Int32(i) }.sorted()
    }
    let width = max(1, lists.map(\.count).max() ?? 1)
    return NeighbourTable(
      positions: ids.count, width: width,
      keys: lists.flatMap { $0 + Array(repeating: -1, count: width - $0.count) })
  }

  /// A table of twice as many positions: first as given (all keys the mask allows, where nil), then every
  /// position's twin, which stands in for it among the keys.
  static func twinned(
    _ table: NeighbourTable?, positions: Int, isCausal: Bool
  ) -> NeighbourTable {
    let width = table?.width ?? positions
    let keys =
      table?.keys
      ?? (0..<Int32(positions)).flatMap { query in
        (0..<Int32(positions)).map { isCausal && $0 > query ? -1 : $0 }
      }
    let twins = keys.enumerated().map { i, key in
      Int(key) == i / width ? key + Int32(positions) : key
    }
    return NeighbourTable(positions: 2 * positions, width: width, keys: keys + twins)
  }
}
