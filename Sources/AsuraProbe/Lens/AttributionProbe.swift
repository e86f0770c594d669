internal import AsuraModel
internal import AsuraTensor
internal import AsuraTrace

/// Takes the logit differences of a traced run apart: see `DirectAttribution`.
///
/// Each iteration is run again from the recorded latent before it, some examples at a time, so memory does not grow
/// with the iterations but by the result.
public struct AttributionProbe: Sendable {
  /// The classes to compare everywhere; nil for the right one, or without targets the last readout's likeliest, and the
  /// likeliest other one of the last readout.
  public var pair: DirectAttribution.Pair?

  private static let slabExamples = 32

  public init(pair: DirectAttribution.Pair? = nil) { self.pair = pair }

  /// Attributes at `iterations`, from 1, whose latents and those before them the trace has.
  ///
  /// - Parameters:
  ///   - isCancelled: asked after each iteration; once true, the examples done so far are the result.
  ///   - progress: called with how many more examples an iteration was taken apart for.
  /// - Throws: `ProbeError`, `TraceError`, `ModelError`. Nil when cancelled before an example was done.
  public func run(
    on run: TracedRun, iterations: [Int], examples: [Int], isCancelled: () -> Bool = { false },
    progress: (_ units: Int, _ what: String) -> Void = { _, _ in }
  ) throws -> DirectAttribution? {
    let input = try LensInput(run)
    try check(run, iterations, examples)
    var parts: [Part] = []
    let slabs = examples.stretches(most: Self.slabExamples)
    for slab in slabs {
      guard
        let part = try attribute(
          slab, iterations, input, hasSources: parts.isEmpty, isCancelled, progress)
      else { break }
      parts.append(part)
    }
    guard let first = parts.first else { return nil }
    return assemble(parts, first, iterations, input, isComplete: parts.count == slabs.count)
  }

  private func check(_ run: TracedRun, _ iterations: [Int], _ examples: [Int]) throws {
    try run.check(iterations: iterations, examples: examples)
    if let bad = iterations.first(where: { $0 < 1 || !run.latentIterations.contains($0 - 1) }) {
      throw ProbeError(
        .notFound,
        bad < 1
          ? "at iteration \(bad) no block has run yet: there is nothing to attribute"
          : "the trace has no latent at iteration \(bad - 1), from which iteration \(bad) is run again",
        remedy: "Choose iterations from 1 whose predecessors were recorded.")
    }
    let c = run.model.configuration
    guard [.concat, .add, .none].contains(c.recall), c.copyGate == nil, c.neuromodulation == nil
    else {
      throw ProbeError(
        .notFound, "the model has gates or a recall that attends, which are no sum of parts",
        remedy: "Direct attribution takes models of recall concat, add or none without gates; "
          + "others can be patched.")
    }
    let classes = c.classes
    guard classes > 1 else {
      throw ProbeError(.notFound, "the model has one output class: there is no logit difference")
    }
    if let pair, !(0..<classes).contains(pair.plus) || !(0..<classes).contains(pair.minus) {
      throw ProbeError(
        .notFound,
        "classes \(pair.plus) and \(pair.minus) are not both among the \(classes) there are")
    }
  }

  /// The parts of a model that add to its logits.
  static func components(_ configuration: ModelConfiguration) -> [DirectAttribution.Component] {
    func block(_ isCoda: Bool, _ index: Int) -> [DirectAttribution.Component] {
      (0..<configuration.attention.heads).map { .head(coda: isCoda, block: index, head: $0) }
        + [.mlp(coda: isCoda, block: index)]
    }
    return (configuration.recall == .none ? [] : [.input]) + [.state]
      + (0..<configuration.core).flatMap { block(false, $0) }
      + (0..<configuration.coda).flatMap { block(true, $0) } + [.constants]
  }
}

// MARK: - One stretch of examples

extension AttributionProbe {
  fileprivate struct Part {
    let examples: Range<Int>
    var pairs: [DirectAttribution.Pair] = []
    /// `[iteration][component][row]`, last iteration first.
    var direct: [[[Double]]] = []
    var unrolled: [[[Double]]] = []
    var differences: [[Double]] = []
    /// Of the first example: `[iteration]`, `[block, head, query, slot]`.
    var sources: [Tensor<Double>] = []
    var residual = 0.0
    var unrolledResidual = 0.0
    var mismatch = 0.0
    var unrolledFrom = 0
  }

