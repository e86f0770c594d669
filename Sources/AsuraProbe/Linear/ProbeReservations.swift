/// Why some positions have no probe, or a doubtful one.
struct ProbeReservations {
  private var unknown: [Int] = []
  private var constant: [Int] = []
  private var few: [Int] = []
  /// Positions at which a class is rarer than there are folds, by class.
  private var rare: [String: [Int]] = [:]
  /// Whether one probe is of all positions.
  private let isPooled: Bool

  init(isPooled: Bool) { self.isPooled = isPooled }

  /// Whether there is something to probe.
  mutating func accept(_ plan: RowPlan, _ labels: ProbeLabels, _ folds: Int, _ position: Int)
    -> Bool
  {
    if plan.count == 0 {
      unknown.append(position)
      return false
    }
    if plan.parts.contains(where: \.isEmpty) {
      few.append(position)
      return false
    }
    if plan.labels.allSatisfy({ $0 == plan.labels[0] }) {
      constant.append(position)
      return false
    }
    if let classes = labels.classes {
      var examples = classes.map { _ in Set<Int32>() }
      for (row, value) in plan.labels.enumerated() where examples[Int(value)].count < folds {
        examples[Int(value)].insert(plan.examples[row])
      }
      for (c, found) in examples.enumerated() where !found.isEmpty && found.count < folds {
        rare[classes[c], default: []].append(position)
      }
    }
    return true
  }

  func notes(_ folds: Int, of name: String) -> [String] {
    func list(_ positions: [Int]) -> String {
      if isPooled { return "the positions that are pooled" }
      return "position\(positions.count == 1 ? "" : "s") "
        + positions.prefix(12).map(String.init).joined(separator: ", ")
        + (positions.count > 12 ? ", …" : "")
    }
    var notes: [String] = []
    if !unknown.isEmpty { notes.append("\(name) is not known at \(list(unknown)).") }
    if !constant.isEmpty {
      notes.append("\(name) is constant at \(list(constant)): no probe there.")
    }
    if !few.isEmpty {
      notes.append(
        "\(name) is known of too few examples at \(list(few)) for \(folds) folds: no probe there.")
    }
    let most = 8
    for (c, positions) in rare.sorted(by: { $0.key < $1.key }).prefix(most) {
      notes.append(
        "warning: class '\(c)' of \(name) has fewer examples than there are folds (\(folds)) at \(list(positions)): "
          + "some probes never saw it, or are never tested on it.")
    }
    if rare.count > most {
      notes.append("warning: the same is true of \(rare.count - most) more classes of \(name).")
    }
    return notes
  }
}
