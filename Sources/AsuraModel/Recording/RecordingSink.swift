import AsuraTensor
import Synchronization

/// Takes what a run records while it goes on, part of the batch by part.
///
/// A batch is dealt out in parts to several threads, which call `record` side by side; the parts do not wait for
/// each other. What one part records at an iteration comes before it is counted for `finished`, so that when
/// `finished` is called, all that there is of that iteration has come.
public protocol RecordingSink<S>: Sendable {
  associatedtype S: Scalar

  /// Takes some rows of a quantity at an iteration (0 for sites outside the recurrence). The parts' rows of one
  /// iteration do not overlap and cover the recorded batch.
  ///
  /// It may take its time, which holds this part back, and may throw to end the run.
  func record(
    _ values: Tensor<S>, of quantity: RecordedQuantity, iteration: Int, rows: Range<Int>) throws

  /// Is told that all parts have passed an iteration: once for each, from the first (the initial latent's) to the
  /// last, in order and never twice at a time, while other parts may be recording later ones.
  func finished(_ iteration: Int) throws
}

/// What a run recorded of one quantity at one iteration: the whole batch.
public struct RecordedValue<S: Scalar>: Sendable {
  public let quantity: RecordedQuantity
  /// The iteration; 0 for sites outside the recurrence.
  public let iteration: Int
  /// The values; their axes are the quantity's.
  public let tensor: Tensor<S>

  /// The site they are of.
  public var site: Site { quantity.site }
  /// The quantity's name.
  public var name: String { quantity.name }
}

/// Gathers what the parts of a batch recorded into one tensor for each quantity and iteration.
///
/// The table is behind a lock; two parts never hold the same rows.
final class Collector<S: Scalar>: RecordingSink {
  private struct Key: Hashable {
    let name: String
    let iteration: Int
  }
  private struct Entry {
    let quantity: RecordedQuantity
    var parts: [(rows: Range<Int>, tensor: Tensor<S>)] = []
  }
  private let table = Mutex<[Key: Entry]>([:])

  func record(
    _ values: Tensor<S>, of quantity: RecordedQuantity, iteration: Int, rows: Range<Int>
  ) {
    table.withLock {
      $0[Key(name: quantity.name, iteration: iteration), default: Entry(quantity: quantity)]
        .parts.append((rows, values))
    }
  }

  func finished(_: Int) {}

  /// Everything recorded since the last call, whole batches, by iteration and then by name.
  func drain() -> [RecordedValue<S>] {
    let entries = table.withLock { table in
      defer { table = [:] }
      return table
    }
    return entries.map { key, entry in
      let ordered = entry.parts.sorted { $0.rows.lowerBound < $1.rows.lowerBound }
      return RecordedValue(
        quantity: entry.quantity, iteration: key.iteration,
        tensor: .concatenating(ordered.map(\.tensor)))
    }.sorted { ($0.iteration, $0.name) < ($1.iteration, $1.name) }
  }
}

/// Recorded values by quantity and iteration.
public struct Recorded<S: Scalar>: Sendable {
  private struct Key: Hashable {
    let name: String
    let iteration: Int
  }
  private let table: [Key: RecordedValue<S>]

  init(_ values: [RecordedValue<S>] = []) {
    table = Dictionary(
      values.map { (Key(name: $0.name, iteration: $0.iteration), $0) }, uniquingKeysWith: { $1 })
  }

  /// The whole value at a site in an iteration (0 for sites outside the recurrence), nil if it was not
  /// recorded.
  public subscript(site: Site, iteration: Int) -> Tensor<S>? {
    self[site.description, iteration]
  }

  /// The value of the quantity of that name, such as `latent` or `latent.norm`.
  public subscript(name: String, iteration: Int) -> Tensor<S>? {
    table[Key(name: SiteTable.canonical(name), iteration: iteration)]?.tensor
  }

  /// Everything, by iteration and name.
  public var values: [RecordedValue<S>] {
    table.values.sorted { ($0.iteration, $0.name) < ($1.iteration, $1.name) }
  }

  /// What there is, by iteration and name.
  public var keys: [(site: Site, iteration: Int)] { values.map { ($0.site, $0.iteration) } }
}

/// Counts the parts of a batch past each iteration, and tells a sink when the last has passed.
final class PartProgress: Sendable {
  private struct State {
    /// The last iteration each part has passed.
    var passed: [Int]
    /// The last iteration that was told.
    var told: Int
    var isTelling = false

    mutating func next() -> Int? {
      guard !isTelling, let slowest = passed.min(), slowest > told else { return nil }
      isTelling = true
      return told + 1
    }
  }
  private let state: Mutex<State>
  private let tell: @Sendable (Int) throws -> Void

  init(parts: Int, from start: Int, tell: @escaping @Sendable (Int) throws -> Void) {
    state = Mutex(State(passed: Array(repeating: start - 1, count: parts), told: start - 1))
    self.tell = tell
  }

  /// Notes that a part has passed an iteration. If it was the last to, the sink is told on this thread, while
  /// others go on; what they pass meanwhile is told here too.
  func pass(_ part: Int, _ iteration: Int) throws {
    var next = state.withLock { state in
      state.passed[part] = iteration
      return state.next()
    }
    while let iteration = next {
      try tell(iteration)
      next = state.withLock { state in
        state.told = iteration
        state.isTelling = false
        return state.next()
      }
    }
  }
}
