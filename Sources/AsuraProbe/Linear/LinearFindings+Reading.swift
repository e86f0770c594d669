internal import Foundation

extension LinearFindings {
  /// What the numbers say, in sentences.
  public var reading: [String] {
    [best, wave, chance, selectivity, code, stability].compactMap { $0 }
      + effects.flatMap(sentences)
  }

  private var score: String { classes == nil ? "R²" : "accuracy" }

  private func number(_ value: Double) -> String {
    classes == nil ? String(format: "%.2f", value) : percent(value)
  }

  private func percent(_ value: Double) -> String { String(format: "%.1f%%", 100 * value) }

  private func place(_ position: Int) -> String {
    positions[position] == ProbeWeights.pooled
      ? "over all positions" : "at position \(positions[position])"
  }

  /// All probes with their places.
  private var all: [(t: Int, p: Int, cell: ProbeCell)] {
    cells.indices.flatMap { t in
      positions.indices.compactMap { p in cells[t][p].map { (t, p, $0) } }
    }
  }

  private var best: String? {
    guard let top = all.max(by: { $0.cell.score.fair < $1.cell.score.fair }) else { return nil }
    let baseline =
      classes == nil
      ? "the mean gets 0" : "the commonest class gets \(percent(top.cell.baseline))"
    let interval = top.cell.interval.map {
      " (95%: \(number($0.lowerBound)) to \(number($0.upperBound)))"
    }
    return
      "\(fact) is read best \(place(top.p)) at t=\(iterations[top.t]): \(score) "
      + "\(number(top.cell.score.headline))\(interval ?? ""), where \(baseline)."
  }

  /// When it can be read at each position.
  private var wave: String? {
    guard iterations.count > 1 else { return nil }
    let known = positions.indices.compactMap { p in since(position: p).map { (p, $0) } }
    guard !known.isEmpty else {
      if positions.indices.contains(where: { isRead(position: $0) }) {
        return "It is read at some iterations, but nowhere as well at the last as at its best."
      }
      let hasNull = all.contains { $0.cell.null != nil }
      return "At no position and iteration is it read clearly better than by chance"
        + (hasNull ? ", or than shuffled labels are." : ".")
    }
    guard positions.count > 1 else {
      return "It is read from t=\(known[0].1) on as well as ever, to within a tenth."
    }
    let shown = known.prefix(16).map { "\(positions[$0.0]): \($0.1)" }.joined(separator: ", ")
    return
      "Read as well as ever, to within a tenth, from iteration t on (position: t): \(shown)"
      + (known.count > 16 ? ", …" : "") + "."
  }

  private var chance: String? {
    let tested = all.compactMap { one in one.cell.null.map { (one.cell, $0) } }
    guard let count = tested.first?.1.scores.count else { return nil }
    let beyond = tested.count { cell, null in null.scores.allSatisfy { $0.fair < cell.score.fair } }
    return
      "\(beyond) of \(tested.count) probes do better than all \(count) shufflings of their labels (by chance 1 in "
      + "\(count + 1) would)."
  }

  private var selectivity: String? {
    let known = all.compactMap(\.cell.selectivity)
    guard !known.isEmpty else { return nil }
    let mean = known.reduce(0, +) / Double(known.count)
    let amount =
      classes == nil ? String(format: "%.2f", mean) : String(format: "%.1f points", 100 * mean)
    return
      "Selectivity, \(classes == nil ? "R²" : "balanced accuracy") less that at a control task of random labels for tokens: \(amount) in the mean"
      + (mean < 0.05
        ? ": what the probes read may be little more than which tokens are there." : ".")
  }

  private var code: String? {
    let known = all.compactMap { one in one.cell.code.map { (one, $0) } }
    guard let top = known.max(by: { $0.1.compressionOfShares < $1.1.compressionOfShares }) else {
      return nil
    }
    return String(
      format:
        "An online code of the labels is at best %.1f times shorter than a uniform code, %.1f times than one by "
        + "class shares (\(place(top.0.p)), t=\(iterations[top.0.t])).",
      top.1.compression, top.1.compressionOfShares)
  }

  /// Whether probes of one iteration serve others.
  private var stability: String? {
    guard let matrix = transfer?.mean, matrix.count > 2 else { return nil }
    // Of the later half, where the fact is there to be read.
    let later = matrix.indices.suffix((matrix.count + 1) / 2)
    var (same, other) = ([Double](), [Double]())
    for t in later {
      for u in later where !matrix[t][u].isNaN {
        if t == u { same.append(matrix[t][u]) } else { other.append(matrix[t][u]) }
      }
    }
    guard !same.isEmpty, !other.isEmpty else { return nil }
    let (own, across) = (
      same.reduce(0, +) / Double(same.count), other.reduce(0, +) / Double(other.count)
    )
    func mean(_ values: [Double]) -> Double? {
      values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
    }
    let probed = positions.indices.filter { p in cells.contains { $0[p] != nil } }
    let chance = mean(probed.map { chanceLevel(position: $0) }) ?? 0
    let null = mean(later.flatMap { cells[$0] }.compactMap { $0?.null?.highestFair }) ?? chance
    let kept = (across - chance) / (own - chance)
    let verdict =
      own < max(chance, null) + Self.leastGain
      ? "too little is read to tell whether the code is stable"
      : kept > 0.9 ? "a stable code" : kept < 0.5 ? "a moving code" : "a code that moves in part"
    return
      "Over the later half of the iterations probes get \(number(own)) where they were fitted and \(number(across)) at "
      + "other iterations: \(verdict)."
  }

  private func sentences(_ effect: CausalEffect) -> [String] {
    let what =
      switch effect.change {
      case .erase(let method): "Erasing \(fact) (\(method.rawValue))"
      case .push(let amount, let index):
        "Pushing \(fact) towards '\(weights.classes[index])' by \(amount) standard deviations"
      }
    let at = effect.at.count == 1 ? "t=\(effect.at[0])" : "\(effect.at.count) iterations"
    let size = percent(effect.relativeSize)
    guard !effect.original.symbols.isNaN else {
      return [
        "\(what) at \(at), \(size) of the values' size, changes \(percent(effect.edited.changed)) of the answers"
          + (effect.random.isEmpty
            ? "."
            : "; random directions of equal length change \(percent(effect.randomMean(\.changed))).")
      ]
    }
    // Where nothing is asked at the changed positions, all answers tell.
    let isAsked = !effect.original.atChanged.isNaN
    let share: (CausalEffect.Answers) -> Double = isAsked ? { $0.atChanged } : { $0.symbols }
    let random =
      effect.random.isEmpty
      ? ""
      : ", \(percent(effect.randomMean(share))) with random directions of equal length"
    return [
      "\(what) at \(at), \(size) of the values' size: \(percent(share(effect.edited))) of the "
        + "\(isAsked ? "changed positions" : "positions asked") are answered right, "
        + "\(percent(share(effect.original))) without\(random)."
    ]
  }
}
