internal import Foundation

extension FixedPointFindings {
  /// What was found, in a few sentences that claim no more than the numbers behind them.
  public var reading: [String] {
    var sentences = [settlingReading]
    for one in examples {
      let name = "Example \(one.example)"
      sentences.append(contentsOf: rateReading(one, name))
      sentences.append(contentsOf: pointReading(one, name))
      sentences.append(contentsOf: pathReading(one, name))
      sentences.append(contentsOf: pushReading(one, name))
      if let basin = one.basin { sentences.append("\(name): \(basin.reading)") }
    }
    if let overthinking { sentences.append(contentsOf: overthinking.reading) }
    if let limitation { sentences.append(limitation) }
    return sentences
  }

  private var settlingReading: String {
    var counts: [String: Int] = [:]
    for verdict in verdicts { counts[verdict?.settling.label ?? "not told", default: 0] += 1 }
    let parts = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      .map { "\($0.value) \($0.key)" }
    let steps = verdicts.compactMap { $0?.relativeStep }
    let last = verdicts.compactMap { $0?.last }.max() ?? 0
    return "Of \(verdicts.count) example\(verdicts.count == 1 ? "" : "s") at t=\(last): "
      + "\(parts.joined(separator: ", ")). The last step is \(range(steps, 2)) of the latent's size."
  }

  private func rateReading(_ one: Example, _ name: String) -> [String] {
    let radius = one.radius
    guard let rate = rate(of: one) else {
      return ["\(name): the steps were too few above rounding to measure a rate by."]
    }
    func told(_ rate: DecayRate) -> String {
      "over t=\(rate.range.lowerBound)…\(rate.range.upperBound) each step is "
        + "\(short(rate.value, 3)) ± \(short(rate.error, 1)) of the one before"
    }
    let recorded = verdict(of: one.example)?.rate.map(told)
    let further = one.restRate.map { "iterated on in 64 bits, \(told($0))" }
    let measured = [recorded, further].compactMap { $0 }.joined(separator: "; ")
    let place = one.restSpectrum == nil ? "at t=\(one.last)" : "where it rests"
    let theory = "the spectral radius \(place) is \(short(radius, 3))"
    guard rate.value < 1, radius < 1 else {
      return ["\(name): \(measured); \(theory)."]
    }
    return [
      rate.agrees(with: radius)
        ? "\(name): \(measured); \(theory), which accounts for it."
        : "\(name): \(measured); \(theory), which does not account for it: the last "
          + "regime is not reached, or modes feed one another (the Jacobian is far from normal)."
    ]
  }

  private func pointReading(_ one: Example, _ name: String) -> [String] {
    guard let set = one.points else { return [] }
    let tried = set.searches.count { $0 != nil }
    var text =
      "\(name): \(set.convergedCount) of \(tried) searches (\(solver)) ended at "
      + "\(set.points.count) distinct fixed point\(set.points.count == 1 ? "" : "s")"
    let known = set.points.filter { $0.spectrum != nil }
    if !known.isEmpty {
      let stable = known.count { $0.isStable == true }
      text += ", \(stable) of \(known.count) stable"
      if let most = known.compactMap(\.unstableModes).max(), most > 0 {
        text += ", with up to \(most) unstable mode\(most == 1 ? "" : "s")"
      }
    }
    var sentences = [text + "."]
    if !set.failures.isEmpty {
      let causes = SearchEnd.allCases.compactMap { end in
        set.failures[end].map { "\($0) \(end.label)" }
      }
      sentences.append("The other searches: \(causes.joined(separator: ", ")).")
    }
    let far = set.points.count(where: \.isFar)
    if far > 0 {
      sentences.append(
        "\(far) of the points lie\(far == 1 ? "s" : "") more than \(short(FixedPoint.farScale, 2)) "
          + "trajectory radii from every recorded latent (or that many times its norm): roots of the "
          + "equation, but perhaps nothing the model ever comes near.")
    }
    return sentences
  }

