internal import AsuraModel
internal import AsuraTensor
internal import AsuraTrace
internal import Foundation

/// Finds out whether, where and how a recorded run comes to rest: verdicts on all examples from the recording alone,
/// then fixed points, their basins and what disturbs them for some examples, then what happens long past training.
public struct FixedPointProbe: Sendable {
  public var solver: any FixedPointSolver = NewtonKrylov()
  /// When its searches end.
  public var rule = TerminationRule()
  /// How many searches each example gets; 0 for none.
  public var starts = 32
  /// Along how many random directions the basin is measured, and a state is pushed with each strength; 0 for none.
  public var directions = 16
  /// To how many times the iterations of training the model is run; 1 for no further.
  public var beyond = 10
  /// What everything random is drawn from.
  public var seed: UInt64 = 0

  /// At most so many states of a trajectory are kept as places to start from.
  static let mostStates = 64
  /// Plain iteration gets so many times the run's iterations to come to rest.
  static let plainFactor = 20
  /// The rate of coming to rest is measured over at most so many steps.
  static let mostRestSteps = 500
  /// At most so many fixed points of an example get their eigenvalues.
  static let mostSpectra = 32

  public init() {}

  /// How many units of work `run` tells of.
  public func workload(_ run: TracedRun, iterations: [Int], examples: [Int]) -> Int {
    guard run.model.configuration.shared else { return iterations.count }
    let trained = run.model.configuration.iterations
    return iterations.count + 5 * examples.count + (beyond > 1 ? beyond * trained : 0)
  }

  /// Looks at the latents of `iterations` of all examples, and closely at `examples`.
  ///
  /// An error in the work ends it; it is then the result's `failure`, beside what was done before, and thrown only when
  /// that is nothing.
  /// - Parameters:
  ///   - isCancelled: asked often; once true, what is done so far is the result.
  ///   - progress: called as units of work are done, with how many and what was done.
  /// - Throws: `ProbeError` for iterations and examples that the trace lacks and values that are not finite;
  ///   `TraceError`, `ModelError`, `LinearAlgebraError`, `ArnoldiError`.
  public func run(
    on run: TracedRun, iterations: [Int], examples: [Int],
    isCancelled: @Sendable () -> Bool = { false },
    progress: (_ units: Int, _ message: String) -> Void = { _, _ in }
  ) throws -> FixedPointFindings {
    try check(run, iterations, examples)
    let isSingle = try run.reader.site("latent").elements == .float32
    var findings = FixedPointFindings(
      dimension: run.input.positions * run.model.configuration.width,
      positions: run.input.positions, solver: solver.name, rule: rule,
      settlingRule: SettlingRule(
        precision: isSingle ? Double(Float.ulpOfOne) : Double.ulpOfOne))
    do {
      let kept = try settle(run, iterations, examples, &findings, isCancelled, progress)
      guard run.model.configuration.shared else {
        findings.limitation =
          "The model's cores are not shared: each iteration has a map of its own, which has no fixed "
          + "point to be looked for."
        findings.isComplete = !isCancelled()
        return findings
      }
      for place in examples.indices where !isCancelled() {
        try look(at: place, of: run, kept, &findings, isCancelled, progress)
      }
      if beyond > 1, !isCancelled() { try overthink(run, &findings, isCancelled, progress) }
      findings.isComplete = !isCancelled()
    } catch {
      guard !findings.verdicts.isEmpty else { throw error }
      findings.failure = error
    }
    return findings
  }

  private func check(_ run: TracedRun, _ iterations: [Int], _ examples: [Int]) throws {
    let known = Set(run.latentIterations)
    if let bad = iterations.first(where: { !known.contains($0) }) {
      throw ProbeError(.notFound, "the trace has no latent at iteration \(bad)")
    }
    if let bad = examples.first(where: { !(0..<run.examples).contains($0) }) {
      throw ProbeError(
        .notFound, "there is no example \(bad) among the trace's 0...\(run.examples - 1)")
    }
    let pairs = zip(iterations, iterations.dropFirst()).count { $0 + 1 == $1 }
    guard pairs > 0 else {
      throw ProbeError(
        .incompleteTrace,
        "there are no two latents in a row among the iterations \(iterations): steps cannot be told",
        remedy: "Ask for consecutive iterations, or capture the trace with all its latents.")
    }
  }
}

