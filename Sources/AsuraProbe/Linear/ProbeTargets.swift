internal import AsuraTensor

/// The labels of a problem's rows: the real ones, then those of the control task, then shuffled ones.
struct ProbeTargets {
  /// A class's number among those that occur here, or a number, for each row.
  let sets: [[Double]]
  let hasControl: Bool
  /// The classes that occur here, by their numbers in the fact; nil for numbers.
  let present: [Int]?
  /// Rows of each class of the fact.
  let counts: [Int]

  /// How many classes occur; nil for numbers.
  var classes: Int? { present?.count }
  /// Scores a set has: one a class, or one.
  var outputs: Int { classes ?? 1 }
  /// All sets' columns.
  var columns: Int { outputs * sets.count }

  init(
    _ plan: RowPlan, _ labels: ProbeLabels, control: ProbeLabels?, shuffles: [LabelShuffle]
  ) {
    let real = plan.labels
    var places: [Double] = []
    if let classes = labels.classes {
      var counts = [Int](repeating: 0, count: classes.count)
      for value in real { counts[Int(value)] += 1 }
      let present = counts.indices.filter { counts[$0] > 0 }
      places = [Double](repeating: .nan, count: classes.count)
      for (place, c) in present.enumerated() { places[c] = Double(place) }
      self.counts = counts
      self.present = present
    } else {
      counts = []
      present = nil
    }
    func local(_ values: [Double]) -> [Double] {
      places.isEmpty ? values : values.map { places[Int($0)] }
    }
    var sets = [local(real)]
    var hasControl = false
    if let control {
      let values = (0..<plan.count).map { row in
        control[Int(plan.examples[row]), plan.positions[Int(plan.places[row])]]
      }
      // Labels drawn for all positions: here some may be of a class that does not occur.
      if Set(values).count > 1, places.isEmpty || values.allSatisfy({ !places[Int($0)].isNaN }) {
        sets.append(local(values))
        hasControl = true
      }
    }
    if !shuffles.isEmpty {
      let groups = Self.rowsByPlace(plan)
      for shuffle in shuffles {
        var shuffled = sets[0]
        for rows in groups {
          let exchanged = shuffle.values(
            rows.map { sets[0][$0] }, of: rows.map { Int(plan.examples[$0]) })
          for (row, value) in zip(rows, exchanged) { shuffled[row] = value }
        }
        sets.append(shuffled)
      }
    }
    self.sets = sets
    self.hasControl = hasControl
  }

  /// The rows of each position in the order of examples, so that a shuffle exchanges all positions alike.
  private static func rowsByPlace(_ plan: RowPlan) -> [[Int]] {
    var groups = plan.positions.map { _ in [Int]() }
    for row in 0..<plan.count { groups[Int(plan.places[row])].append(row) }
    return groups.map { $0.sorted { plan.examples[$0] < plan.examples[$1] } }
  }

  /// The share of the commonest class; 0 for numbers.
  var baseline: Double {
    let total = counts.reduce(0, +)
    return total > 0 ? Double(counts.max() ?? 0) / Double(total) : 0
  }

  /// Writes the columns `[row, column]` of some rows: 1 at each set's class, or the number.
  func write(_ rows: Range<Int>, into out: UnsafeMutablePointer<Double>) {
    let columns = columns
    out.update(repeating: 0, count: rows.count * columns)
    for (s, set) in sets.enumerated() {
      for (i, row) in rows.enumerated() {
        if classes == nil {
          out[i * columns + s] = set[row]
        } else {
          out[i * columns + s * outputs + Int(set[row])] = 1
        }
      }
    }
  }

  /// A map to the scores of all classes of the fact: those that do not occur here get −∞.
  func expanded(_ map: LinearMap) -> LinearMap {
    guard let present, present.count < counts.count else { return map }
    let width = map.weights.shape[1]
    var bias = [Double](repeating: -.infinity, count: counts.count)
    var rows = (0..<counts.count).map { _ in Tensor<Double>.zeros([1, width]) }
    for (place, c) in present.enumerated() {
      bias[c] = map.bias[place]
      rows[c] = map.weights.slice(place..<place + 1)
    }
    return LinearMap(weights: .concatenating(rows), bias: bias)
  }
}
