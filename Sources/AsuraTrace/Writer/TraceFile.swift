import Foundation
import Synchronization

/// Where the values of a site go.
struct ArrayPlace: Sendable {
  /// The group and array in it.
  let group: Int
  let array: Int
  /// The entry of the block axis, where several sites share the array.
  let block: Int?
  /// How one iteration's values of the site are cut, and how chunks are stored.
  let grid: ChunkGrid
  let encoding: ChunkEncoding
}

/// The file of a trace being written: makes everything there will be in it, then takes chunks and commits.
///
/// `@unchecked Sendable`: after `init` everything mutable is used on the thread of the writer's queue alone.
final class TraceFile: @unchecked Sendable {
  /// Where each site's values go; nothing for logits that are not kept.
  let places: [String: ArrayPlace]
  /// Where the series of the readout go.
  let readout: ReadoutPlaces?
  /// How many iterations are in the file to stay, and the last.
  let durable = Mutex<(count: Int, last: Int?)>((0, nil))
  /// How often each edit fired, once that is known.
  let edits = Mutex<[Int]>([])
  /// Why the file cannot be followed though it should; nil if it can or need not.
  private(set) var note: String?

  /// Commits that follow each other faster are made to last together, this many seconds after the last.
  private static let interval = 0.02
  /// So many bytes are gathered before the disk is set to work on them.
  private static let writeback = 4 << 20

  private let output: OutputFile
  private let file: H5File
  /// Tells other programs that this one is alive.
  private let lock: WriterLock
  private var isFollowed = false
  private let committed: H5Dataset
  private var groups: [IterationGroup]
  /// The groups of the summary, and of the self-check.
  private let summaries: [Int]
  private let check: Int
  private let checkedArrays: [[Int]: Int]
  /// Sums over the chunks of iterations under way, by iteration, array, block and chunk.
  private var moments: [Int: [Int: [[Int]: Moments]]] = [:]
  /// Iterations that are whole, but not yet to stay.
  private var waiting: [Int] = []
  private var lastSettled = Date.distantPast
  private var sinceWriteback = 0
  private var isClosed = false

  /// - Parameter old: a trace whose committed iterations are taken over first. Until they are, the new file has
  ///   another name than that of a partial trace.
  init(
    _ output: OutputFile, _ description: TraceDescription, _ storage: TraceStorage,
    continuing old: TraceReader? = nil
  ) throws {
    self.output = output
    var place = output
    if old != nil { place.suffix = ".resuming" }
    file = try H5File.create(place.partial, growsInPlace: true)
    lock = WriterLock(place.partial)
    do {
      var layout = try TraceLayout(description, storage, in: file.root)
      try layout.finish()
      groups = layout.groups
      places = layout.places
      readout = layout.readout
      committed = layout.committed
      summaries = layout.summaries
      check = layout.check
      checkedArrays = layout.checkedArrays
      if let old {
        for index in groups.indices {
          try groups[index].takeOver(
            from: old.file.root.group(at: groups[index].path), upTo: old.lastIteration ?? -1)
        }
        waiting = try RecordedArray.iterations(of: old.run, upTo: old.lastIteration ?? -1)
        _ = try settle(isUrgent: true)
      }
      try file.flush()
      if old != nil { try place.move(to: output.partial) }
      if storage.canBeFollowed {
        do {
          try file.beFollowed()
          isFollowed = true
        } catch let error as TraceError {
          note = "the file cannot be followed while it is written: \(error.message)"
        }
      }
    } catch {
      try? file.close()
      place.discard()
      throw error
    }
  }

  /// Writes an encoded chunk.
  func write(
    _ chunk: ChunkBuffer, _ index: Int, of place: ArrayPlace, iteration: Int
  ) throws {
    let lead = place.block.map { [$0] } ?? []
    try groups[place.group].write(
      chunk, array: place.array, iteration: iteration, offset: lead + place.grid.offset(of: index))
    sinceWriteback += chunk.bytes.count
    if sinceWriteback >= Self.writeback {
      file.beginWriteback()
      sinceWriteback = 0
    }
    if let array = checkedArrays[[place.group, place.array]] {
      moments[iteration, default: [:]][array, default: [:]][[place.block ?? 0, index]] =
        chunk.moments
    }
  }

  /// Takes note that all values of an iteration have been written.
  func commit(_ iteration: Int, summary: [Double]) {
    if !summary.isEmpty {
      for group in summaries {
        groups[group].append(summary.map { [$0] }, iteration: iteration)
      }
    }
    let sums = moments.removeValue(forKey: iteration) ?? [:]
    let rows = (0..<checkedArrays.count).flatMap { array -> [Double] in
      guard let chunks = sums[array] else { return [0, 0, 0] }
      // In the order of the chunks, whichever came first.
      var total = Moments()
      for (_, sums) in chunks.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
        total.add(sums)
      }
      return [total.sum, total.squares, Double(total.others)]
    }
    groups[check].append([rows], iteration: iteration)
    waiting.append(iteration)
  }

  /// Makes commits last if it is time or urgent; returns when it will be.
  ///
  /// First everything of the iterations goes to the file, then word of it: whoever sees that, alive or after a
  /// kill, finds the rest.
  func settle(isUrgent: Bool) throws -> Date? {
    guard !waiting.isEmpty, !isClosed else { return nil }
    let due = lastSettled.addingTimeInterval(Self.interval)
    guard isUrgent || due <= Date() else { return due }
    for index in groups.indices { try groups[index].settle() }
    try file.flush()
    let (count, new) = (durable.withLock { $0.count }, waiting.map { Int64($0) })
    try committed.resize(firstAxisTo: count + new.count)
    try new.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      try committed.write(base, as: .int64, start: [count], count: [new.count])
    }
    try file.flush()
    durable.withLock { $0 = (count + waiting.count, waiting.last) }
    waiting = []
    lastSettled = Date()
    return nil
  }

  /// Brings the file to its end: drops what was not committed, and says how it ended.
  func close(status: String, reason: String?) throws {
    if !isClosed {
      _ = try settle(isUrgent: true)
      try file.flush()
      // New texts can be written only by one who is alone with the file.
      if isFollowed { try file.close() }
      isClosed = true
    }
    let file = isFollowed ? try H5File.open(output.partial, writable: true) : self.file
    do {
      let (count, last) = durable.withLock { $0 }
      for group in groups {
        if let rows = group.rows(upTo: last) {
          try file.root.group(at: group.path).cut(toRows: rows)
        }
      }
      try TraceEnding(
        status: status, reason: reason, count: count, last: last, edits: edits.withLock { $0 }
      ).write(to: file.root)
      try file.flush()
      try file.close()
    } catch {
      if isFollowed { try? file.close() }
      throw error
    }
  }
}
