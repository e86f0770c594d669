internal import AsuraTensor
internal import Synchronization

/// What is added to a site's values, by iteration and position.
struct ChangePlan: Sendable {
  enum Kind: Sendable, Equatable {
    case none, change
    /// As much, in the random direction of that number.
    case random(Int)
  }
  /// A change of one iteration and position.
  private enum Shift: Sendable {
    case erase(ConceptEraser)
    case constant(Tensor<Double>)
  }

  let site: String
  /// The positions that are changed.
  let positions: [Int]
  /// By iteration, then position.
  private let shifts: [Int: [Int: Shift]]
  private let width: Int

  init(
    _ followUp: CausalFollowUp, _ site: ProbedSite, _ findings: LinearFindings,
    _ labels: ProbeLabels
  ) throws {
    self.site = site.name
    width = site.width
    var shifts: [Int: [Int: Shift]] = [:]
    for iteration in followUp.at {
      guard let t = findings.iterations.firstIndex(of: iteration) else {
        throw ProbeError(
          .notFound, "\(findings.fact) was not probed at iteration \(iteration)",
          remedy: "Choose among the probed iterations: \(findings.iterations.first ?? 0) to "
            + "\(findings.iterations.last ?? 0).")
      }
      for (place, position) in findings.positions.enumerated() where findings.cells[t][place] != nil
      {
        // The positions this probe is of.
        let own =
          position == ProbeWeights.pooled
          ? site.positions.indices.filter { p in
            site.examples.indices.contains { !labels[site.examples[$0], site.positions[p]].isNaN }
          } : site.positions.indices.filter { site.positions[$0] == position }
        let moments = try Self.moments(site, labels, iteration, own)
        let shift: Shift
        switch followUp.change {
        case .erase(let method): shift = .erase(try ConceptEraser(method, moments))
        case .push(let amount, let index):
          // A class that does not occur here has no direction to push along.
          let counts = findings.cells[t][place]?.classCounts ?? []
          if counts.indices.contains(index), counts[index] == 0 { continue }
          let direction = try findings.weights.direction(
            iteration: iteration, position: position, class: index)
          let norm = direction.norm
          let unit = direction.scaled(by: norm > 0 ? 1 / norm : 0)
          shift = .constant(unit.scaled(by: amount * moments.deviation(along: unit)))
        }
        for p in own { shifts[iteration, default: [:]][site.positions[p]] = shift }
      }
    }
    guard !shifts.isEmpty else {
      throw ProbeError(
        .labels,
        "the class to push \(findings.fact) towards occurs at none of the probed positions",
        remedy: "Push towards another class, or probe other positions.")
    }
    self.shifts = shifts
    positions = Set(shifts.values.flatMap(\.keys)).sorted()
  }

  /// The sums over all labelled rows of some positions.
  private static func moments(
    _ site: ProbedSite, _ labels: ProbeLabels, _ iteration: Int, _ positions: [Int]
  ) throws -> Moments {
    let recorded = labels.selecting(examples: site.examples, positions: site.positions)
    let plan = RowPlan(
      recorded, positions: positions,
      parts: ExampleParts(count: 1, part: site.examples.map { _ in 0 }), width: site.width)
    let targets = ProbeTargets(plan, recorded, control: nil, shuffles: [])
    let rows = StreamedRows(plan: plan, site: site, iteration: iteration)
    return try Moments.parts(of: rows, columns: targets.columns) { block, out in
      targets.write(block, into: out)
    }[0]
  }

