import AsuraKernels
import Dispatch
import Foundation
import Synchronization

/// How many threads share the parts of a job.
///
/// What is computed must not depend on the number: callers split work by its own shape, never by
/// the number of workers, so every result is the same to the bit for any thread count.
/// `Workers.current` is what the library uses; inside a part that runs beside others it is a single
/// worker, so nested work stays on its thread.
public struct Workers: Sendable, Equatable {
  /// How many threads work on a job, the caller's included.
  public let count: Int

  /// Workers on `count` threads. More than the processors at hand gain nothing and are not started.
  public init(count: Int) {
    precondition(count >= 1, "\(count) workers cannot work")
    self.count = count
  }

  /// The workers in force on this thread: one a processor unless set by
  /// `Workers.$current.withValue`.
  @TaskLocal public static var current = Workers(count: availableProcessors)

  /// How many processors this process may run on (its affinity mask, not the machine's total).
  public static let availableProcessors: Int = {
    let allowed = Int(asura_available_processors())
    if allowed > 0 { return allowed }
    return max(1, ProcessInfo.processInfo.activeProcessorCount)
  }()

  /// Runs `body(0)`, …, `body(parts - 1)`, in any order and side by side, and returns when all are
  /// done. The first error thrown is rethrown; parts not yet begun by then are skipped.
  public func forEach<E: Error>(
    _ parts: Int, _ body: @Sendable (Int) throws(E) -> Void
  ) throws(E) {
    let threads = min(count, parts)
    guard threads > 1 else {
      for part in 0..<max(parts, 0) { try body(part) }
      return
    }
    let next = Atomic<Int>(0)
    let failure = Mutex<E?>(nil)
    DispatchQueue.concurrentPerform(iterations: threads) { _ in
      Workers.$current.withValue(Workers(count: 1)) {
        while true {
          let part = next.wrappingAdd(1, ordering: .relaxed).oldValue
          guard part < parts else { return }
          do throws(E) { try body(part) } catch {
            failure.withLock { $0 = $0 ?? error }
            next.store(parts, ordering: .relaxed)
          }
        }
      }
    }
    if let error = failure.withLock({ $0 }) { throw error }
  }

  /// Runs `body(part, 0)`, …, `body(part, steps - 1)` for each of the parts: a part's steps in order, those of
  /// different parts side by side, whichever is furthest behind first. Parts do not wait for each other.
  ///
  /// The first error thrown is rethrown; steps not yet begun by then are skipped.
  public func interleave(
    _ parts: Int, steps: Int, _ body: @Sendable (_ part: Int, _ step: Int) throws -> Void
  ) throws {
    struct Turns {
      var done: [Int]
      var isBusy: [Bool]
      var hasFailed = false
    }
    let turns = Mutex(
      Turns(
        done: Array(repeating: 0, count: max(parts, 0)),
        isBusy: Array(repeating: false, count: max(parts, 0))))
    /// The next step to make; nil when there is none, or only those after one that another thread is making.
    @Sendable func take() -> (part: Int, step: Int)? {
      turns.withLock { turns in
        let idle = turns.done.indices.filter { !turns.isBusy[$0] && turns.done[$0] < steps }
        guard !turns.hasFailed, let part = idle.min(by: { turns.done[$0] < turns.done[$1] }) else {
          return nil
        }
        turns.isBusy[part] = true
        return (part, turns.done[part])
      }
    }
    // A thread that finds nothing may leave: each part that has steps left is then with one that goes on with it.
    try forEach(min(count, parts)) { _ in
      while let (part, step) = take() {
        do { try body(part, step) } catch {
          turns.withLock { $0.hasFailed = true }
          throw error
        }
        turns.withLock { turns in
          turns.done[part] += 1
          turns.isBusy[part] = false
        }
      }
    }
  }

  /// `[body(0), …, body(parts - 1)]`, computed side by side.
  public func map<R: Sendable, E: Error>(
    _ parts: Int, _ body: @Sendable (Int) throws(E) -> R
  ) throws(E) -> [R] {
    let results = Mutex<[R?]>(Array(repeating: nil, count: max(parts, 0)))
    try forEach(parts) { (part) throws(E) in
      let result = try body(part)
      results.withLock { $0[part] = result }
    }
    return results.withLock { $0.compactMap { $0 } }
  }
}
