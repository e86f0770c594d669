import AsuraDiff
import AsuraTensor
import Synchronization

/// When an example's latent counts as settled, so that it needs no more iterations.
public enum StoppingRule: Sendable, Equatable {
  /// When ‖z_t − z_{t−1}‖ is at most the tolerance times ‖z_t‖.
  case relativeStep(Double)
  /// When no class's probability at any position changes by the tolerance or more in an iteration.
  case readoutChange(Double)
}

/// How a run is made.
public struct RunOptions<S: Scalar>: Sendable {
  /// Which iterations' latents are read out.
  public enum Readout: Sendable, Equatable {
    case none
    /// Only the last.
    case last
    /// Those of a selection, 0 being the initial latent.
    case iterations(IterationSelection)
  }
  /// How many iterations; the configuration's own number when nil.
  public var iterations: Int?
  /// A latent `[batch, position, width]` to go on from, and how many iterations it has had.
  public var start: (latent: Tensor<S>, at: Int)?
  /// How many iterations the whole trajectory has, of which this run may be a part: it sets the step of
  /// Euler updates of step 1/T. The run's last iteration when nil.
  public var trajectory: Int?
  /// Which latents to read out.
  public var readout = Readout.last
  /// What to record.
  public var record: [RecordRequest] = []
  /// Sites of the run's own, to be recorded and edited like the model's.
  public var sites: [CustomSite<S>] = []
  /// What to change or look at; edits of one site are applied in this order.
  public var edits: [Edit<S>] = []
  /// What iterations apply of the core; each block once and in order where it is nil.
  public var schedule: CoreSchedule?
  /// Freezes each example's result when it has settled, and ends the run when all have.
  public var stop: StoppingRule?
  /// With a tolerance, an iteration computes only those positions that see a position whose latent has moved by more
  /// than it, in any element, since they were last computed; with 0 every bit is as without. For models whose queries
  /// see a few keys (a window, a neighbourhood) and share their core; nothing can be recorded or edited then.
  public var activeSet: Double?
  /// The seed of a `noise` initial latent.
  public var seed: UInt64 = 0
  /// Whether hooks are to see the whole batch at once; otherwise it is dealt out in parts to the
  /// workers.
  public var wholeBatch = false

  public init() {}
}

/// What a run made.
public struct Run<S: Scalar>: Sendable {
  /// The last latent of each example, `[batch, position, width]`.
  public let latent: Tensor<S>
  /// Logits `[batch, position, class]` by iteration; with a stopping rule the last entry holds each
  /// example's logits as it settled.
  public let readout: [Int: Tensor<S>]
  /// The recorded values, whole batches.
  public fileprivate(set) var recorded: Recorded<S>
  /// The last iteration's number: with a start latent those it had had before count.
  public let iterations: Int
  /// For each example the iteration in which it settled; nil when it did not, or when there was no
  /// stopping rule.
  public let settled: [Int?]
  /// How often the hooks on each pattern fired, once for each part of the batch.
  public let hookFirings: [(pattern: String, count: Int)]
  /// What each example took with an active set; empty without one.
  public let work: [ActiveWork]

  /// The logits after the last iteration.
  public var logits: Tensor<S>? { readout[iterations] }
}

extension RecurrentTransformer {
  /// Runs the model on a batch.
  ///
  /// - Parameters:
  ///   - iterations: how many; the configuration's own number when nil.
  ///   - record: sites to record, returned in `recorded`.
  ///   - edit: changes to make on the way.
  public func run(
    _ input: ModelInput, iterations: Int? = nil, record: RecordRequest? = nil,
    edit: [Edit<S>] = []
  ) throws -> Run<S> {
    var options = RunOptions<S>()
    options.iterations = iterations
    options.record = record.map { [$0] } ?? []
    options.edits = edit
    return try run(input, options)
  }

  /// Runs the model on a batch; what is recorded is kept until the end.
  public func run(_ input: ModelInput, _ options: RunOptions<S>) throws -> Run<S> {
    let collector = Collector<S>()
    var run = try run(input, options, sink: collector)
    run.recorded = Recorded(collector.drain())
    return run
  }

