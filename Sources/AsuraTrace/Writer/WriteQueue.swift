import Foundation

/// Carries work to a file's own thread, in order; what prepares it runs before, on threads of its own, side by
/// side.
///
/// The bytes that wait are bounded: whoever brings more waits. The first error is kept and thrown to whoever
/// comes next.
///
/// `@unchecked Sendable`: everything mutable is guarded by `condition`.
final class WriteQueue: @unchecked Sendable {
  private final class Item {
    let bytes: Int
    let prepare: (@Sendable () -> Void)?
    let write: @Sendable () throws -> Void
    /// Whether it is done even after a failure.
    let isLast: Bool
    var isReady: Bool

    init(
      _ bytes: Int, _ prepare: (@Sendable () -> Void)?, isLast: Bool,
      _ write: @escaping @Sendable () throws -> Void
    ) {
      self.bytes = bytes
      self.prepare = prepare
      self.write = write
      self.isLast = isLast
      isReady = prepare == nil
    }
  }

  private let condition = NSCondition()
  private let limit: Int
  /// Makes what was written so far last, and returns when it would like to be called again at the latest, if at
  /// all.
  private let settle: @Sendable (_ isUrgent: Bool) throws -> Date?
  private var items: [Item] = []
  private var unprepared: [Item] = []
  private var bytes = 0
  private var failure: (any Error)?
  private var isStopped = false
  private var isWriting = false

  /// - Parameters:
  ///   - limit: how many bytes may wait.
  ///   - preparers: how many threads prepare.
  ///   - settle: called on the file's thread after each piece of work and when the time it gave has come.
  init(
    limit: Int, preparers: Int, settle: @escaping @Sendable (_ isUrgent: Bool) throws -> Date?
  ) {
    self.limit = limit
    self.settle = settle
    // The threads keep the queue alive until it is stopped.
    Thread { self.writeAll() }.start()
    for _ in 0..<preparers { Thread { self.prepareAll() }.start() }
  }

  /// Adds work; waits while too much is there already.
  /// - Throws: the first error of earlier work.
  func add(
    bytes: Int = 0, preparing prepare: (@Sendable () -> Void)? = nil, isLast: Bool = false,
    _ write: @escaping @Sendable () throws -> Void
  ) throws {
    condition.lock()
    defer { condition.unlock() }
    while self.bytes > 0, self.bytes + bytes > limit, failure == nil, !isStopped {
      condition.wait()
    }
    if let failure, !isLast { throw failure }
    let item = Item(bytes, prepare, isLast: isLast, write)
    self.bytes += bytes
    items.append(item)
    if prepare != nil { unprepared.append(item) }
    condition.broadcast()
  }

  /// Waits until everything added so far is in the file to stay.
  /// - Throws: the first error of earlier work.
  func synchronize() throws {
    try add { [settle] in _ = try settle(true) }
    try wait()
  }

  /// Waits until nothing is left to write.
  func wait() throws {
    condition.lock()
    defer { condition.unlock() }
    while !items.isEmpty || isWriting { condition.wait() }
    if let failure { throw failure }
  }

  /// Forgets what waits, the error as well, so that the file can be brought to an end.
  func clear() {
    condition.lock()
    defer { condition.unlock() }
    while isWriting { condition.wait() }
    items = []
    unprepared = []
    bytes = 0
    failure = nil
    condition.broadcast()
  }

  /// Ends the threads. Work that waits is forgotten.
  func stop() {
    condition.lock()
    isStopped = true
    items = []
    unprepared = []
    condition.broadcast()
    condition.unlock()
  }

  private func prepareAll() {
    condition.lock()
    while !isStopped {
      guard !unprepared.isEmpty else {
        condition.wait()
        continue
      }
      let item = unprepared.removeFirst()
      condition.unlock()
      item.prepare?()
      condition.lock()
      item.isReady = true
      condition.broadcast()
    }
    condition.unlock()
  }

  private func writeAll() {
    var deadline: Date?
    condition.lock()
    while !isStopped {
      let item = items.first.flatMap { $0.isReady ? $0 : nil }
      if item != nil {
        items.removeFirst()
      } else if let time = deadline {
        if condition.wait(until: time) { continue }
      } else {
        condition.wait()
        continue
      }
      isWriting = true
      let isSpoiled = failure != nil && item?.isLast != true
      condition.unlock()
      var error: (any Error)?
      deadline = nil
      if !isSpoiled {
        do {
          try item?.write()
          deadline = try settle(false)
        } catch let thrown { error = thrown }
      }
      condition.lock()
      isWriting = false
      bytes -= item?.bytes ?? 0
      failure = failure ?? error
      condition.broadcast()
    }
    condition.unlock()
  }
}