  private func attribute(
    _ slab: Range<Int>, _ iterations: [Int], _ input: LensInput, hasSources: Bool,
    _ isCancelled: () -> Bool, _ progress: (Int, String) -> Void
  ) throws -> Part? {
    let run = input.run
    let components = Self.components(run.model.configuration)
    let parameters = run.model.namedParameters
    let embedded = try embedded(run, slab)
    var part = Part(examples: slab)
    /// The functionals of the latent after the next iteration that are the last readout's differences.
    var carried: Tensor<Double>?
    var unrolledSum: [Double] = []
    for (index, t) in iterations.enumerated().reversed() {
      if isCancelled() { return nil }
      let before = try input.latents(iteration: t - 1, examples: slab)
      let values = try step(run, slab, from: before, iteration: t)
      let logits = ReadoutRows(values["logits"] ?? .zeros([0, 1]))
      if part.pairs.isEmpty { part.pairs = pairs(logits, slab, input) }
      func walk() -> AttributionWalk {
        AttributionWalk(
          run.model, parameters: parameters, iteration: t,
          step: run.model.configuration.update.step ?? 1 / Double(run.iterations), values: values,
          input: embedded, before: before)
      }
      var direct = walk()
      let atLatent = direct.readout(part.pairs)
      let atBefore = direct.iteration(atLatent)
      var shares = components.map { direct.shares[$0] ?? zeros(part) }
      let stateIndex = components.firstIndex(of: .state) ?? 0
      shares[stateIndex] = direct.state(atBefore)
      let differences = logits.logits.read { x in
        part.pairs.enumerated().map { row, pair in
          x[row * logits.classes + pair.plus] - x[row * logits.classes + pair.minus]
        }
      }
      part.residual = max(part.residual, distance(sum(shares), differences))
      part.direct.append(shares)
      part.differences.append(differences)
      if hasSources {
        part.sources.append(
          sources(direct.ofHeads, values, run.model.configuration, keys(run)))
      }
      part.mismatch = max(
        part.mismatch, try mismatch(values["latent"], input, iteration: t, slab))

      // The same for the last readout, as long as each iteration follows on the one before.
      var unrolled = walk()
      let isLast = index == iterations.count - 1
      if isLast || carried != nil {
        let earlier = unrolled.iteration(carried ?? unrolled.readout(part.pairs))
        var shares = components.map { unrolled.shares[$0] ?? zeros(part) }
        let isFirst = index == 0 || iterations[index - 1] != t - 1
        if isFirst { shares[stateIndex] = unrolled.state(earlier) }
        let added = sum(shares)
        unrolledSum = unrolledSum.isEmpty ? added : zip(unrolledSum, added).map { $0 + $1 }
        part.unrolled.append(shares)
        part.unrolledFrom = t
        carried = isFirst ? nil : earlier
        if isFirst { part.unrolledResidual = distance(unrolledSum, part.differences[0]) }
      } else {
        part.unrolled.append(components.map { _ in zeros(part) })
      }
      progress(slab.count, "taking t=\(t) apart")
    }
    return part
  }

  /// The position of each slot of the patterns, `[query, slot]`.
  private func keys(_ run: TracedRun) -> IntegerArray {
    let positions = run.input.positions
    guard let table = run.model.neighbours(for: run.input) else {
      return IntegerArray(
        [positions, positions], (0..<positions * positions).map { $0 % positions })
    }
    return IntegerArray([positions, table.width], table.keys)
  }

  private func zeros(_ part: Part) -> [Double] { Array(repeating: 0, count: part.pairs.count) }

