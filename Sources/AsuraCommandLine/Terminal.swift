import Foundation

/// What a stream can show: whether a person is watching, how wide it is, colours, block characters.
public struct Terminal: Sendable {
  /// Whether the stream is a terminal that can redraw a line (a `dumb` one can't).
  public var isInteractive: Bool
  /// Whether to colour text: a terminal, and `NO_COLOR` unset or empty (https://no-color.org).
  public var usesColor: Bool
  /// Whether block characters will show: true unless the locale names another encoding.
  public var usesUnicode: Bool
  private let descriptor: Int32

  public init(
    descriptor: Int32, environment: [String: String] = ProcessInfo.processInfo.environment
  ) {
    self.descriptor = descriptor
    isInteractive = isatty(descriptor) == 1 && environment["TERM"] != "dumb"
    usesColor = isInteractive && environment["NO_COLOR", default: ""].isEmpty
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy
      .compactMap { environment[$0] }.first { !$0.isEmpty }
    // Containers often set no locale at all, behind a terminal that is UTF-8 all the same.
    usesUnicode = locale.map { $0.uppercased().contains("UTF") } ?? true
  }

  public static let standardOutput = Terminal(descriptor: STDOUT_FILENO)
  public static let standardError = Terminal(descriptor: STDERR_FILENO)

  /// Columns now (a window can be resized); 80 when the stream doesn't know.
  public var columns: Int {
    var size = winsize()
    let known = ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
    return known ? Int(size.ws_col) : 80
  }

  /// `text` in bold red where colours are welcome.
  public func alarming(_ text: String) -> String {
    usesColor ? "\u{1B}[1;31m\(text)\u{1B}[0m" : text
  }
}

/// Writes a line to standard error: diagnostics, never results.
public func printError(_ line: String) {
  writeError(line + "\n")
}

/// Writes text to standard error in one call, so that lines of two threads don't mix.
func writeError(_ text: String) {
  var text = text
  // There is nowhere to say that standard error can't be written to.
  _ = text.withUTF8 { writeAll(UnsafeRawBufferPointer($0), to: STDERR_FILENO) }
}

/// Writes all of `bytes` to a file descriptor; the system's error number, or 0.
func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Int32 {
  var rest = bytes[...]
  while !rest.isEmpty {
    let count = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
    if count < 0 && errno == EINTR { continue }
    if count < 0 { return errno }
    rest = rest.dropFirst(count)
  }
  return 0
}
