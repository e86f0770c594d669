import AsuraModel
import AsuraTasks
import AsuraTensor
import AsuraTraining
import Testing

/// Copying, where a batch's difficulty is 1 more than its first symbol.
private struct VaryingTask: LearningTask {
  let base: CopyTask
  var name: String { "varying" }
  var summary: String { base.summary }
  var vocabulary: [String] { base.vocabulary }
  var outputs: [String] { base.outputs }
  var outputSymbols: [Int32] { base.outputSymbols }
  var channels: Int { base.channels }
  var lengths: ClosedRange<Int> { base.lengths }
  var kinds: [ExampleKind] { base.kinds }
  var pairKinds: [ExampleKind] { base.pairKinds }

  func layout(length: Int) throws -> Layout { try base.layout(length: length) }
  func makeBatch(
    length: Int, examples: Int, kind: ExampleKind, random: inout Random
  ) throws -> Batch {
    try varying(base.makeBatch(length: length, examples: examples, kind: kind, random: &random))
  }
  func makeBatch(reading texts: [String], length: Int?) throws -> Batch {
    try varying(base.makeBatch(reading: texts, length: length))
  }
  private func varying(_ batch: Batch) -> Batch {
    Batch(
      examples: batch.examples, layout: batch.layout, tokens: batch.tokens, targets: batch.targets,
      facts: batch.facts, length: batch.length, difficulty: Int(batch.tokens[0]) + 1)
  }
  func makePairs(
    length: Int, count: Int, kind: ExampleKind?, random: inout Random
  ) throws -> ExamplePairs {
    try base.makePairs(length: length, count: count, kind: kind, random: &random)
  }
  func question(_ batch: Batch, example: Int) -> String { base.question(batch, example: example) }
  func answer(_ classes: some Collection<Int32>, in batch: Batch) -> String {
    base.answer(classes, in: batch)
  }
  func render(_ batch: Batch, example: Int, prediction: [Int32]?) -> String {
    base.render(batch, example: example, prediction: prediction)
  }
}

@Suite struct DifficultyTests {
  /// Each batch gets the iterations that its own difficulty asks for.
  @Test(arguments: [TargetMode.parallel, .nextToken])
  func evaluationFollowsEachBatch(mode: TargetMode) throws {
    let task = VaryingTask(
      base: try CopyTask(CopyOptions(alphabet: 4, targets: mode, lengths: 2...5)))
    let recipe = try small("task.targets=\(mode.rawValue)", "model.attention.mask=causal")
    let model = RecurrentTransformer<Float>(recipe.model, seed: 9)
    var options = EvaluationOptions(
      lengths: [3], iterations: try ["2d", "1", "n"].map(LengthExpression.init),
      kinds: ["training"])
    (options.examples, options.batch, options.seed) = (30, 4, 5)
    let rows = try Evaluation(of: model, on: task, options).rows
    #expect(rows.map(\.asked) == ["2d", "1", "n"])

    // The same batches one by one, each with a fixed number.
    let root = Random(seed: 5, for: "evaluation training 3")
    var (right, counts) = (0.0, [Int]())
    for start in stride(from: 0, to: 30, by: 4) {
      var random = root.split(UInt64(start))
      let examples = min(4, 30 - start)
      let batch = try task.makeBatch(
        length: 3, examples: examples, kind: .training, random: &random)
      let expected = 2 * (Int(batch.tokens[0]) + 1)
      counts += Array(repeating: expected, count: examples)
      guard mode == .parallel else { continue }
      let logits = try model.run(try ModelInput(batch), iterations: expected).logits!
      for row in 0..<batch.targets.count {
        let scores = logits.elements[row * 4..<(row + 1) * 4]
        let best = scores.indices.max { scores[$0] < scores[$1] }!
        if best - scores.startIndex == Int(batch.targets[row]) { right += 1 }
      }
    }
    #expect(Set(counts).count > 1)
    #expect(rows[0].iterations == counts.max())
    #expect(rows[0].meanIterations == Double(counts.reduce(0, +)) / 30)
    #expect(rows[1].iterations == 1 && rows[1].meanIterations == nil)
    #expect(rows[2].iterations == 3 && rows[2].meanIterations == nil)
    if mode == .parallel { #expect(rows[0].perSymbol == right / 90 && right > 0 && right < 90) }

    // A stopping rule that never stops: the largest that any batch is allowed.
    options.stop = .relativeStep(1e-30)
    let stopped = try Evaluation(of: model, on: task, options).rows
    #expect(stopped.map(\.asked) == ["2d,1,n"] && stopped[0].iterations == counts.max())
    let allowed = counts.map { Double(max($0, 3)) }.reduce(0, +) / 30
    #expect(abs(stopped[0].meanIterations! - allowed) < 1e-12)
  }

  /// In addition a carry may have to cross all digits.
  @Test func trainingFollowsEachBatch() throws {
    var trainer = try Trainer<Float>(
      try small(
        "task={kind: addition, lengths: 1...6}", "depth=2d", "training.batch=4",
        "training.steps=12"))
    let reports = try trainer.train(12)
    #expect(reports.allSatisfy { $0.iterations == 2 * $0.length })
    #expect(Set(reports.map(\.length)).count > 2)
  }

  @Test func nothingToEvaluateIsAnError() throws {
    let trainer = try Trainer<Float>(try small())
    #expect(throws: ModelError.self) {
      try Evaluation(
        of: trainer.model, on: trainer.task,
        EvaluationOptions(lengths: [3], iterations: [], kinds: ["training"]))
    }
  }
}
