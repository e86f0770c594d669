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
