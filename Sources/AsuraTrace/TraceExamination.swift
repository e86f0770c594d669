import Foundation

/// A look at a file that may be damaged or hostile, in a process of its own.
///
/// libhdf5 trusts what files say of themselves further than it should: some malformed ones crash it,
/// or make it run or allocate without end, before its caller learns anything. Programs that open
/// files from elsewhere therefore let a short-lived child walk all of a file's description first:
/// groups, attributes, shapes, types, filters, chunk indices, axes and texts. What kills the child
/// becomes an error of kind `damaged`, and what it finds wrong is reported as it found it.
///
/// The commands do this for every trace they open. A library user who trusts his files opens them
/// with `TraceReader` alone; one who does not calls `check`, and `runIfRequested` first thing in his
/// program's `main`.
public enum TraceExamination {
  /// The first argument that asks a program to examine a file and end.
  private static let request = "__examine-trace"

  /// Has `program` examine a file. It takes some tens of milliseconds.
  /// - Parameters:
  ///   - program: a program that calls `runIfRequested`; the running one when nil.
  ///   - seconds: how long the child may take.
  /// - Throws: `TraceError`: what the child found wrong with the file; `damaged` if it died or did not
  ///   come to an end.
  public static func check(
    _ url: URL, with program: URL? = nil, seconds: Double = 30
  ) throws {
    guard let program = program ?? Bundle.main.executableURL else { return }
    let child = Process()
    child.executableURL = program
    child.arguments = [request, url.path]
    child.environment = ProcessInfo.processInfo.environment.merging(
      [
        "OPENBLAS_NUM_THREADS": "1", "SWIFT_BACKTRACE": "enable=no",
        // What libhdf5 forgets to set, or uses after freeing, is then a pointer to nowhere.
        "MALLOC_PERTURB_": "165",
      ]) { $1 }
    child.standardInput = FileHandle.nullDevice
    let answer = Pipe()
    child.standardOutput = answer
    child.standardError = FileHandle.nullDevice
    let ended = DispatchSemaphore(value: 0)
    child.terminationHandler = { _ in ended.signal() }
    do {
      try child.run()
    } catch {
      throw TraceError(
        .inaccessible, "could not start a process to examine the file: \(error)", file: url)
    }
    let isLate = ended.wait(timeout: .now() + seconds) == .timedOut
    if isLate {
      kill(child.processIdentifier, SIGKILL)
      ended.wait()
    }
    guard !isLate, child.terminationReason == .exit, child.terminationStatus == 0 else {
      throw TraceError(
        .damaged,
        isLate
          ? "examining the file did not come to an end"
          : "examining the file killed the process that did it",
        advice: "The file is damaged or hostile; nothing was read from it", file: url)
    }
    let data = answer.fileHandleForReading.readDataToEndOfFile()
    if let fault = try? JSONDecoder().decode(Fault.self, from: data) {
      throw TraceError(
        fault.kind, fault.message, advice: fault.advice, file: url, library: fault.library)
    }
  }

  /// What a child found wrong, as it tells its parent.
  private struct Fault: Codable {
    let kind: TraceError.Kind
    let message: String
    let advice: String
    let library: [String]

    init(_ error: TraceError) {
      // The pipe between them holds some kilobytes.
      func short(_ text: String) -> String { String(text.prefix(2_000)) }
      kind = error.kind
      message = short(error.message)
      advice = short(error.advice)
      library = error.library.prefix(4).map(short)
    }
  }

  /// Examines a file and exits, if the program was started for that. The process first limits the
  /// memory and processor time it may take.
  public static func runIfRequested(_ arguments: [String] = CommandLine.arguments) {
    guard arguments.count == 3, arguments[1] == request else { return }
    // Ctrl-C is for the parent to answer.
    signal(SIGINT, SIG_IGN)
    limit(seconds: 5)
    do {
      try examine(URL(fileURLWithPath: arguments[2]))
    } catch let error as TraceError {
      FileHandle.standardOutput.write((try? JSONEncoder().encode(Fault(error))) ?? Data())
    } catch {
      exit(1)
    }
    exit(0)
  }

  /// Opens a file and reads all of its description, and the texts, as readers of traces would; not
  /// the recorded values.
  public static func examine(_ url: URL) throws {
    try TraceReader.locating(url) { try walk(url) }
    if try LinkedTraces.isLinked(url) {
      _ = try LinkedTraces(url)
    } else {
      let reader = try TraceReader(url)
      _ = try (reader.summary(), reader.input(), reader.configuration())
    }
  }

  private static func walk(_ url: URL) throws {
    let file = try H5File.open(url)
    try TraceReader.check(file)
    try file.root.walk { _, member in
      switch member {
      case .group(let group):
        try read(group)
        let scales = try group.scales()
        for name in try group.names() where scales[name] == nil {
          if case .dataset(let dataset) = try group.member(name) {
            _ = try group.axes(of: dataset, among: scales)
          }
        }
      case .dataset(let dataset):
        try read(dataset)
        let (kind, storage) = (try dataset.kind(), try dataset.storage())
        _ = try dataset.shape()
        if storage.layout == .chunked { _ = try dataset.storedChunkCount() }
        if storage.layout == .virtual { _ = try dataset.virtualFiles() }
        if case .text = kind { _ = try dataset.texts() }
      }
    }
  }

  private static func read(_ object: some H5Object) throws {
    for name in try object.attributeNames() {
      do { _ = try object.attribute(name) } catch let error as TraceError {
        // What is neither number nor text nobody reads: the references between axes and scales, and
        // what others may have added.
        if error.kind == .library { throw error }
      }
    }
  }

  /// Limits this process to a gigabyte of memory beyond what it has, and to some seconds, and leaves
  /// no file of its corpse.
  package static func limit(seconds: UInt64) {
    var core = rlimit(rlim_cur: 0, rlim_max: 0)
    var time = rlimit(rlim_cur: rlim_t(seconds), rlim_max: rlim_t(seconds + 1))
    #if canImport(Glibc)
      setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &core)
      setrlimit(__rlimit_resource_t(RLIMIT_CPU.rawValue), &time)
      if let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8),
        let pages = text.split(separator: " ").first.flatMap({ UInt64($0) })
      {
        let bytes = pages * UInt64(sysconf(Int32(_SC_PAGESIZE))) + (1 << 30)
        var memory = rlimit(rlim_cur: rlim_t(bytes), rlim_max: rlim_t(bytes))
        setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &memory)
      }
    #else
      setrlimit(RLIMIT_CORE, &core)
      setrlimit(RLIMIT_CPU, &time)
    #endif
  }
}
