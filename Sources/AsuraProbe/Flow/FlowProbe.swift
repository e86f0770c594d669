internal import AsuraModel
internal import AsuraTensor
internal import Foundation

/// Recurrence seen as a flow: the paths of a recorded run, and, where its model is at hand, whether they follow a
/// differential equation.
public struct FlowProbe: Sendable, Equatable {
  /// Numbers of steps to an iteration, 1, r, r², …; empty for no refinement.
  public var factors = [1, 2, 4, 8]
  /// How many principal components to keep.
  public var components = 3
  /// How many singular values dynamic modes are made of; nil for the rule `DynamicModes.defaultRule`.
  public var rank: Int?
  /// With how many iterations to run the model again, from the initial latents; nil for T/2, T, 2T and 4T where that
  /// sets the step (`euler` updates of step 1/T), and none elsewhere.
  public var depths: [Int]?
  /// What start vectors of searches for eigenvalues are drawn from.
  public var seed: UInt64 = 0

  /// How many further iterations a path is followed to find where it comes to rest.
  public static let mostFurther = 200
  /// A relative step at which it has.
  public static let atRest = 1e-9

  public init() {}

  /// How many units of `progress` a run makes, at most.
  public func work(on run: TracedRun?, iterations: Int, examples: Int) -> Int {
    guard let run else { return iterations }
    let further = run.model.configuration.shared ? Self.mostFurther : 0
    return iterations + (iterations - 1) * factors.reduce(0, +) + further + examples
      + depths(of: run, from: 0).reduce(0, +)
  }

  /// Studies the paths of `examples` through the latents at `iterations`.
  ///
  /// - Parameters:
  ///   - run: the trace's run with its model; without it, refinement, Jacobians and reruns are left out.
  ///   - isCancelled: asked after each iteration; once true, what is done so far is the result.
  ///   - progress: called with how much more was done, in units of one iteration.
  /// A latent that is not finite ends the work; the error is the result's `failure` beside what came before it, and
  /// thrown only when that makes no path.
  /// - Throws: `ProbeError` for iterations and examples that make no path and for paths beyond this machine's memory,
  ///   `TraceError`, `ModelError`, `LinearAlgebraError`, `ArnoldiError`. Nil when cancelled before there was a path.
  public func run(
    on latents: RecordedLatents, model run: TracedRun?, iterations: [Int], examples: [Int],
    isCancelled: () -> Bool = { false },
    progress: (_ units: Int, _ what: String) -> Void = { _, _ in }
  ) throws -> FlowStudy? {
    try check(latents, iterations, examples)
    let maps = try run.map { try FlowMaps($0, examples) }
    var track = FlowTrack(latents, examples, first: iterations[0])
    var failure: (any Error)?
    for iteration in iterations where failure == nil && !isCancelled() {
      do {
        try track.append(latents.states(iteration: iteration, examples: examples), maps)
        progress(1, "t=\(iteration)")
      } catch { failure = error }
    }
    let done = Array(iterations.prefix(track.count))
    guard done.count >= RecordedLatents.fewest else {
      if let failure { throw failure }
      return nil
    }

    var notes: [String] = []
    var refinement: Refinement?
    if let maps, !factors.isEmpty, !isCancelled() {
      do {
        refinement = try refined(track, maps, done, isCancelled, progress)
      } catch let error as ProbeError where error.kind == .notFinite {
        notes.append("No refinement: \(error.message).")
      }
    }
    if maps == nil {
      notes.append(
        "The model is not at hand, so refinement, the Jacobian's eigenvalues, the place of rest and runs of other "
          + "lengths are left out.")
    }
    let rests = try maps.map { try $0.rests(from: track.last, isCancelled, progress) }
    let systems = try track.systems(
      components: components, rank: rank, refinement: refinement, rests: rests ?? [:]
    ) { row, modes in
      guard let run, run.hasStep(at: done[done.count - 1]), !isCancelled() else { return nil }
      progress(1, "Jacobian of example \(examples[row])")
      return try spectrum(run, examples[row], at: done[done.count - 1], modes)
    }
    let depths = try run.flatMap { try reruns($0, track, done[0], examples, isCancelled, progress) }
    return FlowStudy(
      iterations: done, examples: examples, positions: latents.positions, width: latents.width,
      systems: systems.all, shares: systems.shares,
      refinement: refinement.map { ($0.factors, $0.iterations) }, depths: depths,
      mismatch: track.mismatch, notes: notes, failure: failure,
      isComplete: failure == nil && !isCancelled())
  }

