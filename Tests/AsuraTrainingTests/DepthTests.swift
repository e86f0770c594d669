import AsuraConfiguration
import AsuraModel
import AsuraTensor
import AsuraTraining
import Foundation
import Testing

@Suite struct LengthExpressionTests {
  @Test(arguments: [
    ("6", [6, 6, 6]), ("0", [0, 0, 0]), ("n", [1, 5, 10]), ("2n", [2, 10, 20]),
    ("n/2", [0, 2, 5]), ("n+1", [2, 6, 11]), ("3n/2-1", [0, 6, 14]), ("max(2,n/2)", [2, 2, 5]),
    (" max( n - 3 , 2 ) ", [2, 2, 7]), ("n-100", [0, 0, 0]),
    ("9999999n", [9_999_999, 49_999_995, 99_999_990]),
  ])
  func values(text: String, expected: [Int]) throws {
    let expression = try LengthExpression(text)
    #expect([1, 5, 10].map { expression($0, difficulty: 77) } == expected)
    #expect(!expression.usesDifficulty)
    // The same of the difficulty.
    let ofDifficulty = try LengthExpression(text.replacing("n", with: "d"))
    #expect([1, 5, 10].map { ofDifficulty(77, difficulty: $0) } == expected)
    #expect(ofDifficulty.usesDifficulty == text.contains("n"))
    let again = try JSONDecoder().decode(
      [LengthExpression].self, from: JSONEncoder().encode([expression]))
    #expect(again == [expression])
    // The longest length of any task must not overflow.
    #expect(expression(1_000_000, difficulty: 0) >= 0)
    #expect(ofDifficulty(0, difficulty: 1 << 28) >= 0)
  }

  @Test func lengthAndDifficultyTogether() throws {
    let expression = try LengthExpression("max(n/2, 2d-1)")
    #expect(expression(10, difficulty: 2) == 5 && expression(10, difficulty: 9) == 17)
    #expect(expression.usesDifficulty && "\(expression)" == "max(n/2,2d-1)")
  }

  @Test(arguments: [
    "", " ", "-1", "x", "nn", "n/0", "n/", "n+", "n*2", "n+-1", "1.5", "2n/2/2", "max(1)",
    "max(1,2,3)",
    "max(1,2", "max(,)", "1e3", "nd", "n+d", "2dn", "d/d", "D", "٣", "n/٢", "99999999",
    "n+99999999", "0x10", "n\n+1", "NaN",
    "n\u{0}",
    String(repeating: "max(", count: 30), String(repeating: "9", count: 1000),
    String(repeating: "n+", count: 100_000),
  ])
  func hostileTextIsRefused(text: String) {
    let error = #expect(throws: ConfigurationError.self) { try LengthExpression(text) }
    #expect(("\(error, default: "")".count) < 200)
    #expect(error?.expected.contains("max(2,n/2)") == true)
  }

  @Test func ranges() throws {
    let range = try LengthRangeExpression("n+1...n+6")
    #expect(range(4, difficulty: 9) == 5...10 && "\(range)" == "n+1...n+6")
    #expect(!range.usesDifficulty)
    #expect(try LengthRangeExpression("16")(3, difficulty: 0) == 16...16)
    for (text, expected) in [("d+1...d+5", 8...12), ("0...2d", 0...14), ("d/2...n", 3...30)] {
      let range = try LengthRangeExpression(text)
      #expect(range(30, difficulty: 7) == expected && range.usesDifficulty, "\(text)")
    }
    // An upper end that falls under the lower one at some lengths counts as the lower.
    #expect(try LengthRangeExpression("max(2,n/2)...n+2")(1, difficulty: 0) == 2...3)
    #expect(try LengthRangeExpression("4...n")(2, difficulty: 0) == 4...4)
    for text in ["...", "1...", "...2", "1..2", "1...2...3", "16...4"] {
      #expect(throws: ConfigurationError.self, "\(text)") { try LengthRangeExpression(text) }
    }
  }
}

@Suite struct DepthScheduleTests {
  private func draws(
    _ yaml: String, length: Int, difficulty: Int = 1, count: Int
  ) throws -> [[DepthPlan]] {
    let schedule = try small("depth=\(yaml)").depth
    return (0..<count).map {
      var random = Random(seed: 8).split(UInt64($0))
      let plans = schedule.draw(length: length, difficulty: difficulty, random: &random)
      for plan in plans {
        #expect(plan.graded <= schedule.mostGraded(length: length, difficulty: difficulty))
        #expect(plan.free + plan.graded <= schedule.most(length: length, difficulty: difficulty))
      }
      return plans
    }
  }

