import AsuraCommandLine
import Foundation

/// One of the three commands, run as a user would: a process of its own.
struct Child {
  let program: String
  let arguments: [String]

  /// As it would be typed.
  var line: String {
    ([program] + arguments).map { word in
      word.wholeMatch(of: /[A-Za-z0-9_.,:=@%+\/-]+/) != nil
        ? word : "'" + word.replacing("'", with: #"'\''"#) + "'"
    }.joined(separator: " ")
  }

  /// Runs it to its end, what it prints going to a file; progress and warnings go where ours go.
  ///
  /// A wish to stop is passed on, and the child's way of ending waited for.
  func run(printingTo file: String) throws {
    guard let folder = Bundle.main.executableURL?.deletingLastPathComponent() else {
      throw CommandError("cannot tell where \(program) is")
    }
    let process = Process()
    process.executableURL = folder.appendingPathComponent(program)
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    guard FileManager.default.createFile(atPath: file, contents: nil),
      let output = FileHandle(forWritingAtPath: file)
    else { throw OutputFile.failure("write", file) }
    process.standardOutput = output
    let ended = DispatchSemaphore(value: 0)
    process.terminationHandler = { _ in ended.signal() }
    do { try process.run() } catch {
      throw CommandError(
        "cannot start \(program) beside asura-probe: \(error.localizedDescription)",
        remedy: "the three commands must be in one folder: build them with swift build -c release")
    }
    var isTold = false
    while ended.wait(timeout: .now() + 0.05) == .timedOut {
      // Not SIGINT: a second one, after the terminal's own, would make it quit at once.
      if Interrupt.isRequested, !isTold {
        kill(process.processIdentifier, SIGTERM)
        isTold = true
      }
    }
    try output.close()
    let status = process.terminationStatus
    if Interrupt.isRequested {
      throw CommandError(
        "interrupted", status: .incompleteInput,
        remedy: "what was done by then is kept; the same command goes on from there")
    }
    guard process.terminationReason == .exit else {
      throw CommandError("\(line)\n  was killed by signal \(status)")
    }
    guard status == 0 else {
      throw CommandError(
        "this ended with status \(status): \(line)",
        status: CommandStatus(rawValue: status) ?? .failure,
        remedy: "what was done before it is kept; the same command goes on from there")
    }
  }
}
