import AsuraConfiguration
import AsuraModel
import AsuraTasks
import AsuraTensor
import AsuraTraining
import Foundation
import Testing

@Suite struct EvaluationTests {
  /// A model that knows something and not everything.
  private func trained(_ overrides: String..., steps: Int = 12) throws -> Trainer<Float> {
    var trainer = try Trainer<Float>(
      try small(overrides + ["optimizer.learningRate=1e-2", "training.steps=\(steps)"]))
    _ = try trainer.train(steps)
    return trainer
  }

  private func argmax(_ row: ArraySlice<Float>) -> Int32 {
    var best = row.startIndex
    for i in row.indices where row[i] > row[best] { best = i }
    return Int32(best - row.startIndex)
  }

  /// The likeliest class at each position.
  private func classes(_ logits: Tensor<Float>) -> [Int32] {
    let size = logits.shape[2]
    let elements = logits.elements
    return (0..<elements.count / size).map { argmax(elements[$0 * size..<($0 + 1) * size]) }
  }

  /// The batches an evaluation draws, one after another.
  private func batches(_ task: any LearningTask, _ options: EvaluationOptions, _ length: Int) throws
    -> [Batch]
  {
    let root = Random(seed: options.seed, for: "evaluation training \(length)")
    return try stride(from: 0, to: options.examples, by: options.batch).map { start in
      var random = root.split(UInt64(start))
      return try task.makeBatch(
        length: length, examples: min(options.batch, options.examples - start), random: &random)
    }
  }

  private func check(_ row: Evaluation.Row, _ score: Score) {
    #expect(row.examples == score.examples)
    #expect(row.exactMatch == score.exactRate && row.perSymbol == score.symbolRate)
  }

