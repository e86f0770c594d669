import AsuraDiff
import AsuraTensor
import Synchronization

/// The gradient of a number made of a run's logits with respect to one site's value.
package struct SiteGradient<S: Scalar>: Sendable {
  package let site: Site
  /// Of a site before the recurrence, which every iteration reads: the iteration that read it, 0 for the initial latent.
  package let iteration: Int
  /// The site's value `[1, …]`.
  package let value: Tensor<S>
  /// The gradient, of the value's shape. Of a site before the recurrence it is only what one iteration's reading of it
  /// adds; the sum over those from t on is the gradient with respect to the input changed at t.
  package let gradient: Tensor<S>
}

extension RecurrentTransformer {
  /// The gradients of a number made of the last readout of one example's run, by reverse mode.
  ///
  /// A forward run keeps the latents; then each iteration is made once more and gone back through, the last first. So
  /// memory does not grow with what iterations hold. Of the options `iterations`, `trajectory`, `edits` and `seed` are
  /// heeded.
  ///
  /// - Parameters:
  ///   - number: which sequence's noise a `noise` initial latent is.
  ///   - sites: those whose gradients are wanted, and in which iterations.
  ///   - cotangent: the number's derivative by the logits `[1, position, class]`.
  ///   - receive: takes the gradients, those of the last iteration first.
  /// - Returns: the logits.
  @discardableResult package func gradients(
    _ input: ModelInput, number: Int, at sites: [(site: Site, iterations: Selection)],
    _ options: RunOptions<S>, cotangent: (Tensor<S>) throws -> Tensor<S>,
    receive: (SiteGradient<S>) throws -> Void
  ) throws -> Tensor<S> {
    precondition(input.batch == 1, "gradients of \(input.batch) examples at once")
    try check(input)
    let last = options.iterations ?? configuration.iterations
    try check(iterations: last)
    let variables = SiteVariables<S>()
    var hooked = RunOptions<S>()
    hooked.edits = options.edits + sites.map { variables.edit($0.site, $0.iterations) }
    let geometry = try Geometry<S>(configuration, input)
    let plan = try HookPlan(
      hooked, model: self, input, neighbours: geometry.layout.neighbours, sink: NoSink<S>())
    let step = eulerStep(iterations: options.trajectory ?? last)
    let noise = Random(seed: options.seed, for: "initial latent")
    func pass(
      _ interpreter: Interpreter<S>, from start: (latent: Tensor<S>, at: Int)? = nil
    ) throws -> Pass<S> {
      try Pass(
        computation(interpreter, geometry: geometry, hooks: plan, examples: 0..<1), input,
        from: start, step: step, noise: noise, of: number..<number + 1)
    }

    let forward = try pass(.plain)
    var latents = [forward.latent.tensor]
    try recur(
      [forward], iterations: last,
      afterEach: { _ in
        latents.append(forward.latent.tensor)
        return true
      })
    var logits: Tensor<S>?
    /// The derivative by the latent that the iteration gone through last started from.
    var carried: Tensor<S>?
    for t in stride(from: last, through: 0, by: -1) {
      let tape = Tape<S>()
      let pass = try pass(
        .recording(on: tape), from: t > 0 ? (latents[t - 1], t - 1) : nil)
      let start = t > 0 ? pass.varyLatent() : nil
      if t > 0 { try recur([pass], iterations: 1) }
      let seed: (Value<S>, Tensor<S>)
      if t == last {
        let readout = try pass.readout()
        logits = readout.tensor
        seed = (readout, try cotangent(readout.tensor))
      } else {
        seed = (pass.latent, carried ?? .zeros(pass.latent.shape))
      }
      try tape.pullback([seed], consuming: true)
      carried = start?.cotangent
      for (site, variable, value) in variables.drain() {
        try receive(
          SiteGradient(
            site: site, iteration: t, value: value,
            gradient: variable.cotangent ?? .zeros(value.shape)))
      }
    }
    return logits ?? .zeros([1, input.positions, configuration.classes])
  }
}

/// What is added to sites' values to differentiate with respect to: variables that are zero.
private final class SiteVariables<S: Scalar>: Sendable {
  private let made = Mutex<[(Site, Value<S>, Tensor<S>)]>([])

  func edit(_ site: Site, _ iterations: Selection) -> Edit<S> {
    Edit(site.description, at: iterations) { [self] value, _, interpreter in
      guard interpreter.isRecording else { return nil }
      let zero = Value.variable(Tensor<S>.zeros(value.shape))
      made.withLock { $0.append((site, zero, value.tensor)) }
      return interpreter.add(value, zero)
    }
  }

  /// Those made since it was last asked.
  func drain() -> [(Site, Value<S>, Tensor<S>)] {
    made.withLock { list in
      defer { list = [] }
      return list
    }
  }
}

/// Where nothing is recorded.
private struct NoSink<S: Scalar>: RecordingSink {
  func record(_: Tensor<S>, of _: RecordedQuantity, iteration _: Int, rows _: Range<Int>) {}
  func finished(_: Int) {}
}