  /// The largest distance between corresponding numbers.
  private func distance(_ a: [Double], _ b: [Double]) -> Double {
    zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) }
  }

  private func sum(_ shares: [[Double]]) -> [Double] {
    (shares.first ?? []).indices.map { row in shares.reduce(0) { $0 + $1[row] } }
  }

  /// The embedded input after the prelude.
  private func embedded(_ run: TracedRun, _ slab: Range<Int>) throws -> Tensor<Double> {
    let prelude = run.model.configuration.prelude
    let site = prelude > 0 ? "prelude.\(prelude - 1).resid_post" : "embed"
    var options = RunOptions<Double>()
    options.iterations = 0
    options.readout = .none
    options.record = [.sites(site)]
    let made = try run.model.run(run.input.examples(slab), options)
    return made.recorded[site, 0] ?? .zeros([0, 1])
  }

  /// One iteration, run again from the latent before it: the values of its sites.
  private func step(
    _ run: TracedRun, _ slab: Range<Int>, from before: Tensor<Double>, iteration t: Int
  ) throws -> AttributionWalk.Values {
    let coda = run.model.configuration.coda
    let parts = ["resid_pre", "attn.z", "attn_out", "resid_mid", "mlp_out", "resid_post"]
    let sites =
      ["latent", "logits"] + parts.map { "core.*.\($0)" } + [
        "core.*.attn.v", "core.*.attn.pattern",
      ]
      + (coda > 0 ? parts.map { "coda.*.\($0)" } : [])
    var options = RunOptions<Double>()
    options.iterations = 1
    options.start = (before, t - 1)
    options.trajectory = run.iterations
    options.record = [.sites(sites, iterations: .only([t]))]
    let made = try run.model.run(run.input.examples(slab), options)
    return Dictionary(made.recorded.values.map { ($0.name, $0.tensor) }) { $1 }
  }

  private func pairs(
    _ last: ReadoutRows, _ slab: Range<Int>, _ input: LensInput
  ) -> [DirectAttribution.Pair] {
    (0..<last.count).map { row in
      if let pair { return pair }
      let (example, position) = (slab.lowerBound + row / input.positions, row % input.positions)
      let plus = input.target(example: example, position: position) ?? last.likeliest[row]
      return .init(plus: plus, minus: last.runnerUp(row, besides: plus) ?? plus)
    }
  }

  /// How far the latent is from the recorded one, relative, at most over the examples.
  private func mismatch(
    _ latent: Tensor<Double>?, _ input: LensInput, iteration: Int, _ slab: Range<Int>
  ) throws -> Double {
    guard let latent else { return 0 }
    let recorded = try input.latents(iteration: iteration, examples: slab)
    return (0..<slab.count).reduce(0) { worst, row in
      let norm = recorded[row].norm
      return max(worst, norm > 0 ? (latent[row] - recorded[row]).norm / norm : 0)
    }
  }

  /// What each key gives by way of each head to the first example's queries: `[block, head, query, slot]`.
  private func sources(
    _ ofHeads: [Int: Tensor<Double>], _ values: AttributionWalk.Values,
    _ configuration: ModelConfiguration, _ keys: IntegerArray
  ) -> Tensor<Double> {
    let attention = configuration.attention
    let (heads, size) = (attention.heads, configuration.headWidth)
    let shared = heads / attention.keyValueHeads
    let blocks = (0..<configuration.core).map { block -> Tensor<Double> in
      guard let functionals = ofHeads[block], let pattern = values["core.\(block).attn.pattern"],
        let v = values["core.\(block).attn.v"]
      else { return .zeros([1, heads, 0, 0]) }
      let (positions, slots) = (pattern.shape[2], pattern.shape[3])
      let width = attention.keyValueHeads * size
      return Tensor([1, heads, positions, slots]) { out in
        read(functionals, pattern, v) { u, a, v in
          for h in 0..<heads {
            for query in 0..<positions {
              for slot in 0..<slots {
                let place = (h * positions + query) * slots + slot
                let key = Int(keys.elements[query * slots + slot])
                out[place] = 0
                guard key >= 0, a[place] != 0 else { continue }
                var sum = 0.0
                for i in 0..<size {
                  sum +=
                    u[query * heads * size + h * size + i] * v[key * width + h / shared * size + i]
                }
                out[place] = a[place] * sum
              }
            }
          }
        }
      }
    }
    return .concatenating(blocks)
  }
}

// MARK: - All of them

extension AttributionProbe {
  private func assemble(
    _ parts: [Part], _ first: Part, _ iterations: [Int], _ input: LensInput, isComplete: Bool
  ) -> DirectAttribution {
    let components = Self.components(input.run.model.configuration)
    let examples = parts.flatMap { Array($0.examples) }
    let count = iterations.count
    // The parts have the last iteration first.
    func shares(_ of: (Part) -> [[[Double]]]) -> Tensor<Double> {
      let all = parts.map(of)
      let values = iterations.indices.flatMap { t in
        components.indices.flatMap { c in all.flatMap { $0[count - 1 - t][c] } }
      }
      return Tensor([count, components.count, examples.count, input.positions], values)
    }
    let differences = iterations.indices.flatMap { t in
      parts.flatMap { $0.differences[count - 1 - t] }
    }
    let sources = first.sources.reversed().map { $0.reshaped([1] + $0.shape) }
    return DirectAttribution(
      components: components, iterations: iterations, examples: examples,
      positions: input.positions, pairs: parts.flatMap(\.pairs),
      isAsked: examples.flatMap { example in
        (0..<input.positions).map { input.isAsked(example: example, position: $0) }
      }, direct: shares(\.direct),
      differences: Tensor([count, examples.count, input.positions], differences),
      unrolled: shares(\.unrolled), unrolledFrom: first.unrolledFrom,
      sources: .concatenating(sources), keys: keys(input.run),
      residual: parts.map(\.residual).max() ?? 0,
      unrolledResidual: parts.map(\.unrolledResidual).max() ?? 0,
      mismatch: parts.map(\.mismatch).max() ?? 0,
      isComplete: isComplete)
  }
}
