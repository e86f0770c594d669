import Foundation
import Testing

/// How a program ended and what it said.
struct Outcome {
  var status: Int32
  var output: String
  var error: String
}

/// Runs one of the built commands as a user would, standard input closed.
///
/// `during` is called once it runs.
@discardableResult
func run(
  _ command: String, _ arguments: [String], in directory: URL,
  environment: [String: String] = [:], during: ((Process) throws -> Void)? = nil
) throws -> Outcome {
  try run(
    products.appending(path: command), arguments, in: directory, environment: environment,
    during: during)
}

func run(
  _ program: URL, _ arguments: [String], in directory: URL,
  environment: [String: String] = [:], during: ((Process) throws -> Void)? = nil
) throws -> Outcome {
  // Files rather than pipes: nothing blocks when a program writes much.
  let scratch = try temporaryDirectory()
  defer { try? FileManager.default.removeItem(at: scratch) }
  let streams = ["output", "error"].map { scratch.appending(path: $0) }
  for stream in streams { try Data().write(to: stream) }
  let process = Process()
  process.executableURL = program
  process.arguments = arguments
  process.currentDirectoryURL = directory
  process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
  process.standardInput = FileHandle.nullDevice
  process.standardOutput = try FileHandle(forWritingTo: streams[0])
  process.standardError = try FileHandle(forWritingTo: streams[1])
  try process.run()
  try during?(process)
  process.waitUntilExit()
  let texts = try streams.map { String(decoding: try Data(contentsOf: $0), as: UTF8.self) }
  return Outcome(status: process.terminationStatus, output: texts[0], error: texts[1])
}

/// Runs a command that is to fail, and checks how: with `status`, a message that holds `parts`, and nothing else.
func expectFailure(
  _ command: String, _ arguments: [String], in directory: URL, status: Int32, _ parts: String...,
  sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let outcome = try run(command, arguments, in: directory)
  let shown = Comment(rawValue: "\(command) \(arguments): \(outcome)")
  #expect(outcome.status == status, shown, sourceLocation: sourceLocation)
  for part in parts {
    #expect(outcome.error.contains(part), shown, sourceLocation: sourceLocation)
  }
  let lines = outcome.error.split(separator: "\n")
  #expect(lines.contains { $0.hasPrefix("error: ") }, shown, sourceLocation: sourceLocation)
  #expect(lines.count <= 16 && outcome.output.isEmpty, shown, sourceLocation: sourceLocation)
}

/// Where the build puts programs: beside the tests' own bundle.
let products: URL = {
  let bundle = CommandLine.arguments.first { $0.contains(".xctest") } ?? CommandLine.arguments[0]
  let parts = bundle.components(separatedBy: "/")
  let end = parts.firstIndex { $0.hasSuffix(".xctest") } ?? parts.count - 1
  return URL(filePath: parts[..<end].joined(separator: "/"))
}()

func temporaryDirectory() throws -> URL {
  let url = FileManager.default.temporaryDirectory.appending(path: "asura-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  return url
}

func withFolder<R>(_ body: (URL) throws -> R) throws -> R {
  let url = try temporaryDirectory()
  defer { try? FileManager.default.removeItem(at: url) }
  return try body(url)
}

/// Every file below a folder with its bytes.
func contents(_ folder: URL) throws -> [String: Data] {
  var found: [String: Data] = [:]
  for path in try FileManager.default.subpathsOfDirectory(atPath: folder.path) {
    var isFolder: ObjCBool = false
    let url = folder.appending(path: path)
    _ = FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder)
    if !isFolder.boolValue { found[path] = try Data(contentsOf: url) }
  }
  return found
}

/// The numbers in a JSON text.
func json(_ text: String) throws -> Any {
  try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
}

/// The Python with the packages that our files are checked with.
let python = ProcessInfo.processInfo.environment["ASURA_PYTHON"].map { URL(filePath: $0) }

/// Whether that Python has TensorBoard.
let hasTensorBoard: Bool = {
  guard let python else { return false }
  let process = Process()
  process.executableURL = python
  process.arguments = ["-c", "import tensorboard"]
  process.standardError = FileHandle.nullDevice
  guard (try? process.run()) != nil else { return false }
  process.waitUntilExit()
  return process.terminationStatus == 0
}()

/// Whether the tests run as root, to whom no folder is read-only.
let isRoot = geteuid() == 0

/// Whether a small file system can be mounted to be filled: root can, but not in every container.
let canMount: Bool = {
  guard isRoot, FileManager.default.isExecutableFile(atPath: "/usr/bin/mount") else { return false }
  let outcome = try? withFolder { folder in
    let disk = try mountSmallDisk(in: folder)
    if disk.status == 0 { try unmount(folder) }
    return disk
  }
  return outcome?.status == 0
}()

/// Mounts 256 KiB over a folder.
func mountSmallDisk(in folder: URL) throws -> Outcome {
  try run(
    URL(filePath: "/usr/bin/mount"), ["-t", "tmpfs", "-o", "size=256k", "tmpfs", folder.path],
    in: URL(filePath: "/"))
}

func unmount(_ folder: URL) throws {
  _ = try run(URL(filePath: "/usr/bin/umount"), ["-l", folder.path], in: URL(filePath: "/"))
}

// MARK: - What commands are tried on

let recipe = """
  seed: 3
  task: {kind: copy, alphabet: 5, lengths: 2...5}
  model: {width: 16, iterations: 3, attention: {heads: 2, positions: alibi}, mlp: {width: 24}}
  depth: [{graded: 1...3}, {weight: 0.5, free: 0...n, permute: true, graded: 2}]
  training: {steps: 300, batch: 48, checkpointEvery: 7, logEvery: 3, averageDecay: 0.9}
  optimizer: {learningRate: 3e-3, warmup: 10, finalFraction: 0.1, clip: 1}
  """

/// One finished run of `recipe`, made once: `recipe.yaml` and `run` in a folder.
let trained: Result<URL, any Error> = Result {
  let folder = try temporaryDirectory()
  try Data(recipe.utf8).write(to: folder.appending(path: "recipe.yaml"))
  let outcome = try run(
    "asura-train", ["run", "recipe.yaml", "-o", "run", "--json"], in: folder)
  #expect(outcome.status == 0, "\(outcome)")
  try Data(outcome.output.utf8).write(to: folder.appending(path: "summary.json"))
  // Nobody tidies up after the last test: the system does, at exit.
  atexit { if let folder = try? trained.get() { try? FileManager.default.removeItem(at: folder) } }
  return folder
}

/// A folder with a copy of the finished run.
func withRun<R>(_ body: (URL) throws -> R) throws -> R {
  let source = try trained.get()
  return try withFolder { folder in
    for name in ["recipe.yaml", "run"] {
      try FileManager.default.copyItem(
        at: source.appending(path: name), to: folder.appending(path: name))
    }
    return try body(folder)
  }
}
