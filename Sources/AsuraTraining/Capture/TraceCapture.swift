import AsuraModel
import AsuraTasks
import AsuraTensor
import AsuraTrace
import Foundation

/// Runs a model on a batch and writes what happens at every iteration to a trace.
///
/// Values go to the file as they are made, so memory does not grow with the iterations.
public struct TraceCapture<S: Scalar>: Sendable {
  /// What is run.
  public let model: RecurrentTransformer<S>
  /// The examples it is run on.
  public let subject: CaptureInput
  /// How many iterations to run.
  public var iterations: Int
  /// What to record.
  public var record: [RecordRequest] = [.sites("latent", "core.*.attn.pattern", "logits")]
  /// Sites of the run's own.
  public var sites: [CustomSite<S>] = []
  /// Changes made on the way.
  public var edits: [Edit<S>] = []
  /// Seeds of what the run is made of, for the record.
  public var seeds: [String: UInt64] = [:]
  /// Who makes the trace, and how, for the record.
  public var program = "asura"
  public var commandLine = ""
  /// Whether the weights go into the trace, so that probes need no other file.
  public var includesWeights = true
  /// How values are stored.
  public var storage = TraceStorage()

  public init(
    _ model: RecurrentTransformer<S>, on subject: CaptureInput, iterations: Int
  ) {
    self.model = model
    self.subject = subject
    self.iterations = iterations
  }

  /// Examples of a task.
  public init(
    _ model: RecurrentTransformer<S>, on batch: Batch, of task: any LearningTask, iterations: Int
  ) throws {
    self.init(model, on: try CaptureInput(batch, of: task), iterations: iterations)
  }

  /// What will be recorded. A pattern that matches nothing, a selection of what there is not and iterations at which a
  /// site has no value are errors.
  public func quantities() throws -> [RecordedQuantity] {
    let found = try model.quantities(recording: record, of: subject.input, sites: sites)
    guard !found.isEmpty else {
      throw ModelError(
        .hooks, "no site is named to be recorded", remedy: "Name some, as in latent.")
    }
    if let none = found.first(where: { $0.iterations(of: iterations).isEmpty }) {
      throw ModelError(
        .hooks, "\(none.site) has no value at the iterations to keep",
        remedy: "Latents and logits exist from iteration 0, what is inside an iteration from 1: "
          + "keep others, or leave the site out.")
    }
    return found
  }

  /// The bytes the recorded values of each quantity take in the file, uncompressed, to the byte; with the logits those
  /// of what is computed from them. Beside them stand the weights, the input and some kilobytes.
  public func storedBytes() throws -> [(quantity: RecordedQuantity, bytes: Int)] {
    let quantities = try quantities()
    let bytes = try description(quantities).storedBytes(storage.elements)
    return quantities.map { ($0, bytes[$0.name] ?? 0) }
  }

  /// The bytes of all recorded values together.
  public func byteCount() throws -> Int { try storedBytes().reduce(0) { $0 + $1.bytes } }

  /// Finds out what would stop a run before there is a file.
  private func check() throws {
    let input = subject.input
    if let task = subject.task { try model.configuration.check(against: task) }
    try model.configuration.checkMemory(of: S.self, positions: input.positions)
    try model.check(iterations: iterations)
    var options = RunOptions<S>()
    options.iterations = 0
    options.readout = .none
    _ = try model.run(input, options)
  }

  /// Runs and writes the trace. `progress` is called after each iteration, in order, from one of the run's threads,
  /// and may throw to stop: then, and when anything else fails on the way, the iterations written so far make a
  /// valid trace marked incomplete, and the error is rethrown.
  ///
  /// - Parameters:
  ///   - overwriting: whether a file of this name is replaced.
  ///   - resuming: whether to go on with a trace of the same that was interrupted.
  ///   - remark: is told what the user should know of how the trace is written.
  public func write(
    to url: URL, overwriting: Bool = false, resuming: Bool = false,
    progress: @escaping @Sendable (_ iteration: Int) throws -> Void = { _ in },
    remark: (String) -> Void = { _ in }
  ) throws {
    let quantities = try quantities()
    try check()
    let description = try description(quantities)
    let writer =
      if resuming {
        try TraceWriter(resuming: url, describing: description, storage: storage)
      } else {
        try TraceWriter(url, describing: description, storage: storage, overwrite: overwriting)
      }
    if let note = writer.note { remark(note) }
    do {
      if let options = try options(quantities, writer) {
        let run = try model.run(
          subject.input, options, into: TraceSink(writer, progress: progress))
        writer.note(editsFired: run.hookFirings.prefix(edits.count).map(\.count))
      }
      try writer.finish()
    } catch {
      try? writer.abandon(reason: "\(error)")
      throw error
    }
  }

  /// How to run; nil when nothing is left to do. A resumed run starts from the last committed latent if the trace has
  /// all of it, else from the beginning, when what the trace has already is not stored again.
  private func options(
    _ quantities: [RecordedQuantity], _ writer: TraceWriter
  ) throws -> RunOptions<S>? {
    var options = RunOptions<S>()
    options.sites = sites
    options.edits = edits
    options.iterations = iterations
    options.readout = .none
    options.seed = seeds["noise"] ?? 0
    var first = 0
    if let point = writer.resumePoint {
      guard point.iteration < iterations else { return nil }
      let shape = [subject.input.batch, subject.input.positions, model.configuration.width]
      // Edits may all lie before that latent, where they would never come up.
      if edits.isEmpty, let latent = point.latent as? Tensor<S>, latent.shape == shape {
        first = point.iteration
        options.start = (latent, first)
        options.iterations = iterations - first
        options.trajectory = iterations
        try writer.append(site: "latent", iteration: first, values: latent)
      }
    }
    options.record = quantities.compactMap { quantity in
      // Readouts of the first latent are made again, since the next one's are compared with them.
      let left = quantity.iterations(of: iterations).filter {
        options.start == nil || $0 > first || $0 == first && quantity.name == "logits"
      }
      return left.isEmpty ? nil : quantity.request(at: .only(Set(left)))
    }
    return options
  }

  private func description(_ quantities: [RecordedQuantity]) throws -> TraceDescription {
    let input = subject.input
    var description = TraceDescription(
      program: program, commandLine: commandLine,
      sites: quantities.map { quantity in
        TraceSite(
          quantity.name, axes: quantity.axes.map { TraceAxis($0.name, $0.values) },
          iterations: quantity.iterations(of: iterations), unit: quantity.unit)
      })
    description.iterations = iterations
    description.model = TraceModel(
      configuration: String(decoding: try model.configuration.json, as: UTF8.self),
      weightsHash: model.weightsHash,
      weights: includesWeights ? model.namedParameters.mapValues { TraceArray($0) } : [:])
    description.input = subject.description
    description.neighbours = model.neighbours(for: input).flatMap { table in
      description.queriesWithNeighbours.map { queries in
        IntegerArray(
          [queries.count, table.width],
          queries.flatMap { table.keys[$0 * table.width..<($0 + 1) * table.width] })
      }
    }
    description.rowsAtATime = model.partSize(batch: input.batch, positions: input.positions)
    description.edits = edits.map(\.pattern)
    description.seeds = seeds
    description.versions = ["hdf5": TraceLibrary.version]
    return description
  }
}