  /// Runs the model on a batch and hands over what is recorded after each iteration, whole batches, in
  /// order, on the calling thread: it is not kept, so memory does not grow with the iterations. `receive`
  /// may throw to end the run.
  public func run(
    _ input: ModelInput, _ options: RunOptions<S>,
    receive: (_ iteration: Int, _ values: [RecordedValue<S>]) throws -> Void
  ) throws -> Run<S> {
    let collector = Collector<S>()
    return try run(input, options, sink: collector, pausingToRecord: true) {
      try receive($0, collector.drain())
    }
  }

  /// Runs the model on a batch and gives what is recorded to `sink`, in parts and as they are made: it is
  /// not kept, and no part waits for another.
  public func run(
    _ input: ModelInput, _ options: RunOptions<S>, into sink: some RecordingSink<S>
  ) throws -> Run<S> {
    try run(input, options, sink: sink, inStep: true)
  }

  /// - Parameters:
  ///   - inStep: whether the parts go through the iterations side by side; otherwise each may go ahead.
  ///   - pausingToRecord: whether the parts wait for each other where something is recorded.
  ///   - afterPause: is called on this thread wherever they do, and at the beginning and the end.
  private func run(
    _ input: ModelInput, _ options: RunOptions<S>, sink: any RecordingSink<S>,
    inStep: Bool = false, pausingToRecord: Bool = false,
    afterPause: (_ iteration: Int) throws -> Void = { _ in }
  ) throws -> Run<S> {
    try check(input)
    let start = options.start?.at ?? 0
    let count = options.iterations ?? configuration.iterations
    guard count >= 0 else {
      throw ModelError(.input, "\(count) iterations", remedy: "Ask for 0 or more.")
    }
    let total = start + count
    try check(iterations: total)
    try options.schedule?.check(configuration, last: total)
    if let tolerance = options.activeSet { try check(activeSet: tolerance, options) }
    let shape = [input.batch, input.positions, configuration.width]
    if let latent = options.start?.latent, latent.shape != shape {
      throw ModelError(.input, "the start latent has shape \(latent.shape), expected \(shape)")
    }

    let geometry = try Geometry<S>(configuration, input)
    let plan = try HookPlan(
      options, model: self, input, neighbours: geometry.layout.neighbours, sink: sink)
    let parts =
      options.activeSet == nil
      ? parts(batch: input.batch, positions: input.positions, whole: options.wholeBatch)
      : (0..<input.batch).map { $0..<$0 + 1 }
    let locality = locality(options, positions: input.positions, isHooked: plan != nil)
    let step = eulerStep(iterations: options.trajectory ?? total)
    let noise = Random(seed: options.seed, for: "initial latent")
    let readouts = PartReadouts<S>(parts: parts.count)
    var settling = options.stop.map { Settling<S>($0, examples: input.batch) }
    let isWatched = settling != nil
    let everyReadout = settling?.needsReadout == true
    let hookedReadout = readoutSites
    let progress = PartProgress(parts: parts.count, from: start) { try sink.finished($0) }

    /// Everything that follows an iteration of one part.
    @Sendable func finish(_ part: Int, _ pass: Pass<S>) throws {
      let t = pass.iteration
      let isKept = options.readout.contains(t, last: total)
      if isKept || everyReadout
        || plan.map({ plan in hookedReadout.contains { plan.wants($0, t) } }) == true
      {
        let logits = try pass.readout().tensor
        if isKept || isWatched { readouts.set(logits, part, t) }
      }
      try progress.pass(part, t)
    }
    let passes = try Workers.current.map(parts.count) { i in
      let pass = try Pass(
        computation(
          .plain, geometry: geometry, hooks: plan, examples: parts[i], schedule: options.schedule),
        input.examples(parts[i]),
        from: options.start.map { ($0.latent.slice(parts[i]), $0.at) }, step: step, noise: noise,
        locality: parts[i].count == 1 ? locality : nil)
      try finish(i, pass)
      return pass
    }

    /// Everything that is done where all parts wait; returns whether to go on.
    func pause(_ t: Int) throws -> Bool {
      try afterPause(t)
      guard settling != nil else { return true }
      let logits = readouts.whole(t)
      func readout() throws -> Tensor<S> {
        .concatenating(try Workers.current.map(passes.count) { try passes[$0].readout().tensor })
      }
      let isMoving = try settling?.update(
        t, latent: .concatenating(passes.map(\.latent.tensor)), logits: logits,
        // Had a hook asked for this readout, it would be there already.
        readout: options.readout == .none ? nil : { try logits ?? readout() }, isLast: t == total)
      if !options.readout.contains(t, last: total) { readouts.drop(t) }
      return isMoving ?? true
    }

    _ = try pause(start)
    try recur(
      passes, iterations: count, inStep: inStep,
      pausing: { isWatched || (pausingToRecord && plan?.records(at: $0) == true) },
      eachPart: { try finish($0, passes[$0]) }, afterEach: pause)
    let iterations = passes.first?.iteration ?? start
    try plan?.checkFired(iterations: iterations)

    let last = Tensor<S>.concatenating(passes.map(\.latent.tensor))
    var readout = readouts.all
    if let settled = settling?.settledLogits { readout[iterations] = settled }
    return Run(
      latent: settling?.settledLatent(or: last) ?? last, readout: readout, recorded: Recorded(),
      iterations: iterations,
      settled: settling?.iterations ?? Array(repeating: nil, count: input.batch),
      hookFirings: plan?.firingCounts ?? [],
      work: passes.compactMap { ActiveWork($0, from: start) })
  }

