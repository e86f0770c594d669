import AsuraDiff
import AsuraTensor

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
  /// What to change or look at; edits of one site are applied in this order.
  public var edits: [Edit<S>] = []
  /// Freezes each example's result when it has settled, and ends the run when all have.
  public var stop: StoppingRule?
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
  /// The values of the recorded sites, whole batches.
  public fileprivate(set) var recorded: Recorded<S>
  /// The last iteration's number: with a start latent those it had had before count.
  public let iterations: Int
  /// For each example the iteration in which it settled; nil when it did not, or when there was no
  /// stopping rule.
  public let settled: [Int?]
  /// How often the hooks on each pattern fired, once for each part of the batch.
  public let hookFirings: [(pattern: String, count: Int)]

  /// The logits after the last iteration.
  public var logits: Tensor<S>? { readout[iterations] }
}

/// Recorded values by site and iteration.
public struct Recorded<S: Scalar>: Sendable {
  fileprivate var values: [Recorder<S>.Key: Tensor<S>] = [:]

  /// The value at a site in an iteration (0 for sites outside the recurrence), nil if it was not
  /// recorded.
  public subscript(site: Site, iteration: Int) -> Tensor<S>? {
    values[Recorder<S>.Key(site: site, iteration: iteration)]
  }

  /// The value at the site of that name.
  public subscript(name: String, iteration: Int) -> Tensor<S>? {
    let name = SiteTable.canonical(name)
    return values.first { $0.key.iteration == iteration && $0.key.site.description == name }?.value
  }

  /// What there is, by iteration and site name.
  public var keys: [(site: Site, iteration: Int)] {
    values.keys.map { ($0.site, $0.iteration) }
      .sorted { ($0.1, $0.0.description) < ($1.1, $1.0.description) }
  }
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

  /// Runs the model on a batch.
  public func run(_ input: ModelInput, _ options: RunOptions<S>) throws -> Run<S> {
    var recorded = Recorded<S>()
    var run = try run(input, options) { iteration, values in
      for (site, tensor) in values {
        recorded.values[.init(site: site, iteration: iteration)] = tensor
      }
    }
    run.recorded = recorded
    return run
  }

  /// Runs the model on a batch and hands over what is recorded after each iteration, in order, on
  /// the calling thread: it is not kept, so memory does not grow with the iterations. `receive` may
  /// throw to end the run.
  public func run(
    _ input: ModelInput, _ options: RunOptions<S>,
    receive: (_ iteration: Int, _ values: [(site: Site, tensor: Tensor<S>)]) throws -> Void
  ) throws -> Run<S> {
    try check(input)
    let start = options.start?.at ?? 0
    let count = options.iterations ?? configuration.iterations
    guard count >= 0 else {
      throw ModelError(.input, "\(count) iterations", remedy: "Ask for 0 or more.")
    }
    try check(iterations: start + count)
    let shape = [input.batch, input.positions, configuration.width]
    if let latent = options.start?.latent, latent.shape != shape {
      throw ModelError(.input, "the start latent has shape \(latent.shape), expected \(shape)")
    }

    let recorder = Recorder<S>()
    let plan = try HookPlan(
      edits: options.edits, record: options.record, recorder: recorder, sites: sites)
    let geometry = try Geometry<S>(configuration, input)
    let parts = parts(
      batch: input.batch, positions: input.positions, whole: options.wholeBatch)
    let step = eulerStep(iterations: options.trajectory ?? start + count)
    let noise = Random(seed: options.seed, for: "initial latent")
    let passes = try Workers.current.map(parts.count) { i in
      try Pass(
        computation(.plain, geometry: geometry, hooks: plan, examples: parts[i]),
        input.examples(parts[i]),
        from: options.start.map { ($0.latent.slice(parts[i]), $0.at) }, step: step, noise: noise)
    }

    var readouts: [Int: Tensor<S>] = [:]
    var settling = options.stop.map { Settling<S>($0, examples: input.batch) }
    let total = start + count

    func readoutIsWanted(_ t: Int) -> Bool {
      if case .iterations(let selection) = options.readout, selection.contains(t) { return true }
      if options.readout == .last && t == total { return true }
      guard let plan else { return false }
      let coda =
        configuration.coda > 0
        ? sites.first(.coda, 0)..<sites.sites.count : SiteTable.logits..<SiteTable.logits
      return plan.wants(SiteTable.logits, t) || coda.contains { plan.wants($0, t) }
    }
    /// Everything that follows an iteration; returns whether to go on.
    func finish(_ t: Int) throws -> Bool {
      func readout() throws -> Tensor<S> {
        .concatenating(try Workers.current.map(passes.count) { try passes[$0].readout().tensor })
      }
      let logits =
        readoutIsWanted(t) || settling?.needsReadout == true ? try readout() : nil
      if readoutIsWanted(t) { readouts[t] = logits }
      try receive(t, recorder.drain().map { ($0.site, $0.tensor) })
      return try settling?.update(
        t, latent: .concatenating(passes.map(\.latent.tensor)), logits: logits,
        // Had a hook asked for this readout, it would be there already.
        readout: options.readout == .none ? nil : { try logits ?? readout() }, isLast: t == total)
        ?? true
    }

    _ = try finish(start)
    // Parts wait for each other only where something is to be done between iterations.
    let isWatched = settling != nil
    try recur(
      passes, iterations: count,
      pausing: { isWatched || readoutIsWanted($0) || plan?.records(at: $0) == true },
      afterEach: finish)
    let iterations = passes.first?.iteration ?? start
    try plan?.checkFired(iterations: iterations)

    let last = Tensor<S>.concatenating(passes.map(\.latent.tensor))
    if let settled = settling?.settledLogits { readouts[iterations] = settled }
    return Run(
      latent: settling?.settledLatent(or: last) ?? last, readout: readouts, recorded: Recorded(),
      iterations: iterations,
      settled: settling?.iterations ?? Array(repeating: nil, count: input.batch),
      hookFirings: plan?.firingCounts ?? [])
  }

