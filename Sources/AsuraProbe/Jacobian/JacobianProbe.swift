internal import AsuraModel
internal import AsuraTensor
internal import Foundation
internal import Synchronization

/// Jacobian spectra along the trajectories of a recorded run.
///
/// The spectrum "at iteration t" is that of F at z_t: it tells how iteration t + 1 acts near z_t.
public struct JacobianProbe: Sendable, Equatable {
  public enum Extent: Sendable, Equatable {
    /// All where the state is small enough for the dense way to be quick, else the 20 leading ones.
    case automatic
    case all
    /// Those of largest modulus.
    case leading(Int)
  }

  /// Where along a trajectory the map is linearised.
  public enum Place: Sendable, Equatable {
    /// At the recorded latents.
    case recorded
    /// Where the recorded latent ends up when it is iterated on until `‖F(z) − z‖ / ‖F(z)‖` is at most `tolerance`.
    case rest(tolerance: Double, maximumIterations: Int)
  }

  public var extent = Extent.automatic
  public var place = Place.recorded
  /// Which part of the state is looked at.
  public var part = StatePart.whole
  /// How many singular values to find, with what else the eigenvalues do not tell: see `JacobianShape`.
  public var singularValues = 0
  /// How many modes of each kind to explain, at the last iteration: see `JacobianMode`.
  public var modes = 0
  /// The relative error wished for in leading eigenvalues; 0 is the machine precision.
  public var tolerance = 0.0
  /// What start vectors are drawn from.
  public var seed: UInt64 = 0

  /// The largest state whose eigenvalues are all computed unless told otherwise.
  public static let largestAutomaticDense = 1024
  /// How many leading eigenvalues larger states get unless told otherwise.
  public static let automaticCount = 20

  public init(extent: Extent = .automatic, tolerance: Double = 0, seed: UInt64 = 0) {
    self.extent = extent
    self.tolerance = tolerance
    self.seed = seed
  }

  /// How a state of that many dimensions is treated.
  ///
  /// - Parameter isTriangular: whether the Jacobian is block triangular, so that all eigenvalues are cheap.
  public func method(
    dimension: Int, isTriangular: Bool = false
  ) -> JacobianSpectrum.Method {
    switch extent {
    case .automatic:
      isTriangular
        ? .blocks
        : dimension <= Self.largestAutomaticDense ? .dense : .leading(Self.automaticCount)
    case .all: isTriangular ? .blocks : .dense
    case .leading(let count): count <= dimension - 2 ? .leading(count) : .dense
    }
  }

  private func method(on run: TracedRun) -> JacobianSpectrum.Method {
    let width = run.model.configuration.width
    return method(
      dimension: part.dimension(whole: run.input.positions * width, width: width),
      isTriangular: part == .whole && run.model.hasTriangularStepMap
        && width <= Self.largestAutomaticDense)
  }