  /// The numbers of the sites that only have values where a readout is computed.
  private var readoutSites: [Int] {
    [SiteTable.logits] + (sites.first(.coda, 0)..<sites.first(.coda, configuration.coda))
  }

  /// How many examples each part of a batch has, but for the last, which may have fewer: by the batch's sizes and the
  /// model's alone, so that no result depends on the number of workers. A part's activations should fit a
  /// core's cache, and four parts or a multiple keep two or four workers equally busy.
  package func partSize(batch: Int, positions: Int) -> Int {
    let rows = min(512, max(64, 32_768 / configuration.width))
    let wanted = (batch * positions + rows - 1) / rows
    let count = wanted == 1 ? 1 : min(batch, (wanted + 3) / 4 * 4)
    return (batch + count - 1) / count
  }

  /// How a batch is dealt out.
  package func parts(batch: Int, positions: Int, whole: Bool = false) -> [Range<Int>] {
    let size = whole ? batch : partSize(batch: batch, positions: positions)
    return stride(from: 0, to: batch, by: size).map { $0..<min(batch, $0 + size) }
  }
}

extension RunOptions.Readout {
  /// Whether the latent after an iteration is to be read out.
  fileprivate func contains(_ iteration: Int, last: Int) -> Bool {
    switch self {
    case .none: false
    case .last: iteration == last
    case .iterations(let selection): selection.contains(iteration)
    }
  }
}

/// The logits of each part of a batch by iteration.
private final class PartReadouts<S: Scalar>: Sendable {
  private let parts: Int
  private let table = Mutex<[Int: [Tensor<S>?]]>([:])

  init(parts: Int) { self.parts = parts }

  func set(_ logits: Tensor<S>, _ part: Int, _ iteration: Int) {
    table.withLock { $0[iteration, default: Array(repeating: nil, count: parts)][part] = logits }
  }

  func drop(_ iteration: Int) { table.withLock { $0[iteration] = nil } }

  /// The whole batch's logits; nil when they were not computed.
  func whole(_ iteration: Int) -> Tensor<S>? {
    table.withLock { $0[iteration] }.map { .concatenating($0.compactMap { $0 }) }
  }

  var all: [Int: Tensor<S>] {
    table.withLock { $0 }.mapValues { .concatenating($0.compactMap { $0 }) }
  }
}
