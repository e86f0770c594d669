import AsuraTensor
import Foundation
import Synchronization

/// Writes a trace while a run goes on: one HDF5 file of schema 1 (see `Traces/README.md`).
///
/// Everything known beforehand is written when the writer is made; then values arrive, site by site and part by
/// part of the batch, from any thread and of several iterations at once. `append` copies them and returns; they
/// are encoded and written beside the run, which waits only when too much is under way. The file is
/// `NAME.partial` until `finish` or `abandon` renames it to `NAME`.
///
/// If writing fails, because the disk is full or gone, the next call throws: call `abandon` then, which makes a
/// valid trace of the committed iterations if the disk allows it. If it does not, nothing is called `NAME`.
public final class TraceWriter: Sendable {
  /// Where the trace will be.
  public let url: URL
  /// Why the file cannot be followed while it is written, though that was asked for; nil otherwise.
  public var note: String? { file.note }
  private let output: OutputFile
  private let file: TraceFile
  private let queue: WriteQueue
  private let sites: [String: TraceSite]
  private let kept: [String: Set<Int>]
  /// How much of the disk an iteration may need.
  private let roomPerIteration: Int
  private let steps: LatentSteps?
  private let readouts: Readouts?
  /// Where a run goes on that resumes a trace; nil for a new one, and where nothing had been committed.
  public let resumePoint: ResumePoint?
  private var resumedFrom: Int? { resumePoint?.iteration }
  private let intake: Mutex<TraceIntake>
  private let isEnded = Mutex(false)

  /// How many bytes may be on their way to the file.
  private static let bytesUnderWay = 32 << 20

  /// Makes the partial file and writes the description into it.
  /// - Parameters:
  ///   - storage: how values are stored; uncompressed 32-bit floats by default, whatever they come as.
  ///   - overwrite: whether a file of this name is replaced.
  /// - Throws: `TraceError` if the output exists or cannot be written, or the description
  ///   contradicts itself; no file is left then.
  public convenience init(
    _ url: URL, describing description: TraceDescription, storage: TraceStorage = TraceStorage(),
    overwrite: Bool = false
  ) throws {
    let output = OutputFile(url: url, overwrites: overwrite)
    try TraceError.locating(url, .misuse) { try storage.validate() }
    try output.checkFree()
    if overwrite { output.discard() }
    try self.init(output, description, storage, continuing: nil)
  }

  /// Goes on with a trace whose capture was killed or ended early, from its last committed iteration.
  ///
  /// What was committed is copied into a new file, which takes the old one's place when it has everything: whenever
  /// this is killed, nothing is lost. Values of iterations up to `committed.last` may be appended again: they only
  /// prepare the series that compare an iteration with the one before.
  /// - Throws: `TraceError` of kind `misuse`, listing what differs, if the trace is of something else.
  public convenience init(
    resuming url: URL, describing description: TraceDescription,
    storage: TraceStorage = TraceStorage()
  ) throws {
    try TraceError.locating(url, .misuse) { try storage.validate() }
    let output = OutputFile(url: url, overwrites: true)
    var new = output
    new.suffix = ".resuming"
    try output.checkFree()
    try new.checkFree()
    new.discard()
    let old = try Resumption(of: output)
    defer { old.discard() }
    try TraceError.locating(url, .damaged) {
      try old.check(description, storage)
    }
    try self.init(output, description, storage, continuing: old.trace)
  }

  private init(
    _ output: OutputFile, _ description: TraceDescription, _ storage: TraceStorage,
    continuing old: TraceReader?
  ) throws {
    let url = output.url
    self.url = url
    self.output = output
    let file = try TraceError.locating(
      url, .inaccessible, advice: "Check the folder, its permissions and its free space"
    ) {
      try TraceHeader.validate(description)
      return try TraceFile(output, description, storage, continuing: old)
    }
    resumePoint = try old.flatMap { old in
      try TraceError.locating(url, .damaged) { try ResumePoint(old, storage) }
    }
    intake = Mutex(TraceIntake(after: old?.lastIteration))
    self.file = file
    sites = Dictionary(uniqueKeysWithValues: description.sites.map { ($0.name, $0) })
    kept = sites.compactMapValues { $0.iterations.map { Set($0) } }
    // A quarter more than the values for the edges of chunks, and something for the bookkeeping.
    let values = description.sites.reduce(0.0) { sum, site in
      site.shape.reduce(Double(storage.elements.number.size)) { $0 * Double($1) } + sum
    }
    roomPerIteration = Int(min(values * 1.25, 1e18)) + 262_144
    steps = sites["latent"].map { LatentSteps(examples: $0.shape[0]) }
    readouts = try sites["logits"].map {
      Readouts(shape: $0.shape, targets: try description.targets(of: $0))
    }
    queue = WriteQueue(
      limit: Self.bytesUnderWay, preparers: storage.deflate > 0 ? Workers.current.count : 0
    ) { try file.settle(isUrgent: $0) }
  }