  @Test func phasesAreDrawnByWeightAndWithinTheirRanges() throws {
    let plans = try draws(
      "[{weight: 1, graded: n+1...n+6}, {weight: 3, free: 0...2n, permute: true, graded: 2}]",
      length: 4, count: 4000
    ).map { try #require($0.count == 1 ? $0[0] : nil) }
    let second = plans.filter(\.permutes)
    // Three quarters, five standard deviations wide.
    let deviation = (4000 * 0.75 * 0.25).squareRoot()
    #expect(abs(Double(second.count) - 3000) < 5 * deviation)
    #expect(Set(second.map(\.free)) == Set(0...8))
    #expect(second.allSatisfy { $0.graded == 2 })
    let first = plans.filter { !$0.permutes }
    #expect(Set(first.map(\.graded)) == Set(5...10))
    #expect(first.allSatisfy { $0.free == 0 && $0.weight == 1 })
  }

  /// Never less than the difficulty in all, however hard or easy the batch.
  @Test func phasesFollowTheDifficulty() throws {
    for difficulty in [1, 8, 9, 40] {
      let plans = try draws(
        "[{graded: d+1...d+5}, {free: d/2+1...2d, graded: 'max(2,d/2)...d+2'}]", length: 9,
        difficulty: difficulty, count: 4000
      ).map { $0[0] }
      let second = plans.filter { $0.graded <= difficulty || $0.free > 0 }
      #expect(Set(second.map(\.free)).isSubset(of: Set(difficulty / 2 + 1...2 * difficulty)))
      #expect(plans.map(\.free).max() == 2 * difficulty)
      #expect(plans.map(\.graded).max() == difficulty + 5)
      #expect(plans.allSatisfy { $0.free + $0.graded >= difficulty })
    }
    let progressive = try draws(
      "{progressive: {maximum: 2d, alpha: 1}}", length: 9, difficulty: 3, count: 200)
    #expect(progressive.map { $0[0].free + $0[0].graded }.max() == 6)
  }

  /// A difficulty has no bound, and unshared weights are so many.
  @Test func unsharedModelsCannotFollowTheDifficulty() throws {
    for depth in [
      "depth=d", "depth=[{free: 0...d, graded: 1}]", "depth={progressive: {maximum: d}}",
    ] {
      let error = #expect(throws: ConfigurationError.self) {
        try Trainer<Float>(try small(depth, "model.shared=false"))
      }
      #expect("\(error, default: "")".contains("difficulty d"))
      _ = try Trainer<Float>(try small(depth))
    }
  }

  /// n ~ U{0…m−1} and k ~ U{1…m−n}: E n = (m − 1)/2, E k = (m − E n + 1)/2.
  @Test func progressiveDraws() throws {
    let m = 6
    let pairs = try draws("{progressive: {maximum: n+2, alpha: 0.25}}", length: 4, count: 4000)
    for pair in pairs {
      #expect(pair.count == 2)
      #expect(pair[0] == DepthPlan(graded: m, weight: 0.75))
      #expect(pair[1].weight == 0.25 && pair[1].graded >= 1)
      #expect(pair[1].free >= 0 && pair[1].free + pair[1].graded <= m)
    }
    let n = pairs.map { Double($0[1].free) }.reduce(0, +) / 4000
    let k = pairs.map { Double($0[1].graded) }.reduce(0, +) / 4000
    #expect(abs(n - 2.5) < 0.14 && abs(k - 2.25) < 0.12, "\(n) \(k)")
  }

  @Test func progressiveWithoutOneOfItsParts() throws {
    #expect(
      try draws("{progressive: {maximum: 3, alpha: 0}}", length: 1, count: 1)
        == [[DepthPlan(graded: 3)]])
    let partial = try draws("{progressive: {maximum: 3, alpha: 1}}", length: 1, count: 50)
    #expect(partial.allSatisfy { $0.count == 1 && $0[0].weight == 1 })
    // At least one iteration, whatever the length makes of the maximum.
    #expect(
      try draws("{progressive: {maximum: n-9, alpha: 0}}", length: 1, count: 1)
        == [[DepthPlan(graded: 1)]])
  }

  @Test func aNumberOrARange() throws {
    #expect(try draws("5", length: 3, count: 1) == [[DepthPlan(graded: 5)]])
    #expect(Set(try draws("1...n", length: 3, count: 200).map { $0[0].graded }) == [1, 2, 3])
  }
}