  /// The values `[example, position, width]` of some examples with their change.
  func changed(
    _ value: Tensor<Double>, _ iteration: Int, _ examples: Range<Int>, _ kind: Kind, seed: UInt64,
    _ sizes: SizeRecord?
  ) -> Tensor<Double> {
    let (batch, count) = (value.shape[0], value.shape[1])
    var value = value
    for (position, shift) in (shifts[iteration] ?? [:]).sorted(by: { $0.key < $1.key })
    where position < count {
      let rows = Tensor<Double>([batch, width]) { out in
        value.read { x in
          for e in 0..<batch {
            (out + e * width).update(from: x + (e * count + position) * width, count: width)
          }
        }
      }
      var added: Tensor<Double>
      switch shift {
      case .erase(let eraser): added = eraser.displacement(of: rows)
      case .constant(let step):
        added = .concatenating((0..<batch).map { _ in step.reshaped([1, width]) })
      }
      if case .random(let draw) = kind {
        let unit = Self.direction(width, iteration, position, draw, seed)
        added = .concatenating(
          (0..<batch).map { unit.scaled(by: added[$0].norm).reshaped([1, width]) })
      }
      for e in 0..<batch {
        sizes?.add(added[e].norm, of: rows[e].norm, at: examples.lowerBound + e)
      }
      value.update { x in
        added.read { added in
          for e in 0..<batch {
            for i in 0..<width { x[(e * count + position) * width + i] += added[e * width + i] }
          }
        }
      }
    }
    return value
  }

  /// A random direction of length 1, the same for all examples.
  private static func direction(
    _ width: Int, _ iteration: Int, _ position: Int, _ draw: Int, _ seed: UInt64
  ) -> Tensor<Double> {
    var random = Random(seed: seed, for: "random direction").split(UInt64(draw))
      .split(UInt64(iteration)).split(UInt64(position))
    let direction = Tensor<Double>.normal([width], using: &random)
    return direction.scaled(by: 1 / direction.norm)
  }
}

extension Moments {
  /// The standard deviation of the values along a direction of length 1.
  fileprivate func deviation(along unit: Tensor<Double>) -> Double {
    let width = width
    let spread = xx.matmul(unit.reshaped([width, 1])).reshaped([width])
    let mean = unit.dot(x) / count
    return max(0, unit.dot(spread) / count - mean * mean).squareRoot()
  }
}

/// How large changes were, by example, so that the order in which threads came does not matter.
final class SizeRecord: Sendable {
  private let sums = Mutex<[Int: (share: Double, count: Double)]>([:])

  func add(_ size: Double, of norm: Double, at example: Int) {
    guard norm > 0 else { return }
    sums.withLock {
      let old = $0[example] ?? (0, 0)
      $0[example] = (old.share + size / norm, old.count + 1)
    }
  }

  var mean: Double {
    sums.withLock { sums in
      let all = sums.sorted { $0.key < $1.key }
      return all.reduce(0) { $0 + $1.value.share } / all.reduce(0) { $0 + $1.value.count }
    }
  }
}

/// Compares answers with the targets and with those of another run.
struct AnswerScoring {
  private let targets: [[Int]]?
  private let labels: ProbeLabels
  private let changed: Set<Int>
  private let before: [Int]
  private let positions: Int

  init(_ run: TracedRun, _ labels: ProbeLabels, _ changed: [Int], _ before: [Int]) throws {
    targets = try run.targets()?.classes
    self.labels = labels
    self.changed = Set(changed)
    self.before = before
    positions = run.input.positions
  }

  func score(_ answers: [Int]) -> CausalEffect.Answers {
    var (exact, examples, right, asked) = (0.0, 0.0, 0.0, 0.0)
    var (here, all) = (0.0, 0.0)
    let classes = labels.classes?.count ?? 0
    var byClass = [(right: Double, all: Double)](repeating: (0, 0), count: classes)
    for (example, row) in (targets ?? []).enumerated() {
      var (isWhole, isAsked) = (true, false)
      for (position, target) in row.enumerated() where target >= 0 {
        let isRight = answers[example * positions + position] == target
        asked += 1
        isAsked = true
        if isRight { right += 1 } else { isWhole = false }
        guard changed.contains(position) else { continue }
        all += 1
        if isRight { here += 1 }
        let label = labels[example, position]
        if classes > 0, !label.isNaN {
          byClass[Int(label)].all += 1
          if isRight { byClass[Int(label)].right += 1 }
        }
      }
      guard isAsked else { continue }
      examples += 1
      if isWhole { exact += 1 }
    }
    let moved = zip(answers, before).count { $0 != $1 }
    return CausalEffect.Answers(
      exact: exact / examples, symbols: right / asked, atChanged: here / all,
      changed: Double(moved) / Double(max(1, before.count)),
      byClass: byClass.map { $0.right / $0.all })
  }
}