// MARK: - From the recording

extension FixedPointProbe {
  /// What is kept of the trajectories while they stream by.
  private struct Kept {
    /// The examples looked at closely.
    let examples: [Int]
    /// Their states at some iterations, `[example, dimension]` each.
    var states: [(iteration: Int, states: Tensor<Double>)] = []
    /// All examples' last states, and those before them.
    var last: (iteration: Int, states: Tensor<Double>)?
    var beforeLast: (iteration: Int, states: Tensor<Double>)?

    /// The states of the example at `place` among those, in order.
    func trajectory(_ place: Int) -> Tensor<Double> {
      .concatenating(states.map { $0.states.slice(place..<place + 1) })
    }
  }

  private func settle(
    _ run: TracedRun, _ iterations: [Int], _ examples: [Int],
    _ findings: inout FixedPointFindings, _ isCancelled: () -> Bool,
    _ progress: (Int, String) -> Void
  ) throws -> Kept {
    var meter = StepMeter(count: run.examples)
    var kept = Kept(examples: examples)
    let every = Set(
      (1...Self.mostStates).map { iterations[($0 * iterations.count - 1) / Self.mostStates] })
    let all = Array(0..<run.examples)
    func conclude() {
      findings.series = meter.series
      findings.verdicts = meter.series.map { findings.settlingRule.verdict(on: $0) }
    }
    do {
      for t in iterations where !isCancelled() {
        let states = try run.states(iteration: t)
        meter.add(
          states, iteration: t,
          probabilities: try run.probabilities(states, examples: all, iteration: t))
        if every.contains(t) || t == iterations.last {
          kept.states.append((t, states.rows(examples)))
        }
        kept.beforeLast = kept.last
        kept.last = (t, states)
        progress(1, "t=\(t)")
      }
    } catch {
      // What came before is still worth a verdict.
      if meter.series.first.map({ $0.iterations.count > 1 }) ?? false { conclude() }
      throw error
    }
    conclude()
    return kept
  }
}

// MARK: - One example

