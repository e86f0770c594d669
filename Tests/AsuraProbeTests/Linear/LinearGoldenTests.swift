import AsuraProbe
import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

/// Agreement with scikit-learn and SciPy: Tests/Goldens/README.md, `linear`.
@Suite struct LinearGoldenTests {
  private let golden: Golden
  private let values: Tensor<Double>
  private let penalties: [Double]

  init() throws {
    golden = try Golden("linear")
    values = try golden["values"]
    penalties = try JSONDecoder().decode(
      [Double].self, from: Data((golden.file.metadata["penalties"] ?? "").utf8))
  }

  private func labels(_ name: String) throws -> [Int] {
    try golden[name].elements.map { Int($0) }
  }

  /// Rows of scores made probabilities.
  private func softmax(_ scores: Tensor<Double>) -> [Double] {
    (0..<scores.shape[0]).flatMap { row -> [Double] in
      let own = scores[row].elements
      let powers = own.map { exp($0 - own.max()!) }
      return powers.map { $0 / powers.reduce(0, +) }
    }
  }

  private func distance(_ a: [Double], _ b: Tensor<Double>) -> Double {
    zip(a, b.elements).map { abs($0 - $1) }.max()!
  }

  @Test func ridgeAtEveryPenalty() throws {
    let numbers = try golden["numbers"].elements
    for (i, penalty) in penalties.enumerated() {
      let fit = try LinearFit(.ridge, values: values, numbers: numbers, penalty: penalty)
      let prediction = fit.scores(values).elements
      #expect(try distance(prediction, golden["ridge.\(i).prediction"]) < 1e-9)
      let objective = try golden["ridge.\(i).objective"].scalar
      #expect(abs(fit.objective - objective) < 1e-9 * objective)
    }
  }

  /// The objective to 1e-4 is what is asked; 1e-10 is what a gradient of 1e-8 gives.
  @Test(arguments: [("two", 2), ("three", 3)])
  func logisticAtEveryPenalty(name: String, classes: Int) throws {
    for (i, penalty) in penalties.enumerated() {
      let fit = try LinearFit(
        .logistic, values: values, labels: labels(name), classes: classes, penalty: penalty,
        tolerance: 1e-8)
      #expect(fit.isConverged && fit.gradient <= 1e-8)
      let objective = try golden["logistic.\(name).\(i).objective"].scalar
      #expect(abs(fit.objective - objective) < 1e-10, "\(penalty): \(fit.objective - objective)")
      let probability = softmax(fit.scores(values))
      #expect(try distance(probability, golden["logistic.\(name).\(i).probability"]) < 1e-5)
    }
  }

  /// Rows that come several times are what they are once, however many of them fill a kernel's vector or a block.
  @Test(arguments: [("two", 2), ("three", 3)], [1, 17, 61])
  func repeatedRowsChangeNothing(kind: (name: String, classes: Int), rows: Int) throws {
    let labels = Array(try labels(kind.name)[100..<100 + rows])
    let values = values.slice(100..<100 + rows)
    let once = try LinearFit(
      .logistic, values: values, labels: labels, classes: kind.classes, tolerance: 1e-9)
    let often = try LinearFit(
      .logistic, values: .concatenating(Array(repeating: values, count: 48)),
      labels: Array(repeating: labels, count: 48).flatMap { $0 }, classes: kind.classes,
      tolerance: 1e-9)
    #expect(abs(once.objective - often.objective) < 1e-9)
  }

  @Test(arguments: [("two", 2), ("three", 3)])
  func discriminant(name: String, classes: Int) throws {
    for shrinkage in [0.0, 0.2] {
      let fit = try LinearFit(
        .discriminant, values: values, labels: labels(name), classes: classes,
        shrinkage: shrinkage)
      let probability = softmax(fit.scores(values))
      #expect(
        try distance(probability, golden["discriminant.\(name).\(shrinkage).probability"]) < 1e-8)
    }
  }

  @Test func leace() throws {
    let three = try labels("three")
    let z = Tensor([three.count, 3], three.flatMap { c in (0..<3).map { $0 == c ? 1.0 : 0 } })
    let eraser = try ConceptEraser(.leace, values: values, targets: z)
    #expect(eraser.rank == 2)
    #expect(try distance(eraser(values).elements, golden["leace"]) < 1e-8)
    // Nothing linear is left: a logistic fit finds the classes' shares alone.
    let fit = try LinearFit(.logistic, values: eraser(values), labels: three, classes: 3)
    #expect(fit.weights.elements.allSatisfy { abs($0) < 1e-4 })
  }

  @Test func meanProjectionMakesAllClassMeansOne() throws {
    let three = try labels("three")
    let z = Tensor([three.count, 3], three.flatMap { c in (0..<3).map { $0 == c ? 1.0 : 0 } })
    let erased = try ConceptEraser(.mean, values: values, targets: z)(values)
    let means = (0..<3).map { c in
      let rows = three.indices.filter { three[$0] == c }
      return rows.reduce(Tensor<Double>.zeros([7])) { $0 + erased[$1] }
        .scaled(by: 1 / Double(rows.count))
    }
    #expect(means[0].squaredDistance(to: means[1]) < 1e-20)
    #expect(means[0].squaredDistance(to: means[2]) < 1e-20)
  }
}
