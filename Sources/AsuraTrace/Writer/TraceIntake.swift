/// A chunk that is being filled.
struct ChunkKey: Hashable, Sendable {
  let array: String
  let iteration: Int
  let chunk: Int
}

/// What has come of the iterations under way.
struct TraceIntake: Sendable {
  /// The rows that came, by iteration and site.
  private var iterations: [Int: [String: [Range<Int>]]] = [:]
  private var chunks: [ChunkKey: (buffer: ChunkBuffer, filled: Int)] = [:]
  private var lastCommitted: Int?

  /// - Parameter last: the last iteration that was committed before.
  init(after last: Int? = nil) { lastCommitted = last }

  /// The earliest iteration under way.
  var first: Int? { iterations.keys.min() }

  /// Takes note of rows; returns whether they are the first of their iteration.
  mutating func accept(_ site: String, _ iteration: Int, _ rows: Range<Int>) throws -> Bool {
    guard iteration >= 0, iteration > lastCommitted ?? -1 else {
      throw TraceError(
        .misuse,
        "site '\(site)' came for iteration \(iteration) after iteration "
          + "\(lastCommitted ?? 0) was committed")
    }
    let isNew = iterations[iteration] == nil
    let before = iterations[iteration]?[site] ?? []
    if let twice = before.first(where: { $0.overlaps(rows) || $0 == rows }) {
      throw TraceError(
        .misuse,
        "site '\(site)' came twice at iteration \(iteration): the rows \(twice) and \(rows)")
    }
    iterations[iteration, default: [:]][site] = before + [rows]
    return isNew
  }

  /// The bytes of a chunk that comes in pieces.
  mutating func buffer(_ key: ChunkKey, making make: () -> ChunkBuffer) -> ChunkBuffer {
    if let buffer = chunks[key]?.buffer { return buffer }
    let buffer = make()
    chunks[key] = (buffer, 0)
    return buffer
  }

  /// Counts values that were put into a chunk; returns whether it has all of them, and forgets it then.
  mutating func isFull(_ key: ChunkKey, adding count: Int, of all: Int) -> Bool {
    guard let chunk = chunks[key] else { return false }
    guard chunk.filled + count >= all else {
      chunks[key] = (chunk.buffer, chunk.filled + count)
      return false
    }
    chunks[key] = nil
    return true
  }

  /// Ends an iteration, the earliest if none is named; returns it with the sites that came. Nil if nothing did.
  mutating func commit(
    _ iteration: Int?, _ sites: [String: TraceSite]
  ) throws -> (Int, Set<String>)? {
    guard let first else { return nil }
    let iteration = iteration ?? first
    guard iteration == first else {
      // One of which nothing came, before the first that has something, has nothing to commit.
      if iteration < first { return nil }
      throw TraceError(
        .misuse,
        "iteration \(iteration) was committed before iteration \(first), which is under way")
    }
    let came = iterations[first] ?? [:]
    for (name, rows) in came.sorted(by: { $0.key < $1.key }) {
      let (found, all) = (rows.reduce(0) { $0 + $1.count }, sites[name]?.shape.first ?? 1)
      guard found == all else {
        throw TraceError(
          .misuse,
          "iteration \(first) was committed when \(found) of \(all) rows of '\(name)' had come")
      }
    }
    iterations[first] = nil
    lastCommitted = first
    return (first, Set(came.keys))
  }

  /// Forgets the iterations under way.
  mutating func drop() {
    iterations = [:]
    chunks = [:]
  }
}
