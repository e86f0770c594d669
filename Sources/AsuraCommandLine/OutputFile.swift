import Foundation

/// A file a command is about to write: checked before the work, complete or absent after it.
///
/// Write to `temporaryPath`, then `commit()`: the file appears under its own name, whole and on
/// disk, in one step. Without a commit the temporary file goes when this object does.
///
/// Devices and pipes (`/dev/stdout`, `/dev/null`) can't be renamed over: they are written directly,
/// and `temporaryPath` is then `path`.
public final class OutputFile {
  /// The file's final path, symbolic links followed.
  public let path: String
  /// Where to write until the commit; in the same directory.
  public let temporaryPath: String
  private let isReplacing: Bool
  private var isCommitted = false

  /// Checks that the file can be made.
  ///
  /// - Parameter force: replace a file that exists; without it, one that exists is an error.
  /// - Throws: `CommandError` that names the path: it exists, it is a directory, or its directory
  ///   is missing or can't be written to.
  public init(_ given: String, force: Bool) throws(CommandError) {
    guard !given.isEmpty else {
      throw CommandError("the output file has an empty name", status: .usage)
    }
    path =
      realpath(given, nil).map { resolved in
        defer { free(resolved) }
        return String(cString: resolved)
      } ?? given
    isReplacing = force
    var status = stat()
    let exists = stat(path, &status) == 0
    let kind = status.st_mode & S_IFMT
    if exists && kind == S_IFDIR {
      throw CommandError(
        "\(given) is a directory", status: .usage, remedy: "give the name of a file in it")
    }
    if exists && kind != S_IFREG {
      temporaryPath = path
      guard access(path, W_OK) == 0 else { throw Self.failure("write to", path) }
      return
    }
    if exists && !force { throw Self.existing(given) }
    temporaryPath = "\(path).\(getpid()).partial"
    try Self.checkDirectory(of: path)
  }

  deinit { discard() }

  /// Puts what was written to `temporaryPath` on disk and under its final name.
  public func commit() throws(CommandError) {
    guard temporaryPath != path else { return }
    try Self.synchronize(temporaryPath)
    if !isReplacing && access(path, F_OK) == 0 { throw Self.existing(path) }
    guard rename(temporaryPath, path) == 0 else { throw Self.failure("write", path) }
    isCommitted = true
    // The new name is on disk once the directory is; some file systems can't, which loses nothing.
    try? Self.synchronize(Self.directory(of: path))
  }

  /// Removes what was written so far.
  public func discard() {
    if !isCommitted && temporaryPath != path { unlink(temporaryPath) }
  }

  /// Writes the whole file and commits it.
  public func write(_ contents: some ContiguousBytes) throws(CommandError) {
    try prepare(contents)
    try commit()
  }

  /// Writes the whole file under its temporary name, for files that are to appear together.
  public func prepare(_ contents: some ContiguousBytes) throws(CommandError) {
    let descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw Self.failure("write", path) }
    let code = contents.withUnsafeBytes { writeAll($0, to: descriptor) }
    close(descriptor)
    guard code == 0 else { throw Self.failure("write", path, code: code) }
  }

  /// Writes the whole file as UTF-8 and commits it.
  public func write(_ text: String) throws(CommandError) {
    try write(Array(text.utf8))
  }
}

// MARK: - The system's answers

extension OutputFile {
  /// An error number of the system in a user's terms, with what to do about it.
  ///
  /// `action` completes "cannot … PATH".
  public static func failure(_ action: String, _ path: String, code: Int32 = errno) -> CommandError
  {
    let remedy: String? =
      switch code {
      case ENOSPC: "free some space, or write to another disk"
      case EDQUOT: "your disk quota is used up: remove files, or write elsewhere"
      case EROFS: "the file system is read-only: write elsewhere"
      case EACCES, EPERM: "you lack the permission: write elsewhere, or change it with chmod"
      default: nil
      }
    let reason = String(cString: strerror(code)).lowercased()
    return CommandError("cannot \(action) \(path): \(reason)", remedy: remedy)
  }

  private static func existing(_ path: String) -> CommandError {
    CommandError(
      "\(path) exists", status: .usage, remedy: "add --force to replace it, or give another name")
  }

  private static func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  private static func checkDirectory(of path: String) throws(CommandError) {
    let directory = directory(of: path)
    var status = stat()
    guard stat(directory, &status) == 0 else {
      throw CommandError(
        "there is no directory \(directory) for \(path)", remedy: "make it: mkdir -p \(directory)")
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw CommandError("\(directory) is a file, not a directory for \(path)")
    }
    guard access(directory, W_OK | X_OK) == 0 else { throw failure("write in", directory) }
  }

  private static func synchronize(_ path: String) throws(CommandError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure("write", path) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure("write", path) }
  }
}