  private func pathReading(_ one: Example, _ name: String) -> [String] {
    guard let rest = one.rest else { return [] }
    guard rest.end.isConverged else {
      return [
        "\(name): iterated on from t=\(one.last), the latent does not come to rest "
          + "(\(rest.end.label) after \(rest.iterations) iterations)."
      ]
    }
    guard let paths = one.paths, !paths.paths.isEmpty else { return [] }
    return [
      "\(name): of \(paths.paths.count) other starts \(percent(paths.sameShare)) lead where the "
        + "run leads; asymptotic alignment \(short(paths.alignment, 4)), worst pair "
        + "\(short(paths.worstAlignment, 3))."
    ]
  }

  private func pushReading(_ one: Example, _ name: String) -> [String] {
    guard let perturbation = one.perturbation else { return [] }
    let parts = perturbation.sizes.map { size in
      let pushes = perturbation.pushes(of: size)
      let back = pushes.compactMap(\.returned).sorted()
      let changed = pushes.count { ($0.answersChanged ?? 0) > 0 }
      var text = "\(short(size, 2)) of its norm: \(back.count) of \(pushes.count) forgotten"
      if !back.isEmpty { text += " after \(back[back.count / 2]) iterations (median)" }
      if pushes.contains(where: { $0.answersChanged != nil }) {
        text += ", \(changed) change\(changed == 1 ? "s" : "") an answer"
      }
      return text
    }
    return [
      "\(name): pushed at t=\(perturbation.iteration) and followed for "
        + "\(perturbation.followed), by \(parts.joined(separator: "; by "))."
    ]
  }
}

extension Basin {
  /// What the radii say.
  var reading: String {
    let whole = "along \(directions.count) random directions"
    guard unbounded < directions.count else {
      return "\(whole) the latent comes back to its resting place from as far as was tried, "
        + "\(short(limit, 2)) times its norm."
    }
    let (smallest, median, largest) = spread
    let far = unbounded > 0 ? "no border found in \(unbounded)" : "largest \(short(largest, 3))"
    return "\(whole) the latent comes back from within \(short(smallest, 3)) of its norm "
      + "in the tightest, median \(median.isFinite ? short(median, 3) : "beyond \(short(limit, 2))"), "
      + "\(far)."
  }
}

extension Overthinking {
  /// What happens past training.
  var reading: [String] {
    guard let last = iterations.last, last > trained else { return [] }
    let times = short(Double(last) / Double(trained), 2)
    guard let from = index(of: trained), exactMatch.count == iterations.count else {
      let moved = answerChanges.enumerated().reduce(0) { sum, one in
        iterations[one.offset] > trained ? sum + one.element : sum
      }
      return [
        "Iterated to t=\(last), \(times)× training's \(trained), \(moved) answers change on the way."
      ]
    }
    var text =
      "Iterated to t=\(last), \(times)× training's \(trained): \(percent(exactMatch[from])) of "
      + "examples right at t=\(trained), \(percent(exactMatch[exactMatch.count - 1])) at the end"
    if let slope {
      text += "; the share of right positions changes by \(signed(slope.value))"
      text += slope.error.isFinite ? " ± \(short(slope.error, 1))" : ""
      text += " for each further \(trained) iterations"
    }
    return [
      text + ".",
      "On the way \(flips.toWrong) example\(flips.toWrong == 1 ? "" : "s") went from right to wrong "
        + "and \(flips.toRight) from wrong to right.",
    ]
  }
}

private func range(_ values: [Double], _ digits: Int) -> String {
  guard let low = values.min(), let high = values.max() else { return "unknown" }
  return low == high ? short(low, digits) : "\(short(low, digits)) to \(short(high, digits))"
}

private func short(_ value: Double, _ digits: Int) -> String {
  String(format: "%.\(digits)g", value)
}

private func signed(_ value: Double) -> String { String(format: "%+.2g", value) }

private func percent(_ share: Double) -> String {
  share.isFinite ? String(format: "%.3g%%", 100 * share) : "none"
}