  deinit { queue.stop() }

  /// Stores a site's values at an iteration: those of the whole batch, or of some rows of it.
  ///
  /// Parts may come in any order and from any thread, and those of several iterations may be under way, if each
  /// site's begin every iteration in turn. A whole batch commits the iterations before its own first.
  /// - Throws: `TraceError`: `misuse` for an undeclared site, another shape than declared, an
  ///   iteration that was committed or rows that came before; `inaccessible` if writing failed.
  public func append<S: Scalar>(
    site: String, iteration: Int, rows: Range<Int>? = nil, values: Tensor<S>
  ) throws {
    try locating {
      while rows == nil, let first = intake.withLock({ $0.first }), first < iteration {
        try commit(first)
      }
      let isOld = resumedFrom.map { iteration <= $0 } ?? false
      let rows = try accept(site, iteration, rows, values.shape, isOld: isOld)
      let isKept = !isOld && kept[site]?.contains(iteration) ?? true
      if site == "latent" { steps?.add(values, rows: rows, iteration: iteration) }
      if site == "logits",
        let series = readouts?.add(values, rows: rows, iteration: iteration), isKept,
        let places = file.readout
      {
        try series.entropy.withUnsafeBytes {
          try store(.init($0, .float64), rows, iteration, "entropy", places.entropy)
        }
        if let place = places.loss {
          try series.loss.withUnsafeBytes {
            try store(.init($0, .float64), rows, iteration, "loss", place)
          }
        }
        if let place = places.correct {
          try series.correct.withUnsafeBytes {
            try store(.init($0, .uint8), rows, iteration, "correct", place)
          }
        }
      }
      guard isKept, let place = file.places[site] else { return }
      try values.read {
        let bytes = UnsafeRawBufferPointer(
          start: $0, count: values.count * MemoryLayout<S>.stride)
        try store(.init(bytes, H5Number(S.self)), rows, iteration, site, place)
      }
    }
  }

  /// Declares an iteration complete, the earliest under way unless it is named: soon, and whatever happens then,
  /// it is in the file to stay. Iterations are committed in order.
  public func commit(_ iteration: Int? = nil) throws {
    try locating {
      if let iteration, iteration <= resumedFrom ?? -1 {
        _ = steps?.take(iteration)
        _ = readouts?.take(iteration)
        return
      }
      guard let (iteration, names) = try intake.withLock({ try $0.commit(iteration, sites) })
      else { return }
      var summary: [Double] = []
      if let steps {
        let latent = steps.take(iteration)
        summary = [latent.step, latent.norm]
      }
      if let readouts { summary.append(readouts.take(iteration)) }
      if names.isDisjoint(with: ["latent", "logits"]) { summary = [] }
      try queue.add { [file, summary] in file.commit(iteration, summary: summary) }
    }
  }

  /// Says how often each of the description's edits fired, before `finish`.
  public func note(editsFired counts: [Int]) { file.edits.withLock { $0 = counts } }

  /// Waits until every commit so far is in the file to stay.
  public func synchronize() throws { try locating { try queue.synchronize() } }

  /// The iterations that are in the file to stay, and the last of them.
  public var committed: (count: Int, last: Int?) { file.durable.withLock { $0 } }

  /// Commits what is under way and gives the trace its name, with the status `complete`.
  public func finish() throws {
    while let first = intake.withLock({ $0.first }) { try commit(first) }
    try locating { try queue.wait() }
    try close(status: "complete", reason: nil)
  }

