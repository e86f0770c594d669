import Foundation

/// How a run of the fixture program ended.
struct Outcome: Equatable {
  var status: Int32
  var output: String
  var error: String
}

/// Runs the fixture as a user would, standard input closed.
///
/// `during` is called once it runs, with the file that its standard error goes to.
func runFixture(
  _ arguments: [String], in directory: URL? = nil, during: ((Process, URL) throws -> Void)? = nil
) throws -> Outcome {
  try runProgram(fixtureURL, arguments, in: directory, during: during)
}

func runProgram(
  _ program: URL, _ arguments: [String], in directory: URL? = nil,
  during: ((Process, URL) throws -> Void)? = nil
) throws -> Outcome {
  // Files rather than pipes: nothing blocks when a program writes much.
  let scratch = try temporaryDirectory()
  defer { try? FileManager.default.removeItem(at: scratch) }
  let streams = ["output", "error"].map { scratch.appending(path: $0) }
  for stream in streams { try Data().write(to: stream) }
  let process = Process()
  process.executableURL = program
  process.arguments = arguments
  process.currentDirectoryURL = directory ?? scratch
  process.standardInput = FileHandle.nullDevice
  process.standardOutput = try FileHandle(forWritingTo: streams[0])
  process.standardError = try FileHandle(forWritingTo: streams[1])
  try process.run()
  try during?(process, streams[1])
  process.waitUntilExit()
  let texts = try streams.map { String(decoding: try Data(contentsOf: $0), as: UTF8.self) }
  return Outcome(status: process.terminationStatus, output: texts[0], error: texts[1])
}

/// The program, which is built beside the tests' own bundle.
let fixtureURL: URL = {
  let bundle = CommandLine.arguments.first { $0.contains(".xctest") } ?? CommandLine.arguments[0]
  let parts = bundle.components(separatedBy: "/")
  let end = parts.firstIndex { $0.hasSuffix(".xctest") } ?? parts.count - 1
  return URL(filePath: parts[..<end].joined(separator: "/")).appending(path: "command-line-fixture")
}()

/// A new empty directory.
func temporaryDirectory() throws -> URL {
  let url = FileManager.default.temporaryDirectory.appending(path: "asura-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  return url
}
