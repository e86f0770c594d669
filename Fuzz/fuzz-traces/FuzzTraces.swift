import AsuraTrace
import FileEdits
import Foundation

/// What libFuzzer calls with each input: damages a sound trace as it says, and does what the commands do
/// with such a file: has a child process examine it, and if that finds nothing wrong, reads all that there
/// is. An error is right, and so is the child's death; a crash, a hang or a memory bomb in this process is a
/// finding.
///
/// `ASURA_FUZZ_SEEDS` names the sound files, separated by colons; scripts/fuzz-traces.sh sets it.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzTraces(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let edits = FileEdits(UnsafeBufferPointer(start: data, count: count), seeds: seeds.count)
  guard !seeds.isEmpty else { return -1 }
  do {
    try Data(edits.applied(to: seeds[edits.seed])).write(to: scratch)
    readAll(scratch)
  } catch {}
  return 0
}

private let seeds: [SeedFile] = (ProcessInfo.processInfo.environment["ASURA_FUZZ_SEEDS"] ?? "")
  .split(separator: ":").compactMap { try? SeedFile(contentsOf: URL(fileURLWithPath: String($0))) }

/// In memory where the system has a place there.
private let scratch: URL = {
  let memory = "/dev/shm"
  let folder =
    FileManager.default.isWritableFile(atPath: memory)
    ? memory : FileManager.default.temporaryDirectory.path
  return URL(fileURLWithPath: "\(folder)/asura-fuzz-\(getpid()).h5")
}()

/// Swift hides `fork` for what may go wrong after it. The child here only examines, and ends.
@_silgen_name("fork") private func forked() -> pid_t

/// Whether a child process that examines the file comes to its end and finds nothing wrong.
private func isExaminable(_ url: URL) -> Bool {
  let child = forked()
  if child == 0 {
    for number in [SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGILL, SIGXCPU, SIGALRM] {
      signal(number, SIG_DFL)
    }
    TraceExamination.limit(seconds: 2)
    alarm(5)
    let isSound = (try? TraceExamination.examine(url)) != nil
    _exit(isSound ? 0 : 1)
  }
  var status: CInt = 0
  while waitpid(child, &status, 0) < 0, errno == EINTR {}
  return status == 0
}

private func readAll(_ url: URL) {
  guard isExaminable(url) else { return }
  if (try? LinkedTraces.isLinked(url)) == true, let linked = try? LinkedTraces(url) {
    for index in linked.sources.indices.prefix(4) {
      if let trace = try? linked.open(index) { read(trace) }
    }
  } else if let trace = try? TraceReader(url) {
    read(trace)
  }
}

private func read(_ trace: TraceReader) {
  _ = try? trace.verify()
  for site in trace.sites + trace.readouts {
    for iteration in site.iterations.prefix(3) {
      _ = try? trace.values(site.name, iteration: iteration, as: Double.self)
    }
  }
  _ = try? trace.neighbours()
  for name in (try? trace.weightNames()) ?? [] { _ = try? trace.weight(name) }
  _ = try? trace.weightsHash()
}
