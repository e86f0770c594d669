internal import Foundation

extension FlowStudy {
  /// What the study says, in a few sentences that claim no more than it shows.
  public var reading: [String] {
    [
      verdictReading, decayReading, refinementReading, depths?.reading, componentReading,
      modeReading,
    ]
    .compactMap { $0 } + notes
  }

  private func range(_ values: [Double], _ digits: Int = 2) -> String {
    let finite = values.filter(\.isFinite)
    guard let low = finite.min(), let high = finite.max() else { return "unknown" }
    let (a, b) = (short(low, digits), short(high, digits))
    return a == b ? a : "\(a) to \(b)"
  }

  private var verdictReading: String? {
    guard let (kind, count) = verdicts.first else { return nil }
    let ones = systems.filter { $0.verdict.kind == kind }
    let verdicts = ones.map(\.verdict)
    let last = range(verdicts.map(\.finalStep))
    let settled = verdicts.count(where: \.comesToRest)
    let deviation = verdicts.compactMap(\.deviation)
    let strays =
      deviation.isEmpty
      ? ""
      : "; its path strays \(range(deviation.map { 100 * $0 }))% of its length from the limit flow"
    let text: String
    switch kind {
    case .contraction:
      text =
        "contraction to a point. The last steps are \(last) of the longest, and the way there is too coarse for a "
        + "flow\(strays)."
    case .flow:
      let smooth =
        deviation.isEmpty
        ? "no step is more than \(range(verdicts.map { 100 * $0.largestShare }))% of the path, and the mean cosine "
          + "between successive steps is \(range(verdicts.map(\.meanCosine), 3))"
        : "the path is near that of a differential equation, within "
          + "\(range(deviation.map { 100 * $0 }))% of its length"
      text =
        "a flow: \(smooth). "
        + (settled == verdicts.count
          ? "It comes to rest." : settled == 0 ? "It does not come to rest." : "Some come to rest.")
    case .clock:
      let periods = Set(verdicts.compactMap(\.period)).sorted()
      text =
        periods.isEmpty
        ? "a clock or counter: the run goes on and on alike, its steps varying by "
          + "\(range(verdicts.map { 100 * $0.speedVariation }))% and their cosines by "
          + "\(range(verdicts.map(\.turnVariation)))."
        : "a clock: states return after \(periods.map { "\($0)" }.joined(separator: ", ")) iterations."
    case .neither:
      text =
        "neither a contraction to a point nor a flow nor a clock. The last steps are \(last) of the longest\(strays)."
    }
    if self.verdicts.count == 1 {
      return examples.count == 1 ? "Verdict: \(text)" : "Verdict for all \(count) examples: \(text)"
    }
    let others = self.verdicts.dropFirst().map { "\($0.kind.rawValue) \($0.count)" }
    return
      "Verdict for \(count) of \(examples.count) examples: \(text) The others: \(others.joined(separator: ", "))."
  }

  private var decayReading: String? {
    guard let whole = lawReading(systems.compactMap(\.decay)) else {
      return "Too few steps are longer than rounding to say how they get shorter."
    }
    let later = lawReading(systems.compactMap(\.laterDecay))
    return "Within the run the steps \(whole)"
      + (later.map { "; in the later half of those above rounding they \($0)." } ?? ".")
  }

