import AsuraModel
import AsuraTasks
import AsuraTensor
import AsuraTraining
import Foundation
import Testing

/// Small models learn small tasks within seconds.
@Suite struct LearningTests {
  private func evaluation(
    _ recipe: Recipe, lengths: [Int], iterations: [LengthExpression]
  ) throws -> [Evaluation.Row] {
    var trainer = try Trainer<Float>(recipe)
    while !trainer.isDone { _ = try trainer.update() }
    let options = EvaluationOptions(lengths: lengths, iterations: iterations, kinds: ["training"])
    return try Evaluation(of: trainer.result, on: trainer.task, options).rows
  }

  @Test func copyIsLearntWhole() throws {
    let recipe = try small(
      "training={steps: 80, batch: 32}", "optimizer={learningRate: 1e-2, warmup: 10}")
    let rows = try evaluation(recipe, lengths: [5, 12], iterations: [LengthExpression(4)])
    #expect(rows.map(\.exactMatch) == [1, 1], "\(rows)")
  }

  /// The answer is written symbol by symbol, each read back in.
  @Test func copyIsLearntSymbolBySymbol() throws {
    let recipe = try small(
      "task={kind: copy, alphabet: 4, targets: nextToken, lengths: 2...4}",
      "model={width: 32, iterations: 2, positionIDs: coupled, attention: {heads: 4, positions: relative, mask: causal}, mlp: {width: 64}}",
      "depth=2", "training={steps: 250, batch: 64}",
      "optimizer={learningRate: 5e-3, warmup: 20, clip: 1, finalFraction: 0.1}")
    let rows = try evaluation(recipe, lengths: [3, 4], iterations: [LengthExpression(2)])
    #expect(rows.allSatisfy { $0.exactMatch > 0.95 }, "\(rows)")
  }

  @Test func unsharedModelsStayWithinTheirWeights() throws {
    let recipe = try small("model.shared=false", "model.iterations=3", "depth=3")
    var trainer = try Trainer<Float>(recipe)
    _ = try trainer.update()
    for depth in [
      "4", "n", "1...4", "[{graded: 1}, {free: 2, graded: 2}]", "{progressive: {maximum: 4}}",
    ] {
      let error = #expect(throws: ModelError.self, "\(depth)") {
        try Trainer<Float>(
          try small("model.shared=false", "model.iterations=3", "depth=\(depth)"))
      }
      #expect(error?.message.contains("unshared weights for 3") == true)
    }
    let options = EvaluationOptions(
      lengths: [3], iterations: [LengthExpression(4)], kinds: ["training"])
    #expect(throws: ModelError.self) {
      try Evaluation(of: trainer.model, on: trainer.task, options)
    }
  }

  @Test func whatCannotWorkIsSaidBeforeTheFirstStep() throws {
    for (overrides, expected) in [
      (["model.embedding={positions: learned, maximumPositions: 4}"], "beyond the 4 learned"),
      (["task={kind: copy, alphabet: 4, targets: nextToken}"], "mask is full"),
      (["model.width=16384", "model.mlp.width=65536", "model.prelude=4"], "GB of memory"),
      (["depth=9999999", "task.lengths=100000"], "GB of memory"),
      (["depth=9999999n", "training.recompute=true", "task.lengths=1000"], "GB of memory"),
      (["task.lengths=1000000"], "attention over 1000000 positions"),
      (["training.batch=1048576", "task.lengths=1000"], "examples"),
    ] {
      let recipe = try small(overrides)
      let error = #expect(throws: (any Error).self, "\(overrides)") {
        var trainer = try Trainer<Float>(recipe)
        _ = try trainer.update()
      }
      #expect(error.map { "\($0)" }?.contains(expected) == true, "\(String(describing: error))")
    }
  }

  /// Weights so large that logits overflow: the step stops, names itself and leaves the model as it was.
  @Test func aLossThatIsNotFiniteStops() throws {
    try withFolder { url in
      let folder = RunFolder(url)
      let recipe = try small()
      try folder.create(recipe, overwriting: false)
      var trainer = try Trainer<Float>(recipe)
      _ = try trainer.train(2)
      try folder.save(trainer)
      let file = try Safetensors(contentsOf: folder.checkpoint)
      let poisoned = try Safetensors.encode(
        file.entries.keys.sorted().map { name in
          let tensor: Tensor<Float> = try file.tensor(name)
          return (
            name, name == "model.head.weight" ? Tensor(tensor.shape, repeating: 3e38) : tensor
          )
        }, metadata: file.metadata)
      try poisoned.write(to: folder.checkpoint)
      var resumed = try folder.resume(Float.self)
      let before = resumed.model.parameters
      let error = #expect(throws: TrainingError.self) { try resumed.update() }
      guard case .notFinite(let step, let loss, _, let seed)? = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(step == 3 && seed == 3 && !loss.isFinite)
      #expect("\(error!)".contains("step 3") && "\(error!)".contains("seed 3"))
      #expect(resumed.step == 2 && isIdentical(resumed.model.parameters, before))
    }
  }

  /// Decay that makes the largest number infinite: what is on the disk stays.
  @Test func stateThatIsNotFiniteIsNotSaved() throws {
    try withFolder { url in
      let folder = RunFolder(url)
      let recipe = try small("optimizer={learningRate: 1000, weightDecay: 1000}")
      try folder.create(recipe, overwriting: false)
      try folder.save(try Trainer<Float>(recipe))
      let file = try Safetensors(contentsOf: folder.checkpoint)
      // A bias that all classes share changes no probability, however large.
      let extreme = try Safetensors.encode(
        file.entries.keys.sorted().map { name in
          let tensor: Tensor<Float> = try file.tensor(name)
          return (name, name == "model.head.bias" ? Tensor(tensor.shape, repeating: 3e38) : tensor)
        }, metadata: file.metadata)
      try extreme.write(to: folder.checkpoint)
      var trainer = try folder.resume(Float.self)
      #expect(try trainer.update().loss.isFinite)
      for save in [folder.save, folder.saveResult] as [(Trainer<Float>) throws -> Void] {
        let error = #expect(throws: TrainingError.self) { try save(trainer) }
        #expect(error.map { "\($0)" }?.hasPrefix("model.head.bias holds") == true)
      }
      #expect(try Data(contentsOf: folder.checkpoint) == extreme)
      #expect(!FileManager.default.fileExists(atPath: folder.model.path))
    }
  }

  /// What cannot be written is found out while the old run is whole.
  @Test func aRunIsNotRemovedBeforeTheNewOneIsWritten() throws {
    try withFolder { url in
      let folder = RunFolder(url)
      let recipe = try small()
      try folder.create(recipe, overwriting: false)
      try folder.save(try Trainer<Float>(recipe))
      let before = try Data(contentsOf: folder.checkpoint)
      // A folder where the new recipe would be put first.
      let obstacle = url.appending(path: "recipe.yaml.partial/x")
      try FileManager.default.createDirectory(at: obstacle, withIntermediateDirectories: true)
      #expect(throws: TrainingError.self) {
        try folder.create(try small("seed=9"), overwriting: true)
      }
      #expect(try Data(contentsOf: folder.checkpoint) == before)
      #expect(try folder.load(Float.self).recipe == recipe)
    }
  }
}
