import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

/// With as many folds as examples nothing hangs on how they are dealt: each is held out, and its penalty chosen by holding
/// out each of the others besides. That is done here example by example.
@Suite struct PenaltyChoiceTests {
  private let examples = 14
  private let width = 5
  private let penalties = [1e-3, 1e-2, 0.1, 1, 10]
  private let values: Tensor<Double>
  private let numbers: [Double]

  init() {
    // A number that hangs on one direction, half of it noise: a penalty that is neither the least nor the largest.
    var random = Random(seed: 12)
    // Traces keep 32 bits.
    let values = Tensor<Double>.normal([examples, width], using: &random).elements
      .map { Double(Float($0)) }
    self.values = Tensor([examples, width], values)
    numbers = (0..<examples).map { [width] in values[$0 * width] + 0.8 * random.normal() }
  }

  /// What probes of the rows but `held` make of row `row`, by penalty.
  private func losses(
    _ held: [Int], on row: Int, _ loss: (_ rows: [Int], _ penalty: Double) throws -> Double
  ) rethrows -> [Double] {
    let rows = (0..<examples).filter { !held.contains($0) }
    return try penalties.map { try loss(rows, $0) }
  }

  /// The penalty that each row's others choose, and all together.
  private func choices(
    _ loss: (_ rows: [Int], _ row: Int, _ penalty: Double) throws -> Double
  ) rethrows -> (each: [Double], all: Double) {
    func least(_ sums: [Double]) -> Double {
      penalties[sums.indices.min { sums[$0] < sums[$1] } ?? 0]
    }
    var all = penalties.map { _ in 0.0 }
    let each = try (0..<examples).map { test in
      var sums = penalties.map { _ in 0.0 }
      for row in 0..<examples where row != test {
        let found = try losses([test, row], on: row) { try loss($0, row, $1) }
        for i in sums.indices { sums[i] += found[i] }
      }
      for i in all.indices { all[i] += sums[i] }
      return least(sums)
    }
    return (each, least(all))
  }

  private func rows(_ chosen: [Int]) -> Tensor<Double> {
    .concatenating(chosen.map { values.slice($0..<$0 + 1) })
  }

  private func probe(
    _ labels: ProbeLabels, _ estimator: LinearEstimator
  ) throws -> ProbeCell {
    let trace = try SyntheticTrace(
      examples: examples, positions: 1, width: width, facts: [:]
    ) { _ in values.reshaped([examples, 1, width]) }
    var probe = LinearProbe()
    (probe.estimator, probe.folds, probe.penalties) = (estimator, examples, penalties)
    (probe.shuffles, probe.replicates, probe.hasDescriptionLength) = (0, 0, false)
    let found = try probe.run(on: trace.site, labels: labels, iterations: [1])
    return try #require(found?.cells[0][0])
  }

  @Test func ridge() throws {
    func fit(_ chosen: [Int], _ penalty: Double) throws -> LinearFit {
      try LinearFit(
        .ridge, values: rows(chosen), numbers: chosen.map { numbers[$0] }, penalty: penalty)
    }
    let (each, all) = try choices { chosen, row, penalty in
      let predicted = try fit(chosen, penalty).scores(rows([row])).scalar
      return (predicted - numbers[row]) * (predicted - numbers[row])
    }
    #expect(Set(each).count > 1, "every example chose \(each[0]): this shows nothing")
    let mean = numbers.reduce(0, +) / Double(examples)
    var (left, whole) = (0.0, 0.0)
    for test in 0..<examples {
      let predicted = try fit((0..<examples).filter { $0 != test }, each[test])
        .scores(rows([test])).scalar
      left += (predicted - numbers[test]) * (predicted - numbers[test])
      whole += (numbers[test] - mean) * (numbers[test] - mean)
    }
    let cell = try probe(
      ProbeLabels(
        name: "number", examples: examples, positions: 1, values: numbers, classes: nil), .ridge)
    #expect(cell.penalty == all)
    #expect(abs(cell.score.r2 - (1 - left / whole)) < 1e-9)
  }

  @Test func logistic() throws {
    let labels = numbers.map { $0 > 0 ? 1 : 0 }
    func fit(_ chosen: [Int], _ penalty: Double) throws -> LinearFit {
      try LinearFit(
        .logistic, values: rows(chosen), labels: chosen.map { labels[$0] }, classes: 2,
        penalty: penalty)
    }
    let (each, all) = try choices { chosen, row, penalty in
      let scores = try fit(chosen, penalty).scores(rows([row])).elements
      return log(scores.reduce(0) { $0 + exp($1 - scores[labels[row]]) })
    }
    let right = try (0..<examples).count { test in
      let scores = try fit((0..<examples).filter { $0 != test }, each[test])
        .scores(rows([test])).elements
      return (scores[1] > scores[0] ? 1 : 0) == labels[test]
    }
    let cell = try probe(
      ProbeLabels(
        name: "sign", examples: examples, positions: 1, values: labels.map(Double.init),
        classes: ["no", "yes"]), .logistic)
    #expect(cell.penalty == all)
    #expect(abs(cell.score.accuracy - Double(right) / Double(examples)) < 1e-12)
  }

  /// A site of some examples is what a trace of them alone would be.
  @Test func selectedExamples() throws {
    let chosen = [0, 1, 2, 5, 6, 8, 10, 11, 13]
    let labels = ProbeLabels(
      name: "number", examples: examples, positions: 1, values: numbers, classes: nil)
    let trace = try SyntheticTrace(
      examples: examples, positions: 1, width: width, facts: [:]
    ) { _ in values.reshaped([examples, 1, width]) }
    let few = try SyntheticTrace(
      examples: chosen.count, positions: 1, width: width, facts: [:]
    ) { _ in rows(chosen).reshaped([chosen.count, 1, width]) }
    var probe = LinearProbe()
    (probe.folds, probe.shuffles) = (3, 2)
    let site = try trace.site.selecting(examples: chosen)
    #expect(site.examples == chosen)
    let found = try probe.run(on: site, labels: labels, iterations: [1])
    let alone = try probe.run(
      on: few.site, labels: labels.selecting(examples: chosen, positions: [0]), iterations: [1])
    let (a, b) = (try #require(found?.cells[0][0]), try #require(alone?.cells[0][0]))
    #expect(a.score.r2 == b.score.r2 && a.penalty == b.penalty && a.examples == chosen.count)
    #expect(a.interval == b.interval && found?.weights.weights == alone?.weights.weights)
  }
}
