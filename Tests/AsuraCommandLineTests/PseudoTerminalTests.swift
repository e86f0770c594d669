import Foundation
import Testing

/// Runs the program under a pseudo-terminal, which Python's `pty` module makes.
@Suite(.enabled(if: python != nil, "python3 isn't installed"))
struct PseudoTerminalTests {
  /// What the program writes to a terminal `columns` wide, and the status it ends with.
  private func screen(
    _ arguments: [String], columns: Int, environment: [String] = []
  ) throws -> Outcome {
    // Sends Ctrl-C once when asked to by an argument, as a keypress: the terminal makes the signal.
    let script = """
      import fcntl, os, pty, struct, sys, termios, time
      columns, keys, settings = int(sys.argv[1]), sys.argv[2], sys.argv[3].split()
      pid, terminal = pty.fork()
      if pid == 0:
        time.sleep(0.2)
        for name, value in (s.split("=") for s in settings): os.environ[name] = value
        os.execv(sys.argv[4], sys.argv[4:])
      fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
      while True:
        try: chunk = os.read(terminal, 4096)
        except OSError: break
        if not chunk: break
        sys.stdout.buffer.write(chunk)
        if keys and b"wait" in chunk:
          os.write(terminal, b"\\x03")
          keys = ""
      sys.stdout.flush()
      sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
      """
    let keys = arguments.contains("20") ? "ctrl-c" : ""
    let settings = (["TERM=xterm", "LC_ALL=C.UTF-8", "NO_COLOR="] + environment).joined(
      separator: " ")
    return try runProgram(
      try #require(python),
      ["-c", script, "\(columns)", keys, settings, fixtureURL.path] + arguments)
  }

  @Test func progressIsRedrawnInPlace() throws {
    let outcome = try screen(["wait", "--seconds", "1"], columns: 100)
    #expect(outcome.status == 0)
    #expect(outcome.output.contains("\rwait ▕"))
    #expect(outcome.output.contains("▏ 100%  100/100"))
    let frames = outcome.output.split(separator: "\r")
    #expect(frames.count >= 4, "\(frames.count)")
  }

  @Test func aNarrowTerminalIsNotOverrun() throws {
    let outcome = try screen(["wait", "--seconds", "0.3"], columns: 30)
    let frames = outcome.output.split(whereSeparator: \.isNewline)
    #expect(frames.count >= 2)
    for frame in frames {
      #expect(frame.replacing("\u{1B}[K", with: "").count < 30, "\(frame)")
    }
  }

  @Test func anotherEncodingOrADumbTerminalGetsPlainText() throws {
    let latin = try screen(
      ["wait", "--seconds", "0.2"], columns: 100, environment: ["LC_ALL=en_US.ISO-8859-1"])
    #expect(latin.output.contains("\rwait [") && latin.output.utf8.allSatisfy { $0 < 128 })
    let dumb = try screen(["wait", "--seconds", "0.2"], columns: 100, environment: ["TERM=dumb"])
    #expect(!dumb.output.contains("\u{1B}") && dumb.output.contains("wait  20/20 (100%)"))
  }

  @Test func errorsAreColouredUnlessToldNotTo() throws {
    let coloured = try screen(["fail", "1"], columns: 80)
    #expect(coloured.output.hasPrefix("\u{1B}[1;31merror:\u{1B}[0m failed with 1"))
    let plain = try screen(["fail", "1"], columns: 80, environment: ["NO_COLOR=1"])
    #expect(plain.output.hasPrefix("error: failed with 1"))
    #expect(plain.status == 1)
  }

  @Test func ctrlCSaysWhatItDoes() throws {
    let outcome = try screen(["wait", "--seconds", "20"], columns: 80)
    #expect(outcome.status == 0)
    #expect(outcome.output.contains("press Ctrl-C again to quit at once"))
    #expect(outcome.output.contains("stopped at a step"))
  }
}

/// The Python given for the tests, or the system's.
private let python: URL? = {
  let given = ProcessInfo.processInfo.environment["ASURA_PYTHON"]
  let paths = [given].compactMap { $0 } + ["/usr/bin/python3", "/usr/local/bin/python3"]
  return paths.first { FileManager.default.isExecutableFile(atPath: $0) }.map { URL(filePath: $0) }
}()