  /// How a batch is dealt out: by its sizes and the model's alone, so that no result depends on the
  /// number of workers. A part's activations should fit a core's cache, and four parts or a multiple
  /// keep two or four workers equally busy.
  package func parts(batch: Int, positions: Int, whole: Bool = false) -> [Range<Int>] {
    let rows = min(512, max(64, 32_768 / configuration.width))
    let wanted = whole ? 1 : (batch * positions + rows - 1) / rows
    let count = wanted == 1 ? 1 : min(batch, (wanted + 3) / 4 * 4)
    return (0..<count).map { batch * $0 / count..<batch * ($0 + 1) / count }
  }
}

/// Keeps track of which examples have settled, and how they stood then.
private struct Settling<S: Scalar> {
  private let rule: StoppingRule
  private(set) var iterations: [Int?]
  private var latents: [Tensor<S>?]
  private var readouts: [Tensor<S>?]
  private var previousLatent: Tensor<S>?
  private var previousProbabilities: Tensor<S>?

  init(_ rule: StoppingRule, examples: Int) {
    self.rule = rule
    iterations = Array(repeating: nil, count: examples)
    latents = Array(repeating: nil, count: examples)
    readouts = latents
  }

  var needsReadout: Bool {
    if case .readoutChange = rule { return true }
    return false
  }

  /// Takes in one iteration; returns whether some example has not settled. Examples that settle in it keep what
  /// `readout` gives, if anything, and so do all the others when it is the last.
  mutating func update(
    _ t: Int, latent: Tensor<S>, logits: Tensor<S>?, readout: (() throws -> Tensor<S>)?,
    isLast: Bool
  ) throws -> Bool {
    let probabilities = logits.map { Interpreter<S>.plain.softmax(Value($0)).tensor }
    for example in iterations.indices where iterations[example] == nil {
      let isSettled: Bool
      switch rule {
      case .relativeStep(let tolerance):
        guard let previous = previousLatent else { continue }
        let z = latent[example]
        isSettled =
          z.squaredDistance(to: previous[example]).squareRoot() <= tolerance * z.norm
      case .readoutChange(let tolerance):
        guard let now = probabilities, let before = previousProbabilities else { continue }
        isSettled = zip(now[example].elements, before[example].elements)
          .allSatisfy { abs($0 - $1) < S(tolerance) }
      }
      if isSettled {
        iterations[example] = t
        latents[example] = latent.slice(example..<example + 1)
      }
    }
    previousLatent = latent
    previousProbabilities = probabilities
    let finished = iterations.indices.filter {
      iterations[$0] == t || (isLast && iterations[$0] == nil)
    }
    if !finished.isEmpty, let logits = try readout?() {
      for example in finished { readouts[example] = logits.slice(example..<example + 1) }
    }
    return iterations.contains { $0 == nil }
  }

  /// Each example's logits as it settled, or its last; nil when none were wanted.
  var settledLogits: Tensor<S>? {
    let kept = readouts.compactMap { $0 }
    return kept.count == readouts.count ? .concatenating(kept) : nil
  }

  /// Each example's latent as it settled, or its last.
  func settledLatent(or last: Tensor<S>) -> Tensor<S> {
    .concatenating(
      latents.indices.map { latents[$0] ?? last.slice($0..<$0 + 1) })
  }
}
