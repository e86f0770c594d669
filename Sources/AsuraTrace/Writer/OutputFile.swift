import Foundation

/// A file that appears under its name only when it is whole: written as `NAME.partial`, then
/// renamed.
struct OutputFile: Sendable {
  let url: URL
  let overwrites: Bool
  /// What the name ends in until then.
  var suffix = ".partial"
  var partial: URL { URL(fileURLWithPath: url.path + suffix) }

  /// Refuses a name that is taken, unless it may be overwritten; a folder and a file that is being written never
  /// may.
  func checkFree() throws {
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder), isFolder.boolValue
    {
      throw TraceError(
        .misuse, "this is a folder", advice: "Give the name of a file in it", file: url)
    }
    guard !WriterLock.isHeld(partial) else {
      throw TraceError(
        .exists, "a capture that is running writes this file",
        advice: "Wait for it to end, or choose another name", file: partial)
    }
    guard !overwrites else { return }
    guard !FileManager.default.fileExists(atPath: url.path) else {
      throw TraceError(
        .exists, "the file exists already", advice: "Choose another name, or allow overwriting",
        file: url)
    }
    guard !FileManager.default.fileExists(atPath: partial.path) else {
      throw TraceError(
        .exists,
        "a capture that was killed left this file, with the iterations it had committed: recover it or go on "
          + "with it (--resume)", advice: "Or move it away, or allow overwriting",
        file: partial)
    }
  }

  /// Removes the partial file, if there is one.
  func discard() { try? FileManager.default.removeItem(at: partial) }

  /// Refuses to go on where the disk has no room for `bytes` more, before HDF5 has begun to write
  /// them: a write that fails half-way may leave a file that does not open.
  func checkRoom(bytes: Int) throws {
    var disk = statvfs()
    guard statvfs(partial.path, &disk) == 0 else { return }
    let free = Double(disk.f_bavail) * Double(disk.f_frsize)
    guard free < Double(bytes) else { return }
    throw TraceError(
      .inaccessible,
      "the disk is full: an iteration may need \(bytes) bytes, "
        + "\(Int(free)) are free", advice: "End the trace to keep what was committed, or make room")
  }

  /// Gives the partial file another name for the time being.
  func move(to other: URL) throws {
    guard rename(partial.path, other.path) == 0 else {
      throw TraceError(
        .inaccessible, "could not be renamed: \(String(cString: strerror(errno)))", file: partial)
    }
  }

  /// Gives the closed partial file its name, once its content is safe on the disk.
  func publish() throws {
    if !overwrites, FileManager.default.fileExists(atPath: url.path) {
      throw TraceError(
        .exists, "another program made this file meanwhile",
        advice: "The new trace is whole in \(partial.path)", file: url)
    }
    let descriptor = open(partial.path, O_RDONLY)
    let isSafe = descriptor >= 0 && fsync(descriptor) == 0
    let syncError = errno
    if descriptor >= 0 { close(descriptor) }
    guard isSafe, rename(partial.path, url.path) == 0 else {
      let reason = String(cString: strerror(isSafe ? errno : syncError))
      throw TraceError(
        .inaccessible, "the finished file could not be given its name: \(reason)",
        advice: "The content is in \(partial.path)", file: url)
    }
  }
}
