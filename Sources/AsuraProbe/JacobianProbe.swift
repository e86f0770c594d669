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

  public var extent = Extent.automatic
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
  public func method(dimension: Int) -> JacobianSpectrum.Method {
    switch extent {
    case .automatic:
      dimension <= Self.largestAutomaticDense ? .dense : .leading(Self.automaticCount)
    case .all: .dense
    case .leading(let count): count <= dimension - 2 ? .leading(count) : .dense
    }
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
    let dimension = run.input.positions * run.model.configuration.width
    let method = method(dimension: dimension)
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
        let entry = try self.entry(run, iteration, example, method, after: previous)
        finished.withLock { $0[index] = entry }
        progress(entry)
        return entry.spectrum
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
    case .dense:
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
    return JacobianTrajectory(
      dimension: dimension, positions: run.input.positions, method: method,
      iterations: whole.map { iterations[$0] }, examples: examples,
      entries: whole.flatMap { i in
        entries[i * examples.count..<(i + 1) * examples.count].compactMap { $0 }
      }, failure: failure)
  }

  private func entry(
    _ run: TracedRun, _ iteration: Int, _ example: Int, _ method: JacobianSpectrum.Method,
    after previous: JacobianSpectrum?
  ) throws -> JacobianTrajectory.Entry {
    let latent = try run.latent(iteration: iteration, example: example)
    let map = try run.stepMap(example: example, at: iteration)
    let spectrum: JacobianSpectrum
    switch method {
    case .dense: spectrum = try .dense(of: map, at: latent)
    case .leading(let count):
      spectrum = try .leading(
        count, of: map, at: latent, after: previous, tolerance: tolerance, seed: seed)
    }
    let next = try map(latent)
    var mismatch = Double.nan
    if run.latentIterations.contains(iteration + 1) {
      let recorded = try run.latent(iteration: iteration + 1, example: example)
      mismatch = relativeDistance(next, recorded)
    }
    return JacobianTrajectory.Entry(
      iteration: iteration, example: example, spectrum: spectrum,
      relativeStep: relativeDistance(latent, next), mismatch: mismatch)
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
    let dimension = run.input.positions * run.model.configuration.width
    let cost = DenseCost(dimension: dimension)
    guard method(dimension: dimension) == .dense, !cost.isReasonable else { return }
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
