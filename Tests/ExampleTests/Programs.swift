import Foundation

/// The folder of the package.
let packageFolder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()

/// Runs an example, which is built beside the tests' own bundle, and returns its lines.
func linesOfExample(_ name: String) throws -> [String] {
  let bundle = CommandLine.arguments.first { $0.contains(".xctest") } ?? CommandLine.arguments[0]
  let parts = bundle.components(separatedBy: "/")
  let end = parts.firstIndex { $0.hasSuffix(".xctest") } ?? parts.count - 1
  let process = Process()
  process.executableURL = URL(filePath: parts[..<end].joined(separator: "/")).appending(path: name)
  process.standardInput = FileHandle.nullDevice
  let pipe = Pipe()
  process.standardOutput = pipe
  try process.run()
  let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
  process.waitUntilExit()
  guard process.terminationStatus == 0 else {
    throw ExampleFailure(name: name, status: process.terminationStatus)
  }
  return String(decoding: output, as: UTF8.self).components(separatedBy: "\n")
}

struct ExampleFailure: Error {
  let name: String
  let status: Int32
}

/// The numbers in a line, in order.
func numbers(in line: String) -> [Double] {
  line.split { !"+-.0123456789e".contains($0) }.compactMap { Double($0) }
}

/// An empty folder that is gone after `body`.
func withTemporaryFolder<R>(_ body: (URL) throws -> R) throws -> R {
  let folder = FileManager.default.temporaryDirectory.appending(path: "asura-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}
