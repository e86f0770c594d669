import Foundation

/// Says that a program is writing a file, for as long as it lives: the system lets go of it when the program ends,
/// however that happens.
///
/// HDF5's own lock does not do: it is given up when readers are let in.
final class WriterLock: Sendable {
  private let descriptor: Int32

  /// Marks an existing file.
  init(_ url: URL) {
    descriptor = open(url.path, O_RDWR | O_CLOEXEC)
    _ = Self.lock(descriptor, asks: false)
  }

  deinit { close(descriptor) }

  /// Whether a program, this one perhaps, is writing the file; false also where the system cannot tell.
  static func isHeld(_ url: URL) -> Bool {
    let descriptor = open(url.path, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return lock(descriptor, asks: true)
  }

  #if os(Linux)
    // Locks of the open file, not of the process, whose other descriptors may come and go. Swift does not import the
    // constants: F_OFD_GETLK, F_OFD_SETLK.
    private static func lock(_ descriptor: Int32, asks: Bool) -> Bool {
      var lock = flock()
      lock.l_type = Int16(F_WRLCK)
      lock.l_whence = Int16(SEEK_SET)
      let code = fcntl(descriptor, asks ? 36 : 37, &lock)
      return code == 0 && lock.l_type != Int16(F_UNLCK)
    }
  #else
    private static func lock(_ descriptor: Int32, asks: Bool) -> Bool { false }
  #endif
}
