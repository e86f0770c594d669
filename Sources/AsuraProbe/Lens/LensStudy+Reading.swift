internal import Foundation

extension LensStudy {
  /// What the study says, in a few sentences that claim no more than it shows.
  public var reading: [String] {
    [answerReading, rightReading, flipReading, convergenceReading, tunedReading]
      .compactMap { $0 } + attributionReading + notes + (tuned?.notes ?? [])
  }

  private func short(_ value: Double, _ digits: Int = 3) -> String {
    String(format: "%.\(digits)g", value).replacingOccurrences(of: "-", with: "−")
  }

  private func percent(_ share: Double) -> String {
    share > 0.995 && share < 1 ? "over 99%" : "\(Int((100 * share).rounded()))%"
  }

  private func range(_ values: [Int]) -> String {
    let sorted = values.sorted()
    guard let first = sorted.first, let last = sorted.last else { return "none" }
    return first == last
      ? "t=\(first)" : "t=\(sorted[sorted.count / 2]) (median; t=\(first) to \(last))"
  }

  private var answerReading: String? {
    guard let last = readout.means.last else { return nil }
    guard readout.targets != nil else {
      return
        "The trace has no targets: what is right is unknown, and only how the answers come about is shown."
    }
    guard last.accuracy.isFinite else { return "No answer is asked for in these examples." }
    return
      "At t=\(last.iteration) \(percent(last.accuracy)) of the answers are right, and all of them in "
      + "\(percent(last.wholeAccuracy)) of the examples."
  }

  private var rightReading: String? {
    guard readout.targets != nil else { return nil }
    let wholes = readout.examples.indices.map { readout.wholeRightFrom($0) }
    let found = wholes.compactMap { $0 }
    guard !found.isEmpty else { return nil }
    let who =
      found.count == wholes.count ? "" : ", in the \(found.count) of \(wholes.count) where it does"
    return "The whole answer stays right from \(range(found)) on\(who)."
  }

  private var flipReading: String? {
    guard readout.iterations.count > 1 else { return nil }
    var flips: [Int] = []
    for e in readout.examples.indices {
      for p in 0..<readout.positions where readout.isAsked(e, p) {
        flips.append(readout.flips(e, p))
      }
    }
    guard let most = flips.max() else { return nil }
    let mean = Double(flips.reduce(0, +)) / Double(flips.count)
    return
      "An answer changes \(short(mean, 2)) times on average, \(most) times at most, from one iteration looked at to "
      + "the next."
  }

  private var convergenceReading: String? {
    let means = readout.means
    guard means.count > 1, let last = means.last, last.divergence.isFinite else { return nil }
    let limit = 0.01
    let since = (means.lastIndex { $0.divergence > limit } ?? -1) + 1
    return
      "From t=\(means[since].iteration) the readout is within \(limit) nat of that at t=\(last.iteration) (mean KL)."
  }

  private var tunedReading: String? {
    guard let tuned else { return nil }
    let (u, o, s) = tuned.means
    func text(_ estimate: TunedLens.Estimate) -> String {
      estimate.lower.isFinite
        ? "\(short(estimate.value)) (\(short(estimate.lower)) to \(short(estimate.upper)))"
        : short(estimate.value)
    }
    let conclusion =
      switch tuned.verdict {
      case .untuned:
        "Neither makes a difference that is sure and more than \(percent(TunedLens.leastGain)): the readout as it is suffices."
      case .shared:
        "One map for all iterations suffices: maps of their own leave no less, or hardly."
      case .own: "One map for all does not suffice: each iteration needs its own."
      }
    return
      "On \(tuned.heldOut.count) examples held out, KL from the last readout is \(text(u)) nat without a map, "
      + "\(text(o)) with a map of each iteration's own and \(text(s)) with one for all, means over the iterations before "
      + "the last. \(conclusion)"
  }

  private var attributionReading: [String] {
    guard let attribution, let last = attribution.iterations.last else { return [] }
    func largest(_ shares: [Double]) -> String {
      let order = shares.indices.sorted { abs(shares[$0]) > abs(shares[$1]) }.prefix(4)
      return order.map { "\(attribution.components[$0]) \(short(shares[$0]))" }
        .joined(separator: ", ")
    }
    var text: [String] = []
    let direct = attribution.means(attribution.direct)
    let differences = attribution.meanDifferences
    if let shares = direct.last, let difference = differences.last, difference.isFinite {
      text.append(
        "Of the mean logit difference of \(short(difference)) at t=\(last) the largest shares are: \(largest(shares))."
      )
    }
    let unrolled = attribution.means(attribution.unrolled)
    if attribution.unrolledFrom < last {
      let totals = attribution.components.indices.map { c in
        unrolled.reduce(0) { $0 + $1[c] }
      }
      let byIteration = unrolled.map { $0.reduce(0, +) }
      let most = byIteration.indices.max { abs(byIteration[$0]) < abs(byIteration[$1]) } ?? 0
      text.append(
        "Taken apart back to t=\(attribution.unrolledFrom), the iterations together give: \(largest(totals)); most comes "
          + "from t=\(attribution.iterations[most]) (\(short(byIteration[most]))).")
    }
    let distances =
      "each iteration's to within \(short(attribution.residual, 2)), all together to within "
      + "\(short(attribution.unrolledResidual, 2)), recorded latents being \(short(attribution.mismatch, 2)) off (relative)"
    text.append(
      attribution.isExact
        ? "The shares sum to the logit differences: \(distances)."
        : "The shares do NOT sum to the logit differences, only \(distances).")
    return text
  }
}