  /// The spectra at all `iterations` of all `examples`.
  ///
  /// - Parameters:
  ///   - isCancelled: Asked before each spectrum; once true, what is done so far is the result, whole
  ///     iterations only.
  ///   - progress: Called after each spectrum, from any thread, in no order.
  /// An error at one of them ends the work; it is the result's `failure`, beside the iterations that are whole, and
  /// thrown only when there are none.
  /// - Throws: `ProbeError` for iterations and examples that the trace lacks, values that are not finite and dense
  ///   problems beyond this machine; `ArnoldiError`, `LinearAlgebraError`, `TraceError`, `ModelError`.
  public func run(
    on run: TracedRun, iterations: [Int], examples: [Int],
    isCancelled: @Sendable () -> Bool = { false },
    progress: @Sendable (JacobianTrajectory.Entry) -> Void = { _ in }
  ) throws -> JacobianTrajectory {
    try check(run, iterations, examples)
    let width = run.model.configuration.width
    let dimension = part.dimension(whole: run.input.positions * width, width: width)
    let method = method(on: run)
    let finished = Mutex<[JacobianTrajectory.Entry?]>(
      Array(repeating: nil, count: iterations.count * examples.count))
    let failed = Mutex<(index: Int, failure: JacobianTrajectory.Failure)?>(nil)
    @Sendable func compute(_ index: Int, after previous: JacobianSpectrum?) -> JacobianSpectrum? {
      // What comes before a failure is still computed, so that all iterations before it are whole.
      let isBeyond = failed.withLock { failed in failed.map { $0.index < index } ?? false }
      if isBeyond || isCancelled() { return nil }
      let (iteration, example) = (
        iterations[index / examples.count], examples[index % examples.count]
      )
      do {
        var entry = try self.entry(run, iteration, example, method, after: previous)
        let spectrum = entry.spectrum
        // Only the next search needs it: what is kept must not grow by a state an iteration.
        entry.spectrum.restartVector = nil
        finished.withLock { [entry] in $0[index] = entry }
        progress(entry)
        return spectrum
      } catch {
        let failure = JacobianTrajectory.Failure(
          iteration: iteration, example: example, error: error)
        failed.withLock { failed in
          if failed.map({ index < $0.index }) ?? true { failed = (index, failure) }
        }
        return nil
      }
    }
    switch method {
    case .dense, .blocks:
      // One spectrum a worker scales better than LAPACK's own threads, as memory allows.
      let room = ProcessInfo.processInfo.physicalMemory / 2
      let affordable = max(1, room / UInt64(max(1, DenseCost(dimension: dimension).bytes)))
      let workers = Workers(count: min(Workers.current.count, Int(min(affordable, 1 << 20))))
      workers.forEach(iterations.count * examples.count) { index in
        _ = compute(index, after: nil)
      }
    case .leading:
      // ARPACK does one search at a time; each starts from what the one before it found.
      var previous: [JacobianSpectrum?] = Array(repeating: nil, count: examples.count)
      for index in 0..<iterations.count * examples.count {
        let place = index % examples.count
        previous[place] = compute(index, after: previous[place])
      }
    }
    let entries = finished.withLock { $0 }
    let whole = iterations.indices.filter { i in
      entries[i * examples.count..<(i + 1) * examples.count].allSatisfy { $0 != nil }
    }
    let failure = failed.withLock { $0?.failure }
    if let failure, whole.isEmpty { throw failure.error }
    var trajectory = JacobianTrajectory(
      part: part, dimension: dimension, positions: run.input.positions, width: width,
      method: method, iterations: whole.map { iterations[$0] }, examples: examples,
      entries: whole.flatMap { i in
        entries[i * examples.count..<(i + 1) * examples.count].compactMap { $0 }
      }, failure: failure)
    if modes > 0, let last = trajectory.iterations.last, !isCancelled() {
      trajectory.modes = try examples.map { try explainedModes(run, iteration: last, example: $0) }
    }
    return trajectory
  }

  private func entry(
    _ run: TracedRun, _ iteration: Int, _ example: Int, _ method: JacobianSpectrum.Method,
    after previous: JacobianSpectrum?
  ) throws -> JacobianTrajectory.Entry {
    let (latent, rest) = try self.latent(run, iteration: iteration, example: example)
    let map = try run.latentMap(examples: [example], at: iteration)
    let state = latent.reshaped([1, latent.count])
    let spectrum: JacobianSpectrum
    var shape: JacobianShape?
    if method == .blocks, singularValues == 0 {
      spectrum = try blocks(run, latent, iteration, example)
    } else {
      let width = run.model.configuration.width
      let jacobian = part.restricting(try StateJacobian(of: map, at: state), width: width)
      var matrix: Tensor<Double>?
      switch method {
      case .blocks:
        spectrum = try blocks(run, latent, iteration, example)
        if jacobian.dimension <= Self.largestAutomaticDense { matrix = try jacobian.matrix() }
      case .dense:
        let whole = try jacobian.matrix()
        spectrum = try .dense(of: MatrixOperator(whole))
        matrix = whole
      case .leading(let count):
        spectrum = try .leading(
          count, of: jacobian, after: previous, tolerance: tolerance, seed: seed)
      }
      shape = try singularValues > 0 ? self.shape(run, jacobian, spectrum, matrix) : nil
    }
    let next = try map(state)
    var mismatch = Double.nan
    if place == .recorded, run.latentIterations.contains(iteration + 1) {
      let recorded = try run.latent(iteration: iteration + 1, example: example)
      mismatch = relativeDistance(next, recorded)
    }
    return JacobianTrajectory.Entry(
      iteration: iteration, example: example, spectrum: spectrum,
      relativeStep: relativeDistance(state, next), mismatch: mismatch, shape: shape, rest: rest)
  }

  private func blocks(
    _ run: TracedRun, _ latent: Tensor<Double>, _ iteration: Int, _ example: Int
  ) throws -> JacobianSpectrum {
    let start = ContinuousClock.now
    let blocks = try PositionBlocks(
      run.model, run.input.examples(example..<example + 1), iteration: iteration + 1,
      of: run.iterations)
    return try .blocks(
      blocks(at: latent), applications: run.model.configuration.width, since: start)
  }

