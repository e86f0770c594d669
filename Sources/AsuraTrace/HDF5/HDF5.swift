internal import CHDF5
import Foundation

/// The one door to libhdf5: every call goes through here, one at a time, and a failed one becomes a
/// `TraceError` with HDF5's own messages.
///
/// The serial libhdf5 keeps global state without locks, so the lock is process-wide. It is
/// recursive because handles may be closed while a call is being prepared.
enum HDF5 {
  private static let lock = NSRecursiveLock()

  /// Keeps HDF5 from closing files when the program exits: we close ours, and after a failed write
  /// its own attempt reads freed memory. Must come before anything else is asked of the library.
  private static let prepared = H5dont_atexit() >= 0

  /// Whether a file could not be closed. HDF5's tables may then point at freed memory, so that
  /// handles are abandoned rather than closed from there on. Guarded by the lock.
  nonisolated(unsafe) static var hasFailedClose = false

  /// Calls `body` holding the process-wide lock.
  static func locked<R>(_ body: () throws -> R) rethrows -> R {
    lock.lock()
    defer { lock.unlock() }
    _ = prepared
    // Stops HDF5 from printing every failure to standard error; ours are thrown instead. The
    // thread-safe builds keep this setting for each thread, so one call at the start won't do.
    H5Eset_auto2(asura_h5e_default(), nil, nil)
    return try body()
  }

  /// Calls libhdf5 and throws if it returns a negative number, as it does for every failure.
  @discardableResult
  static func call<R: SignedInteger>(
    _ doing: @autoclosure () -> String, _ body: () -> R
  ) throws -> R {
    try locked {
      let result = body()
      guard result >= 0 else {
        throw TraceError(.library, "could not \(doing())", library: messages())
      }
      return result
    }
  }

  /// The messages on HDF5's error stack, innermost first, without repetitions.
  private static func messages() -> [String] {
    var found: [String] = []
    withUnsafeMutablePointer(to: &found) { found in
      _ = H5Ewalk2(
        asura_h5e_default(), H5E_WALK_UPWARD,
        { _, entry, found in
          guard let text = entry?.pointee.desc else { return 0 }
          // Some of them contain a date with its line end.
          let message = String(cString: text).replacing("\n", with: "")
          let list = found?.assumingMemoryBound(to: [String].self)
          if list?.pointee.contains(message) == false { list?.pointee.append(message) }
          return 0
        }, found)
    }
    return found
  }
}

/// Owns one HDF5 identifier: acquired in `init`, given back in `deinit`.
package final class H5Handle: Sendable {
  let id: Int64

  /// Takes the identifier that `acquire` returns; `doing` completes "could not …".
  init(_ doing: @autoclosure () -> String, _ acquire: () -> Int64) throws {
    id = try HDF5.call(doing(), acquire)
  }

  deinit {
    // Closing a file invalidates the identifiers of everything in it, which is no error here.
    HDF5.locked {
      if !HDF5.hasFailedClose, H5Iis_valid(id) > 0 { _ = H5Idec_ref(id) }
    }
  }
}