  /// Ends the trace early with the status `incomplete`: drops what was not committed and gives the
  /// file its name.
  /// - Parameter reason: why, for whoever opens the trace.
  public func abandon(reason: String) throws {
    intake.withLock { $0.drop() }
    // What was committed is still written, unless that fails; the failure was told before.
    try? queue.wait()
    queue.clear()
    try close(status: "incomplete", reason: reason)
  }

  private func close(status: String, reason: String?) throws {
    try locating {
      try queue.add(isLast: true) { [file] in try file.close(status: status, reason: reason) }
      try queue.wait()
      isEnded.withLock { $0 = true }
      queue.stop()
    }
    try output.publish()
  }

  private func locating(_ body: () throws -> Void) throws {
    let count = committed.count
    let advice =
      "\(count) iterations were committed before; what could be saved is in "
      + "\(output.partial.path). Check the disk's free space"
    try TraceError.locating(url, .inaccessible, advice: advice) {
      guard !isEnded.withLock({ $0 }) else {
        throw TraceError(.misuse, "the trace has been finished already")
      }
      try body()
    }
  }
}

// MARK: - Values

extension TraceWriter {
  /// Checks that values fit and takes note of them; returns their rows.
  private func accept(
    _ name: String, _ iteration: Int, _ rows: Range<Int>?, _ shape: [Int], isOld: Bool
  ) throws -> Range<Int> {
    guard let site = sites[name] else {
      let known = sites.keys.sorted().joined(separator: ", ")
      throw TraceError(.misuse, "site '\(name)' was not declared; declared: \(known)")
    }
    let all = 0..<(site.shape.first ?? 1)
    let rows = rows ?? all
    var expected = site.shape
    if !expected.isEmpty { expected[0] = rows.count }
    guard shape == expected, rows.lowerBound >= 0, rows.upperBound <= all.upperBound else {
      throw TraceError(
        .misuse,
        "site '\(name)' was declared with the shape \(site.shape) "
          + "but came with \(shape) for the rows \(rows) at iteration \(iteration)")
    }
    if isOld { return rows }
    let isNew = try intake.withLock { try $0.accept(name, iteration, rows) }
    if isNew { try output.checkRoom(bytes: roomPerIteration) }
    return rows
  }

  /// Copies values into chunks, and sends those off that are full.
  private func store(
    _ values: ElementSource, _ rows: Range<Int>, _ iteration: Int, _ name: String,
    _ place: ArrayPlace
  ) throws {
    let grid = place.grid
    let row = grid.count / (grid.shape.first ?? 1)
    let given = rows.lowerBound * row..<rows.upperBound * row
    let chunks = grid.chunks(touching: given)
    // A whole batch is encoded on all threads; a part comes on one of several already.
    try Workers.current.forEach(chunks.count) { (index) throws(any Error) in
      let chunk = chunks.lowerBound + index
      let elements = grid.elements(of: chunk)
      let part = elements.clamped(to: given)
      let size = place.encoding.number.size
      let isWhole = part == elements
      let key = ChunkKey(array: name, iteration: iteration, chunk: chunk)
      func make() -> ChunkBuffer { ChunkBuffer(count: grid.chunkCount * size) }
      let buffer = isWhole ? make() : intake.withLock { $0.buffer(key, making: make) }
      values.copy(
        part.lowerBound - given.lowerBound, count: part.count,
        to: buffer.bytes.baseAddress.map { $0 + (part.lowerBound - elements.lowerBound) * size },
        as: place.encoding.number)
      guard isWhole || intake.withLock({ $0.isFull(key, adding: part.count, of: elements.count) })
      else { return }
      try send(buffer, chunk, values: elements.count, iteration, place)
    }
  }

  private func send(
    _ buffer: ChunkBuffer, _ chunk: Int, values: Int, _ iteration: Int, _ place: ArrayPlace
  ) throws {
    let encoding = place.encoding
    let encode = { @Sendable in encoding.encode(buffer, values: values) }
    // What takes no time is done at once, while the values are in this processor's cache.
    if encoding.deflate == 0 { encode() }
    try queue.add(bytes: buffer.bytes.count, preparing: encoding.deflate == 0 ? nil : encode) {
      [file] in
      try file.write(buffer, chunk, of: place, iteration: iteration)
    }
  }
}
