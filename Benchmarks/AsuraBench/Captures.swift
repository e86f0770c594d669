import Asura
import AsuraCommandLine
import AsuraTrace
import Foundation

/// Latents and attention patterns of all iterations to a file, against the run alone, PyTorch with h5py, and what
/// the disk and the compressor do by themselves.
///
/// Ours is on the disk (fsync) when it ends, and so is what is written alone; PyTorch's is in the system's cache.
func captures(_ workload: Workload<Float>, _ shape: String) throws -> [Measure] {
  let plain = CaptureWork(workload, TraceStorage())
  let compressed = CaptureWork(workload, TraceStorage(deflate: 1, keptBits: 10))
  let path = plain.url.path + ".peer"
  return [
    Measure(
      name: "capture against forward", shape: shape, target: 1 / 1.1,
      contestants: [
        .ours { try plain.capture() }, .ours("forward alone") { try plain.forward() },
      ], tolerance: 0),
    Measure(
      name: "capture against PyTorch", shape: shape, target: 1,
      contestants: [
        .ours { try plain.capture() },
        .init("PyTorch and h5py", .theirs("capture \(shape) \(path)")),
      ], tolerance: 1e-4),
    Measure(
      name: "capture against write()", shape: shape, target: 0.85,
      contestants: [
        .ours { try plain.capture() }, .ours("write() alone") { try plain.writeAlone() },
      ], tolerance: 0),
    Measure(
      name: "compressed capture", shape: shape, target: 0.8,
      contestants: [
        .ours { try compressed.capture() },
        .ours("compressor alone") { try compressed.compressAlone() },
      ], tolerance: 0),
  ]
}

/// One way to capture a workload, and the parts of that work by themselves.
private final class CaptureWork {
  let url = FileManager.default.temporaryDirectory
    .appendingPathComponent("asura-bench-\(UUID().uuidString).h5")
  private let workload: Workload<Float>
  private let storage: TraceStorage
  private let patterns: [String]
  private var loss: Double?
  /// What is recorded, made once.
  private var values: [Tensor<Float>]?

  init(_ workload: Workload<Float>, _ storage: TraceStorage) {
    self.workload = workload
    self.storage = storage
    patterns = ["latent", "core.*.attn.pattern"]
  }

  deinit {
    for name in [url.path, url.path + ".peer"] { try? FileManager.default.removeItem(atPath: name) }
  }

  private var options: RunOptions<Float> {
    var options = RunOptions<Float>()
    options.record = [.sites(patterns)]
    return options
  }

  private var rows: Int {
    workload.model.parts(batch: workload.input.batch, positions: workload.input.positions)[0].count
  }

  func capture() throws -> Outcome {
    let (model, input) = (workload.model, workload.input)
    let sites = try patterns.flatMap { try model.sites(matching: $0) }
    var description = TraceDescription(
      program: "asura-bench",
      sites: sites.map { site in
        TraceSite(
          site.description,
          axes: model.axes(of: site, for: input).map { TraceAxis($0.name, $0.count) })
      })
    description.rowsAtATime = rows
    let writer = try TraceWriter(url, describing: description, storage: storage, overwrite: true)
    let run = try model.run(input, options, into: TraceSink(writer))
    try writer.finish()
    return outcome(run)
  }

  func forward() throws -> Outcome { outcome(try workload.model.run(workload.input)) }

  private func outcome(_ run: Run<Float>) -> Outcome {
    if loss == nil { loss = run.logits.map { workload.loss($0) } }
    return .loss(loss ?? .nan)
  }

  /// The recorded values, cut into the parts of the batch that a run works on.
  private func parts() throws -> [Tensor<Float>] {
    if let values { return values }
    let (model, input) = (workload.model, workload.input)
    let parts = model.parts(batch: input.batch, positions: input.positions)
    var found: [Tensor<Float>] = []
    let run = try model.run(input, options) { _, values in
      for value in values { found += parts.map { value.tensor.slice($0) } }
    }
    _ = outcome(run)
    values = found
    return found
  }

  func writeAlone() throws -> Outcome {
    let parts = try parts()
    try? FileManager.default.removeItem(at: url)
    let descriptor = open(url.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw CommandError("cannot write \(url.path)") }
    defer { close(descriptor) }
    for part in parts {
      let count = part.count * MemoryLayout<Float>.size
      guard part.read({ write(descriptor, $0, count) }) == count else {
        throw CommandError("cannot write \(url.path)")
      }
    }
    guard fsync(descriptor) == 0 else { throw CommandError("cannot write \(url.path)") }
    return .loss(loss ?? .nan)
  }

  func compressAlone() throws -> Outcome {
    let parts = try parts()
    let encoding = ChunkEncoding(
      .float32, deflate: storage.deflate, keptBits: storage.keptBits)
    Workers.current.forEach(parts.count) { index in
      let part = parts[index]
      let chunk = ChunkBuffer(count: part.count * MemoryLayout<Float>.size)
      part.read {
        chunk.bytes.copyMemory(
          from: UnsafeRawBufferPointer(start: $0, count: chunk.bytes.count))
      }
      encoding.encode(chunk, values: part.count)
    }
    return .loss(loss ?? .nan)
  }
}
