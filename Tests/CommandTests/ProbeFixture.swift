import Asura
import Foundation

/// A small trace for the probes to read, in a folder that goes when this object does.
final class ProbeFixture {
  let folder: URL
  var trace: URL { folder.appending(path: "run.h5") }
  var model: URL { folder.appending(path: "model.safetensors") }

  struct Options {
    var iterations = 6
    var positions = 3
    var hasWeights = true
    var isFinished = true
    var isShared = true
    var update = Update()
    /// The iterations whose latents are kept; all when nil.
    var keeping: [Int]?
    /// Whether the trace says how many iterations the run had.
    var saysIterations = true
    /// The iteration whose latent is recorded as NaN.
    var notANumber: Int?
    /// The iteration whose latent is recorded as another one.
    var edited: Int?
    /// Whether the trace holds targets: the classes answered after the run's last iteration, but for example 1's first.
    var hasTargets = false
  }

  init(_ options: Options = Options()) throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "asura-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let configuration = try ModelConfiguration(
      vocabulary: 5, classes: 4, width: 8, iterations: options.iterations,
      shared: options.isShared, attention: AttentionConfiguration(heads: 2),
      mlp: MLPConfiguration(width: 16), update: options.update)
    let model = RecurrentTransformer<Float>(configuration, seed: 4)
    try model.save(to: self.model)

    let (batch, positions) = (2, options.positions)
    let tokens = (0..<batch * positions).map { Int32($0 * 3 % 5) }
    let input = try ModelInput(tokens: tokens, batch: batch, positions: positions)
    var description = TraceDescription(
      program: "tests",
      sites: [
        .latent(
          batch: batch, positions: positions, width: configuration.width,
          iterations: options.keeping)
      ],
      model: TraceModel(
        configuration: String(decoding: try configuration.json, as: UTF8.self),
        weightsHash: model.weightsHash),
      input: TraceInput(tokens: IntegerArray([batch, positions, 1], tokens)))
    if options.hasWeights {
      description.model.weights = model.namedParameters.mapValues { TraceArray($0) }
    }
    if options.saysIterations { description.iterations = options.iterations }
    if options.hasTargets, let logits = try model.run(input).logits {
      var classes = (0..<batch * positions).map {
        logits[$0 / positions][$0 % positions].largestIndex
      }
      classes[positions] = (classes[positions] + 1) % configuration.classes
      description.input.targets = IntegerArray([batch, positions], classes)
    }
    let writer = try TraceWriter(trace, describing: description)
    var run = RunOptions<Float>()
    run.iterations = options.iterations
    run.readout = .none
    run.record = [.sites("latent", iterations: .only(Set(0...options.iterations)))]
    _ = try model.run(input, run) { t, values in
      guard var latent = values.first?.tensor else { return }
      if t == options.notANumber { latent.update { $0[3] = .nan } }
      if t == options.edited { latent.update { $0[3] += 1 } }
      try writer.append(site: "latent", iteration: t, values: latent)
    }
    if options.isFinished {
      try writer.finish()
    } else {
      try writer.abandon(reason: "interrupted")
    }
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  /// How a command ended.
  struct Outcome {
    let status: Int32
    let output: String
    let error: String
  }

  /// Runs `asura-probe` in the folder. `during` is called once it runs, with the file its standard error goes to.
  func probe(
    _ arguments: [String], during: ((Process, URL) throws -> Void)? = nil
  ) throws -> Outcome {
    let streams = ["stdout", "stderr"].map { folder.appending(path: $0) }
    for stream in streams { try Data().write(to: stream) }
    let process = Process()
    process.executableURL = Self.products.appending(path: "asura-probe")
    process.arguments = arguments
    process.currentDirectoryURL = folder
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: streams[0])
    process.standardError = try FileHandle(forWritingTo: streams[1])
    try process.run()
    try during?(process, streams[1])
    process.waitUntilExit()
    let texts = try streams.map { String(decoding: try Data(contentsOf: $0), as: UTF8.self) }
    return Outcome(status: process.terminationStatus, output: texts[0], error: texts[1])
  }

  func exists(_ name: String) -> Bool {
    FileManager.default.fileExists(atPath: folder.appending(path: name).path)
  }

  /// Where the build puts programs, beside the tests' own bundle.
  private static let products: URL = {
    let bundle = CommandLine.arguments.first { $0.contains(".xctest") } ?? CommandLine.arguments[0]
    let parts = bundle.components(separatedBy: "/")
    let end = parts.firstIndex { $0.hasSuffix(".xctest") } ?? parts.count - 1
    return URL(filePath: parts[..<end].joined(separator: "/"))
  }()
}
