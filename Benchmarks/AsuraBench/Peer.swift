import AsuraCommandLine
import Foundation

/// The PyTorch side: a child process that runs one workload a request and tells how long it took.
final class Peer {
  /// What it says of one run.
  struct Answer: Decodable {
    struct Detail: Decodable {
      let loss: Double?
      let moduli: [Double]?
    }
    let seconds: Double?
    let detail: Detail?
    let error: String?
  }

  /// The first run of a workload includes its set-up: compiling takes minutes.
  private static let patience = 900.0
  private let process = Process()
  private let requests = Pipe()
  private let answers = Pipe()
  private var unread = Data()
  private var busy = 0.0
  private var watched = 0.0

  init(python: String, script: String, weights: String, threads: Int) throws {
    process.executableURL = URL(fileURLWithPath: python)
    process.arguments = [script, "serve", "--weights", weights, "--threads", "\(threads)"]
    process.standardInput = requests
    process.standardOutput = answers
    do { try process.run() } catch {
      throw CommandError(
        "cannot start \(python): \(error.localizedDescription)", remedy: "Run `make bench`.")
    }
    let greeting = try line()
    guard greeting == "ready" else { throw CommandError("\(script) began with \"\(greeting)\"") }
  }

  deinit {
    try? requests.fileHandleForWriting.write(contentsOf: Data("quit\n".utf8))
    try? requests.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  /// One run of a workload of `peer.py`, such as `train-eager small`.
  func run(_ workload: String) throws -> Answer {
    try requests.fileHandleForWriting.write(contentsOf: Data("\(workload)\n".utf8))
    let text = try line()
    guard let answer = try? JSONDecoder().decode(Answer.self, from: Data(text.utf8)) else {
      throw CommandError("PyTorch's answer to \"\(workload)\" is not understood: \(text)")
    }
    if let error = answer.error {
      throw CommandError("PyTorch's run of \"\(workload)\" failed: \(error)")
    }
    return answer
  }

  /// Runs `body` and counts how busy the peer was meanwhile: its threads spin for a while after their work.
  func watching<R>(_ body: () throws -> R) rethrows -> R {
    let (used, start) = (processorSeconds, Date())
    defer {
      busy += processorSeconds - used
      watched += Date().timeIntervalSince(start)
    }
    return try body()
  }

  /// The share of one processor the peer used while our side was timed; nil where the system doesn't tell.
  var busyShare: Double? { watched > 0 && processorSeconds > 0 ? busy / watched : nil }

  /// User and system time so far; 0 where there is no `/proc`.
  private var processorSeconds: Double {
    let path = "/proc/\(process.processIdentifier)/stat"
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return 0 }
    // Fields 14 and 15; the second is a name in parentheses that may hold spaces.
    let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
    guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else {
      return 0
    }
    return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  private func line() throws -> String {
    let handle = answers.fileHandleForReading
    let deadline = Date() + Self.patience
    while true {
      if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
        defer { unread = Data(unread[(end + 1)...]) }
        return String(decoding: unread[..<end], as: UTF8.self)
      }
      var waiting = pollfd(fd: handle.fileDescriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&waiting, 1, 1000) >= 0 || errno == EINTR else {
        throw CommandError("cannot wait for PyTorch's answer")
      }
      guard waiting.revents != 0 else {
        guard Date() < deadline else {
          process.terminate()
          throw CommandError("no answer from PyTorch in \(Int(Self.patience)) s")
        }
        continue
      }
      let data = handle.availableData
      guard !data.isEmpty else { throw CommandError("PyTorch's process ended early") }
      unread += data
    }
  }
}