  @Test func activeSetsChangeNoResultAndTellTheirWork() throws {
    let trainer = try trained("model.attention.window=1")
    var options = EvaluationOptions(
      lengths: [5], iterations: [try LengthExpression("40")], kinds: ["training"])
    options.examples = 20
    let all = try #require(try Evaluation(of: trainer.model, on: trainer.task, options).rows.first)
    #expect(all.work == nil && all.passes == nil && all.lastActive == nil)
    options.activeSet = 0
    let exact = try #require(
      try Evaluation(of: trainer.model, on: trainer.task, options).rows.first)
    #expect(exact.exactMatch == all.exactMatch && exact.perSymbol == all.perSymbol)
    #expect(abs((exact.passes ?? 0) - 40 * (exact.work ?? 1)) < 1e-12)
    // No latent moves that far: after the first iteration there is nothing left to compute.
    options.activeSet = 1e6
    let sparse = try #require(
      try Evaluation(of: trainer.model, on: trainer.task, options).rows.first)
    #expect(sparse.passes == 1 && sparse.lastActive == 1)
    #expect(abs((sparse.work ?? 1) - 1 / 40.0) < 1e-12)
  }

  @Test func rowsAreWhatCountingGives() throws {
    let trainer = try trained()
    var options = EvaluationOptions(
      lengths: [2, 7], iterations: try ["0", "n", "n", "2n"].map(LengthExpression.init),
      kinds: ["training"])
    options.examples = 30
    options.batch = 7
    options.seed = 5
    var calls: [Int] = []
    let evaluation = try Evaluation(of: trainer.model, on: trainer.task, options) { done, total in
      #expect(total == 60)
      calls.append(done)
    }
    #expect(calls == [7, 14, 21, 28, 30, 37, 44, 51, 58, 60])
    #expect(evaluation.task == "copy" && evaluation.seed == 5)
    #expect(evaluation.rows.map(\.iterations) == [0, 2, 4, 0, 7, 14])
    #expect(evaluation.rows.map(\.asked) == ["0", "n", "2n", "0", "n", "2n"])
    #expect(evaluation.rows.map(\.length) == [2, 2, 2, 7, 7, 7])
    #expect(evaluation.rows.allSatisfy { $0.meanIterations == nil && $0.kind == "training" })
    for row in evaluation.rows {
      let score = try batches(trainer.task, options, row.length).reduce(into: Score()) {
        score, batch in
        let run = try trainer.model.run(try ModelInput(batch), iterations: row.iterations)
        score.count(classes(run.readout[row.iterations]!), in: batch)
      }
      check(row, score)
    }
    // Neither all right nor all wrong, or the count would prove little.
    #expect(evaluation.rows.contains { (0.05...0.95).contains($0.perSymbol) }, "\(evaluation.rows)")
    let again = try Workers.$current.withValue(Workers(count: 3)) {
      try Evaluation(of: trainer.model, on: trainer.task, options)
    }
    #expect(again == evaluation)
  }

  @Test func symbolsAreCountedForEachValueOfAFact() throws {
    let trainer = try trained()
    var options = EvaluationOptions(
      lengths: [5], iterations: try ["0", "n"].map(LengthExpression.init), kinds: ["training"])
    options.examples = 30
    options.batch = 7
    options.fact = "symbol"
    let rows = try Evaluation(of: trainer.model, on: trainer.task, options).rows
    for row in rows {
      var counts: [Int: (right: Int, all: Int)] = [:]
      for batch in try batches(trainer.task, options, 5) {
        let run = try trainer.model.run(try ModelInput(batch), iterations: row.iterations)
        for (answer, token) in zip(classes(run.readout[row.iterations]!), batch.tokens) {
          // Of copying, the symbol to say is the one that stands there.
          counts[Int(token), default: (0, 0)].all += 1
          counts[Int(token), default: (0, 0)].right += answer == token ? 1 : 0
        }
      }
      let parts = try #require(row.parts)
      #expect(parts.map(\.value) == counts.keys.sorted())
      for part in parts {
        let count = try #require(counts[part.value])
        #expect(part.name == trainer.task.outputs[part.value] && part.symbols == count.all)
        #expect(part.perSymbol == Double(count.right) / Double(count.all))
      }
    }
    // Before the first iteration all positions get the same answer.
    #expect(Set(rows[0].parts?.map(\.perSymbol) ?? []) == [0, 1])
    options.fact = "symbl"
    let error = #expect(throws: ConfigurationError.self) {
      try Evaluation(of: trainer.model, on: trainer.task, options)
    }
    #expect(error?.remedy == "did you mean symbol?")
    options.fact = nil
    #expect(try Evaluation(of: trainer.model, on: trainer.task, options).rows[0].parts == nil)
  }

  /// Noise follows the seed and is not the same in each batch.
  @Test func noiseFollowsTheSeed() throws {
    let trainer = try trained("model.initialLatent=noise", "model.noise=3")
    var options = EvaluationOptions(
      lengths: [5], iterations: [LengthExpression(1)], kinds: ["training"])
    options.examples = 50
    options.batch = 10
    options.seed = 5
    let row = try Evaluation(of: trainer.model, on: trainer.task, options).rows[0]
    func score(_ seed: (_ batch: Int) -> UInt64) throws -> Score {
      try batches(trainer.task, options, 5).enumerated().reduce(into: Score()) { score, batch in
        var run = RunOptions<Float>()
        run.iterations = 1
        run.seed = seed(batch.offset)
        let logits = try trainer.model.run(try ModelInput(batch.element), run).logits
        score.count(classes(try #require(logits)), in: batch.element)
      }
    }
    let root = Random(seed: 5, for: "evaluation training 5")
    check(
      row,
      try score {
        var noise = root.split(UInt64(10 * $0)).split(0)
        return noise.next()
      })
    #expect(try score { _ in 0 }.symbolRate != row.perSymbol)
  }

  /// Each symbol is appended to the question by hand, and the model asked again for the next.
  @Test func answersSymbolBySymbol() throws {
    let trainer = try trained(
      "task={kind: copy, alphabet: 4, targets: nextToken, lengths: 3}",
      "model.attention.mask=causal", "model.positionIDs=coupled", steps: 60)
    var options = EvaluationOptions(
      lengths: [3], iterations: [LengthExpression(4)], kinds: ["training"])
    options.examples = 40
    let row = try Evaluation(of: trainer.model, on: trainer.task, options).rows[0]
    var score = Score()
    for batch in try batches(trainer.task, options, 3) {
      var answers = [Int32](repeating: -1, count: batch.targets.count)
      for example in 0..<batch.examples {
        // Three symbols and `=`; what follows is not there yet.
        var tokens = Array(batch.tokens(ofExample: example).prefix(4))
        for step in 0..<3 {
          let input = try ModelInput(
            tokens: tokens, batch: 1, positions: tokens.count,
            positionIDs: Array(batch.positionIDs.prefix(tokens.count)))
          let logits = try trainer.model.run(input, iterations: 4).logits!
          let symbol = argmax(logits.elements.suffix(4))
          answers[example * batch.positions + 3 + step] = symbol
          tokens.append(symbol)
        }
      }
      score.count(answers, in: batch)
    }
    check(row, score)
    #expect(row.perSymbol > 0.3 && row.perSymbol < 1, "\(row)")
  }

  @Test func stoppingRules() throws {
    let trainer = try trained()
    var options = EvaluationOptions(
      lengths: [4], iterations: try ["2", "6"].map(LengthExpression.init), kinds: ["training"])
    options.examples = 20
    func row(_ stop: StoppingRule?) throws -> Evaluation.Row {
      options.stop = stop
      let rows = try Evaluation(of: trainer.model, on: trainer.task, options).rows
      if stop != nil { #expect(rows.count == 1) }
      return rows[rows.count - 1]
    }
    let plain = try row(nil)
    for rule in [StoppingRule.relativeStep(1e-30), .readoutChange(1e-30)] {
      // Never settled: everything runs to the end.
      let never = try row(rule)
      #expect(never.iterations == 6 && never.meanIterations == 6)
      #expect(never.exactMatch == plain.exactMatch && never.perSymbol == plain.perSymbol)
      #expect(never.examples == 20)
    }
    for rule in [StoppingRule.relativeStep(1e30), .readoutChange(2)] {
      #expect(try row(rule).meanIterations == 1)
    }
    // In between: the mean of when each example's relative step first falls under the tolerance.
    let batch = try batches(trainer.task, options, 4)[0]
    var run = RunOptions<Float>()
    run.iterations = 6
    run.record = [.sites("latent")]
    let recorded = try trainer.model.run(try ModelInput(batch), run).recorded
    let steps = (0..<20).map { example in
      (1...6).map { t in
        let (z, before) = (recorded["latent", t]![example], recorded["latent", t - 1]![example])
        return z.squaredDistance(to: before).squareRoot() / z.norm
      }
    }
    // Between two different steps: equal examples settle together, and rounding decides nothing.
    let third = steps.map { $0[2] }.sorted()
    let next = try #require(third.first { $0 > third[10] * 1.0001 })
    let tolerance = (third[10] + next) / 2
    let settled = steps.map { ($0.firstIndex { $0 < tolerance } ?? 5) + 1 }
    let found = try row(.relativeStep(tolerance)).meanIterations!
    #expect(abs(found - Double(settled.reduce(0, +)) / 20) < 1e-9, "\(found) \(settled)")
  }

  /// More classes than the task has symbols: wrong when chosen, and never written back into the input.
  @Test func classesWithoutASymbol() throws {
    let recipe = try small(
      "task={kind: copy, alphabet: 4, targets: nextToken}", "model.attention.mask=causal",
      "model.classes=50")
    let trainer = try Trainer<Float>(recipe)
    let options = EvaluationOptions(
      lengths: [5], iterations: [LengthExpression(2)], kinds: ["training"])
    let row = try Evaluation(of: trainer.model, on: trainer.task, options).rows[0]
    #expect(row.perSymbol < 0.2)
  }

  @Test func whatCannotBeEvaluated() throws {
    let trainer = try Trainer<Float>(try small())
    func evaluate(_ task: TaskConfiguration, _ length: Int, _ kind: String) throws {
      let options = EvaluationOptions(
        lengths: [length], iterations: [LengthExpression(1)], kinds: [kind])
      _ = try Evaluation(of: trainer.model, on: try task.makeTask(), options)
    }
    #expect(throws: TaskError.self) { try evaluate(trainer.recipe.task, 3, "trainin") }
    #expect(throws: TaskError.self) { try evaluate(trainer.recipe.task, 0, "training") }
    #expect(throws: TaskError.self) { try evaluate(trainer.recipe.task, 1 << 40, "training") }
    #expect(throws: ModelError.self) { try evaluate(TaskConfiguration(.addition), 3, "training") }
  }

  @Test func progressMayStop() throws {
    struct Stop: Error {}
    let trainer = try Trainer<Float>(try small())
    let options = EvaluationOptions(
      lengths: [3], iterations: [LengthExpression(1)], kinds: ["training"])
    #expect(throws: Stop.self) {
      try Evaluation(of: trainer.model, on: trainer.task, options) { _, _ in throw Stop() }
    }
  }
}

/// Counts right answers by the batch's own rule, apart from what evaluation does with logits.
private struct Score {
  var exact = 0
  var examples = 0
  var correct = 0
  var symbols = 0

  mutating func count(_ prediction: [Int32], in batch: Batch) {
    exact += batch.exact(prediction).count { $0 }
    examples += batch.examples
    for (target, answer) in zip(batch.targets, prediction) where target >= 0 {
      symbols += 1
      if target == answer { correct += 1 }
    }
  }

  var exactRate: Double { Double(exact) / Double(examples) }
  var symbolRate: Double { Double(correct) / Double(symbols) }
}