  /// The law that most of them follow, with both scatters; nil for none.
  private func lawReading(_ decays: [StepDecay]) -> String? {
    let laws = StepDecay.Law.allCases.map { law in (law, decays.count { $0.law == law }) }
    guard let (law, count) = laws.max(by: { $0.1 < $1.1 }), count > 0 else { return nil }
    let chosen = decays.filter { $0.law == law }
    let who = count == systems.count ? "" : ", in \(count) of \(systems.count) examples,"
    let scatter =
      "(scatter about a geometric law \(range(chosen.map(\.geometric.residual))), about a power of t "
      + "\(range(chosen.map(\.power.residual))), in logarithms)"
    func error(_ value: Double) -> String {
      chosen.count == 1 && value.isFinite ? " ± \(short(value, 1))" : ""
    }
    switch law {
    case .geometric:
      return
        "go geometrically\(who) by \(range(chosen.map(\.factor), 3))\(error(chosen[0].factorError)) an iteration "
        + scatter
    case .power:
      return
        "go as t to the \(range(chosen.map(\.power.slope), 3))\(error(chosen[0].power.slopeError))\(who) \(scatter)"
    case .constant: return "keep their length\(who)"
    case .undecided: return "follow no single law\(who) \(scatter)"
    }
  }

  private var refinementReading: String? {
    guard let refinement else { return nil }
    let results = systems.compactMap(\.refinement)
    let finest = refinement.factors.last ?? 1
    if results.allSatisfy(\.isExact) {
      return "Finer steps change nothing: the path is straight, at constant speed."
    }
    let orders = results.map(\.order).filter(\.isFinite)
    guard !orders.isEmpty else { return nil }
    let error = results.count == 1 ? " ± \(short(results[0].orderError, 1))" : ""
    let converges = orders.allSatisfy { FlowVerdict.orders.contains($0) }
    let order =
      "With up to \(finest) steps to an iteration the paths "
      + (converges
        ? "converge as Euler's method does, at order \(range(orders, 3))\(error)"
        : "do not yet converge at order 1 (\(range(orders, 3))\(error)), so the limit is uncertain")
    return
      "\(order). At its farthest, iterating F itself is \(range(results.map { 100 * $0.deviation }))% of the path's "
      + "length from the limit flow."
  }

  private var componentReading: String? {
    guard !shares.isEmpty, shares[0] > 0 else { return nil }
    let share = 100 * shares.prefix(2).reduce(0, +)
    let own = systems.map { 100 * $0.shares.prefix(2).reduce(0, +) }
    let each =
      systems.count > 1 ? "; of each example's own path, its own two hold \(range(own))%" : ""
    return "The first two principal components hold \(short(share, 3))% of the variance\(each)."
  }

  private var modeReading: String? {
    guard let system = systems.first(where: { $0.modes != nil }), let modes = system.modes,
      let range = system.modeIterations
    else { return nil }
    let who = systems.count == 1 ? "" : " of example \(system.example)"
    var text =
      "Dynamic modes of the steps \(range.lowerBound)…\(range.upperBound)\(who), rank \(modes.rank) of \(modes.pairs): "
      + "largest modulus \(short(modes.eigenvalues.first?.length ?? .nan, 3)), "
      + "missing \(short(100 * modes.residual, 2))% of the steps"
    if let spectrum = system.spectrum {
      text += "; the Jacobian at the last latent has \(short(spectrum.spectralRadius, 3))"
    }
    return text
      + (modes.isInterpolating
        ? ". As many modes as pairs fit any steps: only the Jacobian can vouch for them." : ".")
  }
}

extension DepthLaw {
  /// What the slope says.
  var reading: String? {
    guard let largest, depths.count > 1 else { return nil }
    let error = largest.slopeError.isFinite ? " ± \(short(largest.slopeError, 1))" : ""
    let counts = "\(depths[0].iterations) to \(depths[depths.count - 1].iterations)"
    let meaning =
      switch largest.slope {
      case -1.2 ... -0.8: "as ΔT ∝ 1/i would have it"
      case -0.2...0.2: "an iteration does the same however many there are"
      default: "neither the −1 of ΔT ∝ 1/i nor the 0 of steps that do not depend on i"
      }
    return
      "From i = \(counts) iterations the longest step, over the run's extent, goes as i to the "
      + "\(short(largest.slope, 3))\(error): \(meaning)."
  }
}

private func short(_ value: Double, _ digits: Int) -> String {
  String(format: "%.\(digits)g", value).replacingOccurrences(of: "-", with: "−")
}