extension FixedPointProbe {
  private func look(
    at place: Int, of run: TracedRun, _ kept: Kept, _ findings: inout FixedPointFindings,
    _ isCancelled: @Sendable () -> Bool, _ progress: (Int, String) -> Void
  ) throws {
    guard let last = kept.last else { return }
    let example = kept.examples[place]
    let map = try LatentMap(
      run.model, run.input.examples(example..<example + 1), of: run.iterations)
    let state = last.states[example]
    let random = Random(seed: seed, for: "fixed points").split(UInt64(example))
    let trajectory = kept.trajectory(place)
    let spectrum = try map.spectrum(row: 0, at: state, seed: seed)
    var found = FixedPointFindings.Example(
      example: example, last: last.iteration, spectrum: spectrum,
      mismatch: try mismatch(map, kept, example))
    // However far this gets, it is kept.
    findings.examples.append(found)
    func done(_ message: String) {
      findings.examples[findings.examples.count - 1] = found
      progress(1, "example \(example): \(message)")
    }

    var plain = rule
    plain.maximumIterations = Self.plainFactor * run.iterations
    found.rest = try FixedPointSearch(PlainIteration(), rule: plain).run(
      map, from: state.reshaped([1, map.dimension]), isCancelled: isCancelled)[0]
    if let rest = found.rest, rest.end.isConverged {
      found.restRate = try restRate(map, from: state, at: last.iteration)
      found.restSpectrum = try map.spectrum(row: 0, at: rest.state, seed: seed)
    }
    done("rest")
    if isCancelled() { return }

    let answers = run.answerReader(example: example)
    if starts > 0 {
      var drawn = random.split(0)
      let others = (0..<run.examples).filter { $0 != example }
      let starts = FixedPointStarts(
        starts, trajectory: trajectory, others: others.isEmpty ? nil : last.states.rows(others),
        random: &drawn)
      let system = try map.selecting(Array(repeating: 0, count: starts.kinds.count))
      let searches = try FixedPointSearch(solver, rule: rule).run(
        system, from: starts.states, isCancelled: isCancelled)
      var points = FixedPointSet(
        searches, starts: starts, extent: TrajectoryExtent(trajectory))
      try points.findStability(map, row: 0, most: Self.mostSpectra, seed: seed)
      found.points = points
      done("fixed points: \(points.points.count)")
      if isCancelled() { return }
      if let rest = found.rest, rest.end != .diverged {
        found.paths = try PathIndependence(
          map, from: starts, against: rest, rule: plain, answers: answers,
          isCancelled: isCancelled)
      }
      done("paths")
    } else {
      progress(2, "example \(example)")
    }
    if isCancelled() { return }
    guard directions > 0 else { return progress(2, "example \(example)") }

    var drawn = random.split(1)
    let half = kept.states.last { $0.iteration <= last.iteration / 2 } ?? kept.states[0]
    found.perturbation = try Perturbation(
      of: half.states[place], at: half.iteration, map, directions: directions,
      iterations: max(last.iteration - half.iteration, 1), random: &drawn, answers: answers,
      isCancelled: isCancelled)
    done("pushes")
    if let rest = found.rest, rest.end.isConverged, !isCancelled() {
      var options = Basin.Options()
      options.directions = directions
      drawn = random.split(2)
      found.basin = try Basin(
        of: rest.state, map, test: .forRadius(found.radius), options: options,
        random: &drawn, isCancelled: isCancelled)
    }
    done("basin")
  }

  /// The rate of the steps from a recorded state on, down to where they are rounding.
  private func restRate(
    _ map: LatentMap, from state: Tensor<Double>, at iteration: Int
  ) throws -> DecayRate? {
    let floor = 16 * Double.ulpOfOne
    var meter = StepMeter(count: 1)
    var states = state.reshaped([1, map.dimension])
    for t in 0...Self.mostRestSteps {
      meter.add(states, iteration: iteration + t)
      if let step = meter.series[0].relativeSteps.last, step <= floor { break }
      states = try map(states)
    }
    return DecayRate(meter.series[0], floor: floor)
  }

  private func mismatch(_ map: LatentMap, _ kept: Kept, _ example: Int) throws -> Double {
    guard let last = kept.last, let before = kept.beforeLast,
      before.iteration + 1 == last.iteration
    else { return .nan }
    let image = try map(before.states.slice(example..<example + 1))[0]
    let expected = last.states[example]
    let size = expected.norm
    let distance = image.squaredDistance(to: expected).squareRoot()
    return size > 0 ? distance / size : distance
  }
}

// MARK: - All examples, past training

extension FixedPointProbe {
  private func overthink(
    _ run: TracedRun, _ findings: inout FixedPointFindings,
    _ isCancelled: @Sendable () -> Bool, _ progress: (Int, String) -> Void
  ) throws {
    let all = Array(0..<run.examples)
    let trained = run.model.configuration.iterations
    let map = try LatentMap(run.model, run.input, of: run.iterations)
    // From the recorded beginning where there is one: it may have been noise.
    var options = RunOptions<Double>()
    options.iterations = 0
    options.readout = .none
    let begin =
      run.latentIterations.contains(0)
      ? try run.states(iteration: 0)
      : try run.model.run(run.input, options).latent.reshaped([map.count, map.dimension])
    findings.overthinking = try Overthinking(
      map, from: begin, trained: trained, last: beyond * trained, targets: try run.targets(),
      readout: { try run.probabilities($0, examples: all, iteration: trained) },
      isCancelled: isCancelled, progress: { progress(1, "overthinking, t=\($0)") })
  }
}
