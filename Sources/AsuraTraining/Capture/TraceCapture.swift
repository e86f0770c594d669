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
  public let batch: Batch
  /// The task they are of.
  public let task: any LearningTask
  /// How many iterations to run.
  public var iterations: Int
  /// The sites to record, by name or pattern.
  public var sites = ["latent", "core.*.attn.pattern", "logits"]
  /// Which iterations to keep; all when nil. Latents also exist at 0.
  public var keeping: [Int]?
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
    _ model: RecurrentTransformer<S>, on batch: Batch, of task: any LearningTask, iterations: Int
  ) {
    self.model = model
    self.batch = batch
    self.task = task
    self.iterations = iterations
  }

  /// The sites that will be recorded, with their axes. A pattern that matches nothing is an error.
  public func resolvedSites() throws -> [Site] {
    var found: [Site] = []
    for pattern in sites {
      for site in try model.sites(matching: pattern) where !found.contains(site) {
        found.append(site)
      }
    }
    return found
  }

  /// The bytes the recorded values take in the file, uncompressed; beside them stand the weights
  /// and a few kilobytes.
  public func byteCount() throws -> Int {
    let input = try ModelInput(batch)
    return try resolvedSites().reduce(0) { total, site in
      let each = model.axes(of: site, for: input).reduce(1) { $0 * $1.count }
      return total + each * keptIterations(site).count * MemoryLayout<Float>.size
    }
  }

  /// The iterations kept of a site.
  private func keptIterations(_ site: Site) -> [Int] {
    let all = site.iterations(of: iterations)
    guard let keeping, site.isRecurrent else { return Array(all) }
    let wanted = Set(keeping)
    return all.filter(wanted.contains)
  }

  /// Finds out what would stop a run before there is a file.
  private func check(_ input: ModelInput, _ sites: [Site]) throws {
    try model.configuration.check(against: task)
    try model.configuration.checkMemory(of: S.self, positions: input.positions)
    try model.check(iterations: iterations)
    guard !sites.isEmpty else {
      throw ModelError(
        .hooks, "no site is named to be recorded", remedy: "Name some, as in latent.")
    }
    if let site = sites.first(where: { keptIterations($0).isEmpty }) {
      throw ModelError(
        .hooks, "\(site) has no value at the iterations to keep",
        remedy: "Latents and logits exist from iteration 0, what is inside an iteration from 1: "
          + "keep others, or leave the site out.")
    }
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
    let input = try ModelInput(batch)
    let sites = try resolvedSites()
    try check(input, sites)
    let description = try description(sites, input)
    let writer =
      if resuming {
        try TraceWriter(resuming: url, describing: description, storage: storage)
      } else {
        try TraceWriter(url, describing: description, storage: storage, overwrite: overwriting)
      }
    if let note = writer.note { remark(note) }
    do {
      if let options = try options(sites, writer) {
        _ = try model.run(input, options, into: TraceSink(writer, progress: progress))
      }
      try writer.finish()
    } catch {
      try? writer.abandon(reason: "\(error)")
      throw error
    }
  }

  /// How to run; nil when nothing is left to do. A resumed run starts from the last committed latent if the trace has
  /// all of it, else from the beginning, when what the trace has already is not stored again.
  private func options(_ sites: [Site], _ writer: TraceWriter) throws -> RunOptions<S>? {
    var options = RunOptions<S>()
    options.iterations = iterations
    options.readout = .none
    options.seed = seeds["noise"] ?? 0
    var first = 0
    if let point = writer.resumePoint {
      guard point.iteration < iterations else { return nil }
      if let latent = point.latent as? Tensor<S>,
        latent.shape == [batch.examples, batch.positions, model.configuration.width]
      {
        first = point.iteration
        options.start = (latent, first)
        options.iterations = iterations - first
        options.trajectory = iterations
        try writer.append(site: "latent", iteration: first, values: latent)
      }
    }
    options.record = sites.compactMap { site in
      // Readouts of the first latent are made again, since the next one's are compared with them.
      let left = keptIterations(site).filter {
        options.start == nil || $0 > first || $0 == first && site == .logits
      }
      return left.isEmpty ? nil : .sites(site.description, iterations: .only(Set(left)))
    }
    return options
  }

  private func description(_ sites: [Site], _ input: ModelInput) throws -> TraceDescription {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    var description = TraceDescription(
      program: program, commandLine: commandLine,
      sites: sites.map { site in
        TraceSite(
          site.description,
          axes: model.axes(of: site, for: input).map { TraceAxis($0.name, $0.count) },
          iterations: keptIterations(site))
      })
    description.iterations = iterations
    description.model = TraceModel(
      configuration: String(decoding: try model.configuration.json, as: UTF8.self),
      weightsHash: model.weightsHash,
      weights: includesWeights ? model.namedParameters.mapValues { TraceArray($0) } : [:])
    description.input = try traceInput(input)
    description.neighbours = model.neighbours(for: input).map {
      IntegerArray([$0.positions, $0.width], $0.keys)
    }
    description.rowsAtATime = model.partSize(batch: input.batch, positions: input.positions)
    description.seeds = seeds
    description.versions = ["hdf5": TraceLibrary.version]
    return description
  }

  private func traceInput(_ input: ModelInput) throws -> TraceInput {
    let shape = [batch.examples, batch.positions]
    var result = TraceInput(
      task: task.name,
      tokens: IntegerArray(shape + [batch.channels], batch.tokens),
      targets: IntegerArray(shape, batch.targets),
      mask: IntegerArray(shape, batch.targets.map { $0 < 0 ? 0 : 1 }),
      positionIDs: IntegerArray(
        shape, (0..<batch.examples).flatMap { _ in batch.positionIDs }),
      text: (0..<batch.examples).map { task.question(batch, example: $0) })
    for fact in batch.facts {
      result.facts[fact.name] = TraceFact(
        IntegerArray(shape, fact.values), labels: fact.classes)
    }
    return result
  }
}
