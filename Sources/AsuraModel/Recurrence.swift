import AsuraDiff
import AsuraTensor

/// The recurrence over some examples of a batch: the latent as it stands, and how to take it
/// further.
///
/// `@unchecked Sendable`: its latent is changed by one worker at a time, the one that runs its
/// part.
package final class Pass<S: Scalar>: @unchecked Sendable {
  let computation: Computation<S>
  let embedded: Computation<S>.Embedded
  /// Δ of Euler updates.
  let step: Double
  /// Whether derivatives keep only the latents between iterations and recompute what is inside
  /// them.
  package var recomputes = false
  /// How iterations are made where they go position by position; it holds the latent then.
  let local: LocalIteration<S>?
  private var whole: Value<S>
  package private(set) var iteration: Int

  /// The latent after `iteration` iterations, `[batch, position, width]`.
  package private(set) var latent: Value<S> {
    get { local.map { Value($0.latent) } ?? whole }
    set {
      precondition(local == nil, "the latent of local iterations is their own")
      whole = newValue
    }
  }

  /// How a pass goes through the positions of its one example, rather than through all at once.
  enum Locality {
    case allPositions
    case activeSet(tolerance: Double)
  }

  /// - Parameter numbers: which sequences' noise a `noise` initial latent is; nil for the examples' own.
  init(
    _ computation: Computation<S>, _ input: ModelInput, from start: (latent: Tensor<S>, at: Int)?,
    step: Double, noise: Random, of numbers: Range<Int>? = nil, locality: Locality? = nil
  ) throws {
    self.computation = computation
    self.step = step
    embedded = try computation.embed(input)
    iteration = start?.at ?? 0
    let initial =
      if let start { Value(start.latent) } else {
        try computation.initialLatent(embedded, noise: noise, of: numbers)
      }
    guard let locality, let table = computation.geometry.layout.neighbours else {
      whole = initial
      local = nil
      return
    }
    var tolerance: Double?
    if case .activeSet(let given) = locality { tolerance = given }
    local = LocalIteration(
      computation, table, embedded, from: initial.tensor, step: step, tolerance: tolerance)
    whole = Value(.zeros([0]))
  }

  fileprivate func advance() throws {
    let t = iteration + 1
    if let local {
      try local.advance(t)
    } else if let times = computation.schedule?.applications[t] {
      try advance(to: t, times: times)
    } else if recomputes {
      latent = try computation.interpreter.recomputing(latent) {
        [computation, embedded, step] interpreter, z in
        try computation.reading(with: interpreter).iterate(z, embedded, iteration: t, step: step)
      }
    } else {
      latent = try computation.iterate(latent, embedded, iteration: t, step: step)
    }
    iteration = t
  }

  /// An iteration that is skipped or repeated; hooks see its last time.
  private func advance(to t: Int, times: Int) throws {
    guard times > 0 else {
      latent = try computation.skip(latent, iteration: t)
      return
    }
    let unhooked = computation.reading(with: computation.interpreter)
    for _ in 1..<times {
      latent = try unhooked.iterate(latent, embedded, iteration: t, step: step)
    }
    latent = try computation.iterate(latent, embedded, iteration: t, step: step)
  }

  /// The logits `[batch, position, class]` of the latent as it stands.
  package func readout() throws -> Value<S> {
    try computation.readout(latent, embedded, iteration: iteration)
  }

  /// Makes the latent as it stands a value to differentiate with respect to.
  package func varyLatent() -> Value<S> {
    latent = .variable(latent.tensor)
    return latent
  }

  /// Reorders the examples' latents: example i goes on from the latent of `order[i]`.
  package func permuteLatents(_ order: [Int]) {
    latent = Value(.concatenating(order.map { latent.tensor.slice($0..<$0 + 1) }))
  }
}

/// The recurrence loop: the only one. Training, plain runs, capture and analysis all go through it.
///
/// Takes all `passes` through `count` more iterations, and calls `eachPart` with a pass's number after each of its
/// iterations, on the thread that made it. The passes wait for each other after those iterations that `pausing`
/// names (all, unless it is given) and after the last; then `afterEach` is called, which returns whether to go
/// on. In between, each pass goes ahead by itself, or all side by side when they go `inStep`.
package func recur<S: Scalar>(
  _ passes: [Pass<S>], iterations count: Int, inStep: Bool = false,
  pausing: (_ iteration: Int) -> Bool = { _ in true },
  eachPart: @Sendable (_ part: Int) throws -> Void = { _ in },
  afterEach: (_ iteration: Int) throws -> Bool = { _ in true }
) throws {
  guard count > 0, let first = passes.first else { return }
  let last = first.iteration + count
  while first.iteration < last {
    let pause = (first.iteration + 1..<last).first(where: pausing) ?? last
    let stretch = pause - first.iteration
    @Sendable func advance(_ part: Int) throws {
      try passes[part].advance()
      try eachPart(part)
    }
    if inStep {
      try Workers.current.interleave(passes.count, steps: stretch) { part, _ in
        try advance(part)
      }
    } else {
      try Workers.current.forEach(passes.count) { part in
        for _ in 0..<stretch { try advance(part) }
      }
    }
    guard try afterEach(pause) else { return }
  }
}
