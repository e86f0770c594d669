import AsuraDiff
import AsuraTensor

/// One of many runs that are made side by side, each of one example by itself.
package struct SeparateRun<S: Scalar>: Sendable {
  /// A latent `[1, position, width]` to go on from and the iteration it is of; from the beginning when nil.
  package var start: (latent: Tensor<S>, at: Int)?
  /// What its iterations apply of the core.
  package var schedule: CoreSchedule?
  /// Which sequence's noise a `noise` initial latent is.
  package var noise: Int

  package init(
    start: (latent: Tensor<S>, at: Int)? = nil, schedule: CoreSchedule? = nil, noise: Int = 0
  ) {
    self.start = start
    self.schedule = schedule
    self.noise = noise
  }
}

/// How one of many runs ended.
package struct SeparateResult<S: Scalar>: Sendable {
  /// The last latent, `[1, position, width]`.
  package let latent: Tensor<S>
  /// The last iteration made.
  package let iteration: Int
  /// The logits `[1, position, class]` after the last iteration asked for; nil when it was ended before.
  package let logits: Tensor<S>?
}

extension RecurrentTransformer {
  /// Runs every example of `input` by itself, from a start of its own up to iteration `options.iterations`.
  ///
  /// Products then have the same sizes whichever other examples there are, and so a result's bits do not depend on
  /// them; in `run` they may, where the linear algebra library chooses its kernels by the size. Of the options
  /// `iterations`, `trajectory`, `record`, `sites`, `edits` and `seed` are heeded; hooks see example i as `i..<i + 1`.
  ///
  /// - Parameter isDone: is asked after each iteration whether the run is to end there, without a readout.
  package func runSeparately(
    _ input: ModelInput, _ runs: [SeparateRun<S>], _ options: RunOptions<S>,
    into sink: any RecordingSink<S>,
    isDone: @Sendable (_ run: Int, _ iteration: Int, _ latent: Tensor<S>) -> Bool = { _, _, _ in
      false
    }
  ) throws -> [SeparateResult<S>] {
    precondition(runs.count == input.batch, "\(runs.count) runs of \(input.batch) examples")
    try check(input)
    let last = options.iterations ?? configuration.iterations
    try check(iterations: last)
    let geometry = try Geometry<S>(configuration, input)
    let plan = try HookPlan(
      options, model: self, input, neighbours: geometry.layout.neighbours, sink: sink)
    let step = eulerStep(iterations: options.trajectory ?? last)
    let noise = Random(seed: options.seed, for: "initial latent")
    let common = computation(.plain, geometry: geometry, hooks: plan, examples: 0..<input.batch)
    return try Workers.current.map(input.batch) { i in
      var computation = common
      computation.examples = i..<i + 1
      computation.schedule = runs[i].schedule
      let number = runs[i].noise
      let pass = try Pass(
        computation, input.examples(i..<i + 1), from: runs[i].start, step: step, noise: noise,
        of: number..<number + 1)
      var isEnded = false
      try recur(
        [pass], iterations: last - pass.iteration,
        afterEach: { t in
          isEnded = isDone(i, t, pass.latent.tensor)
          return !isEnded
        })
      return SeparateResult(
        latent: pass.latent.tensor, iteration: pass.iteration,
        logits: isEnded ? nil : try pass.readout().tensor)
    }
  }
}
