internal import AsuraModel
internal import AsuraTensor
internal import Foundation

/// Fits tuned lenses to the latents of a traced run.
///
/// The maps start at nothing, where the tuned lens is the readout lens, and are fitted by L-BFGS to the mean KL from the
/// last readout over the positions that are asked; fitting stops when it no longer helps examples set aside for that,
/// so a tuned lens is no worse there than none.
public struct TunedLensFit: Sendable, Equatable {
  /// What splits examples and resamples them are drawn from.
  public var seed: UInt64 = 0
  /// Steps a fit makes at most.
  public var mostSteps = 100
  /// Steps without improvement on the examples set aside after which it stops.
  public var patience = 8
  /// Resamples of a bootstrap interval.
  public var resamples = 1000
  /// At most so many bytes of latents are held; of more, only as many examples are used.
  public var memory = 1 << 29

  /// The shares of examples held out, and set aside to stop by.
  static let (testShare, validationShare) = (0.2, 0.2)

  public init() {}

  /// Fits one map to each of `iterations` but the last, and one to all of them.
  ///
  /// - Parameters:
  ///   - isCancelled: asked after each step of a fit.
  ///   - progress: called after each of `iterations.count` fits.
  /// - Throws: `ProbeError` for fewer than 3 examples or 2 iterations and for latents that are not finite, `TraceError`.
  ///   Nil when cancelled.
  public func run(
    on run: TracedRun, iterations: [Int], examples: [Int], isCancelled: () -> Bool = { false },
    progress: (_ what: String) -> Void = { _ in }
  ) throws -> TunedLens? {
    try run.check(iterations: iterations, examples: examples)
    let input = try LensInput(run)
    guard examples.count >= 3, iterations.count >= 2 else {
      throw ProbeError(
        .notFound,
        "tuned lenses need 3 examples, to fit, to stop by and to hold out, and 2 iterations; "
          + "\(examples.count) and \(iterations.count) were chosen",
        remedy: "Choose more, or capture more examples.")
    }
    let parts = split(examples, bytesEach: 8 * iterations.count * input.positions * input.width)
    let targets = iterations[iterations.count - 1]
    let (fit, validation, test) = (
      try LensExamples(input, parts.fit, iterations: iterations),
      try LensExamples(input, parts.validation, iterations: iterations),
      try LensExamples(input, parts.test, iterations: iterations)
    )
    let earlier = Array(iterations.indices.dropLast())
    var own: [Translator] = []
    var steps: [Int] = []
    for t in earlier {
      if isCancelled() { return nil }
      let found = try translator(for: [t], fit, validation, isCancelled)
      own.append(found.translator)
      steps.append(found.steps)
      progress("tuning t=\(iterations[t])")
    }
    if isCancelled() { return nil }
    let shared = try translator(for: earlier, fit, validation, isCancelled)
    if isCancelled() { return nil }
    progress("tuning one lens for all")

    let none = Translator.identity(width: input.width)
    // [iteration][example]
    let left = try earlier.map { t in
      try [none, own[t], shared.translator].map { try test.divergences(t, $0) }
    }
    func estimates(_ kind: Int) -> [TunedLens.Estimate] { left.map { estimate($0[kind]) } }
    func mean(_ kind: Int) -> [Double] {
      test.examples.indices.map { e in
        left.reduce(0) { $0 + $1[kind][e] } / Double(left.count)
      }
    }
    let (u, o, s) = (mean(0), mean(1), mean(2))
    func difference(_ a: [Double], _ b: [Double]) -> TunedLens.Estimate {
      estimate(zip(a, b).map { $0 - $1 })
    }
    return TunedLens(
      iterations: Array(iterations.dropLast()), last: targets, fitted: parts.fit,
      validated: parts.validation, heldOut: parts.test,
      leftOut: examples.count - parts.fit.count - parts.validation.count - parts.test.count,
      untuned: estimates(0), own: estimates(1), shared: estimates(2),
      means: (estimate(u), estimate(o), estimate(s)),
      sharedOverOwn: difference(s, o), untunedOverShared: difference(u, s),
      untunedOverOwn: difference(u, o), translators: own, sharedTranslator: shared.translator,
      steps: steps + [shared.steps])
  }

  /// Deals the examples out at random.
  private func split(
    _ examples: [Int], bytesEach: Int
  ) -> (fit: [Int], validation: [Int], test: [Int]) {
    var random = Random(seed: seed, for: "tuned lens")
    let keys = examples.map { _ in random.next() }
    let order = examples.indices.sorted { keys[$0] < keys[$1] }.map { examples[$0] }
    let used = order.prefix(max(3, memory / max(1, bytesEach)))
    func share(_ share: Double) -> Int { max(1, Int((share * Double(used.count)).rounded())) }
    let (test, validation) = (share(Self.testShare), share(Self.validationShare))
    return (
      used.dropFirst(test + validation).sorted(), used.dropFirst(test).prefix(validation).sorted(),
      used.prefix(test).sorted()
    )
  }

  /// The map that is best for some iterations together, as judged by the examples set aside.
  private func translator(
    for iterations: [Int], _ fit: LensExamples, _ validation: LensExamples,
    _ isCancelled: () -> Bool
  ) throws -> (translator: Translator, steps: Int) {
    let width = fit.width
    func translator(_ point: [Double]) -> Translator { Translator(width: width, parameters: point) }
    let start = Array(repeating: 0.0, count: width * width + width)
    var best = (point: start, value: try validation.loss(iterations, translator(start)), step: 0)
    var step = 0
    var optimizer = LBFGS()
    optimizer.mostIterations = mostSteps
    optimizer.refresh = .max
    optimizer.tolerance = 1e-9
    let whitening = try fit.whitening(iterations)
    _ = try optimizer.minimize(
      from: start,
      { point, gradient in
        let found = try fit.gradient(iterations, translator(point))
        gradient = found.gradient
        return found.loss
      },
      preconditioner: { _, _ in whitening },
      afterStep: { point in
        step += 1
        let value = try validation.loss(iterations, translator(point))
        if value < best.value { best = (point, value, step) }
        return step - best.step < patience && !isCancelled()
      })
    return (translator(best.point), step)
  }

  /// A mean with the percentiles of its bootstrap distribution.
  private func estimate(_ values: [Double]) -> TunedLens.Estimate {
    let count = values.count
    let mean = values.reduce(0, +) / Double(count)
    guard count > 1 else { return .init(value: mean, lower: .nan, upper: .nan) }
    var random = Random(seed: seed, for: "tuned lens bootstrap")
    let means = (0..<resamples).map { _ in
      (0..<count).reduce(0.0) { sum, _ in sum + values[Int(random.uniform() * Double(count))] }
        / Double(count)
    }.sorted()
    func percentile(_ share: Double) -> Double { means[Int(share * Double(resamples - 1))] }
    return .init(value: mean, lower: percentile(0.025), upper: percentile(0.975))
  }
}