  private func shape(
    _ run: TracedRun, _ jacobian: any LinearOperator, _ spectrum: JacobianSpectrum,
    _ matrix: Tensor<Double>?
  ) throws -> JacobianShape {
    // Products with the matrix are cheaper than with the map, where it has been made anyway.
    let quick: any LinearOperator = matrix.map { MatrixOperator($0) } ?? jacobian
    let leading = try LeadingSingular(singularValues, of: quick, seed: seed)
    var shape = try JacobianShape(
      of: quick, leading: leading, eigenvalues: spectrum.eigenvalues, matrix: matrix, seed: seed)
    let width = run.model.configuration.width
    let basis = part.basis(dimension: run.input.positions * width, width: width)
    func profiles(_ rows: Tensor<Double>) -> [[Double]] {
      let lifted = basis.map { rows.matmul($0) } ?? rows
      return (0..<lifted.shape[0]).map { row in
        let places = lifted[row].reshaped([run.input.positions, width])
        return (0..<run.input.positions).map { places[$0].norm }
      }
    }
    (shape.inputProfiles, shape.outputProfiles) = (profiles(leading.right), profiles(leading.left))
    return shape
  }

  /// The latent to linearise at, and how it came to rest where it had to.
  func latent(
    _ run: TracedRun, iteration: Int, example: Int
  ) throws -> (Tensor<Double>, JacobianTrajectory.Rest?) {
    var z = try run.latent(iteration: iteration, example: example)
    guard case .rest(let tolerance, let maximum) = place else { return (z, nil) }
    let map = try run.stepMap(example: example, at: iteration)
    var (count, step) = (0, Double.infinity)
    while true {
      let next = try map(z)
      step = relativeDistance(z, next)
      guard next.isFinite else {
        throw ProbeError(
          .notFinite,
          "example \(example): iterated on from t=\(iteration), the latent is no longer finite after "
            + "\(count) more iterations", remedy: "It does not come to rest.")
      }
      if step <= tolerance || count >= maximum { break }
      z = next
      count += 1
    }
    return (z, .init(iterations: count, relativeStep: step, isSettled: step <= tolerance))
  }

  private func check(_ run: TracedRun, _ iterations: [Int], _ examples: [Int]) throws {
    let known = Set(run.latentIterations)
    if let bad = iterations.first(where: { !known.contains($0) }) {
      throw ProbeError(.notFound, "the trace has no latent at iteration \(bad)")
    }
    if let end = iterations.first(where: { !run.hasStep(at: $0) }) {
      throw ProbeError(
        .notFound,
        "iteration \(end) is the last of a model with unshared weights: no map takes its latent on",
        remedy: "Ask for iterations below \(run.model.configuration.iterations).")
    }
    if let bad = examples.first(where: { !(0..<run.examples).contains($0) }) {
      throw ProbeError(
        .notFound, "there is no example \(bad) among the trace's 0...\(run.examples - 1)")
    }
    if place != .recorded, !run.model.configuration.shared {
      throw ProbeError(
        .notFound, "a model with unshared weights has no latent at rest",
        remedy: "Look at its iterations instead.")
    }
    let width = run.model.configuration.width
    if case .position(let position) = part, !(0..<run.input.positions).contains(position) {
      throw ProbeError(
        .notFound, "there is no position \(position) among 0...\(run.input.positions - 1)")
    }
    let dimension = part.dimension(whole: run.input.positions * width, width: width)
    let cost = DenseCost(dimension: dimension)
    guard method(on: run) == .dense, !cost.isReasonable else { return }
    let gibibytes = String(format: "%.1f", Double(cost.bytes) / 0x1p30)
    let hours = String(format: "%.1f", cost.seconds / 3600)
    throw ProbeError(
      .tooLarge,
      "all \(dimension) eigenvalues would take about \(gibibytes) GiB of memory and \(hours) "
        + "hours a spectrum",
      remedy: "Ask for the leading ones, which need neither: --top 20")
  }
}

/// `‖b − a‖ / ‖b‖`
private func relativeDistance(_ a: Tensor<Double>, _ b: Tensor<Double>) -> Double {
  var (difference, size) = (0.0, 0.0)
  read(a, b) { a0, b0 in
    for i in 0..<a.count {
      difference += (b0[i] - a0[i]) * (b0[i] - a0[i])
      size += b0[i] * b0[i]
    }
  }
  return size > 0 ? (difference / size).squareRoot() : (difference > 0 ? .infinity : 0)
}