  private func check(_ latents: RecordedLatents, _ iterations: [Int], _ examples: [Int]) throws {
    if let bad = iterations.first(where: { !latents.iterations.contains($0) }) {
      throw ProbeError(.notFound, "the trace has no latent at iteration \(bad)")
    }
    try latents.requireConsecutive(iterations)
    if let bad = examples.first(where: { !(0..<latents.examples).contains($0) }) {
      throw ProbeError(
        .notFound, "there is no example \(bad) among the trace's 0...\(latents.examples - 1)")
    }
    let bytes = 8.0 * Double(iterations.count * examples.count) * Double(latents.dimension)
    guard bytes < Double(ProcessInfo.processInfo.physicalMemory) / 2 else {
      let gibibytes = String(format: "%.1f", bytes / 0x1p30)
      throw ProbeError(
        .tooLarge,
        "\(examples.count) paths of \(iterations.count) latents of \(latents.dimension) numbers may span "
          + "\(gibibytes) GiB",
        remedy: "Choose fewer examples or iterations.")
    }
  }

  private func refined(
    _ track: FlowTrack, _ maps: FlowMaps, _ iterations: [Int], _ isCancelled: () -> Bool,
    _ progress: (Int, String) -> Void
  ) throws -> Refinement {
    let each = factors.reduce(0, +)
    return try Refinement(
      from: track.start, iterations: iterations.count - 1, factors: factors,
      isCancelled: isCancelled, progress: { progress(each, "refining t=\(iterations[$0])") },
      map: { try maps.map(iterations[$0]) })
  }

  /// All eigenvalues of a state that is small enough, and else as many leading ones as there are modes to compare,
  /// a few at least.
  private func spectrum(
    _ run: TracedRun, _ example: Int, at iteration: Int, _ modes: DynamicModes?
  ) throws -> JacobianSpectrum {
    let map = try run.latentMap(examples: [example], at: iteration)
    let latent = try run.latent(iteration: iteration, example: example)
    let state = latent.reshaped([1, map.dimension])
    guard map.dimension > JacobianProbe.largestAutomaticDense else {
      return try .dense(of: map, at: state)
    }
    return try .leading(max(6, min(modes?.rank ?? 0, 20)), of: map, at: state, seed: seed)
  }

  /// With how many iterations a run's model would be run again, from latents at iteration `first`.
  public func depths(of run: TracedRun, from first: Int) -> [Int] {
    guard run.model.configuration.shared, first == 0 else { return [] }
    if let depths { return depths }
    let (update, total) = (run.model.configuration.update, run.iterations)
    guard update.kind == .euler, update.step == nil else { return [] }
    return [total / 2, total, 2 * total, 4 * total].filter { $0 > 0 }
  }

  private func reruns(
    _ run: TracedRun, _ track: FlowTrack, _ first: Int, _ examples: [Int],
    _ isCancelled: () -> Bool, _ progress: (Int, String) -> Void
  ) throws -> DepthLaw? {
    let depths = depths(of: run, from: first)
    guard depths.count > 1 else { return nil }
    let runs = try DepthLaw.reruns(
      of: run.model, run.input.selecting(examples), from: track.start, depths: depths,
      isCancelled: isCancelled, progress: { progress(1, "other lengths") })
    return runs.count > 1 ? DepthLaw(runs) : nil
  }
}
