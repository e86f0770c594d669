import AsuraModel
import AsuraTasks
import AsuraTensor
import AsuraTraining
import Foundation
import Testing

/// Same seed, same bits: for any number of threads, recomputing or not, interrupted or not.
@Suite struct DeterminismTests {
  /// Everything in a run that could depend on what came before.
  static let variants: [[String]] = [
    [],
    ["training.averageDecay=0.9"],
    ["optimizer.warmup=5", "optimizer.finalFraction=0.1", "optimizer.clip=0.5"],
    ["depth={progressive: {maximum: n+1, alpha: 0.5}}"],
    [
      "depth=[{graded: n...n+2}, {weight: 2, free: 0...n, permute: true, graded: 1...3}]",
      "loss={kind: last, iterations: 2, fixedPointPenalty: 0.1, labelSmoothing: 0.1}",
    ],
    ["model.initialLatent=noise", "depth=[{free: 1...3, permute: true, graded: 2}]"],
    ["model.shared=false", "depth=1...4", "loss.kind=every", "training.averageDecay=0.5"],
    [
      "depth=[{free: 0...3, pooled: true, damage: 0.2, noise: 0.3, graded: 2}, {graded: 3}]",
      "training.pool=70", "training.curriculum={from: 3, steps: 5}",
    ],
    ["depth={equilibrium: {tolerance: 1.0e-3, maximum: 20}}", "model.norm.placement=post"],
    [
      "model.recall=gated", "model.copyGate={width: 6}",
      "model.neuromodulation={width: 5, reads: both}", "depth=d+1...d+3",
    ],
    ["model.recall=cross", "model.attention.window=2"],
    ["task={kind: copy, alphabet: 4, targets: nextToken}", "model.attention.mask=causal"],
  ]

  @Test(arguments: variants)
  func anyNumberOfWorkers(overrides: [String]) throws {
    // More parts than lanes, so that lanes take several.
    let recipe = try small(overrides + ["training.batch=600"])
    func weights(_ workers: Int) throws -> [Tensor<Float>] {
      try Workers.$current.withValue(Workers(count: workers)) {
        var trainer = try Trainer<Float>(recipe)
        _ = try trainer.train(2)
        return trainer.model.parameters + trainer.result.parameters
      }
    }
    let one = try weights(1)
    for workers in [2, 5] { #expect(isIdentical(try weights(workers), one), "\(workers) workers") }
  }

  @Test(arguments: variants)
  func recomputingChangesNoBit(overrides: [String]) throws {
    func weights(_ recompute: Bool) throws -> [Tensor<Float>] {
      var trainer = try Trainer<Float>(try small(overrides + ["training.recompute=\(recompute)"]))
      _ = try trainer.train(3)
      return trainer.model.parameters
    }
    #expect(isIdentical(try weights(true), try weights(false)))
  }

  @Test(arguments: variants)
  func resumedRunsEndWithTheSameBits(overrides: [String]) throws {
    let recipe = try small(overrides)
    var whole = try Trainer<Float>(recipe)
    let reports = try whole.train(8)
    #expect(whole.isDone)
    for stop in [0, 3, 8] {
      try withFolder { url in
        let folder = RunFolder(url.appending(path: "run"))
        try folder.create(recipe, overwriting: false)
        var first = try Trainer<Float>(recipe)
        _ = try first.train(stop)
        try folder.save(first)
        var second = try folder.resume(Float.self)
        #expect(second.recipe == recipe)
        #expect(second.step == stop)
        let rest = try second.train(8 - stop)
        #expect(rest.map(\.loss) == reports[stop...].map(\.loss))
        #expect(isIdentical(second.model.parameters, whole.model.parameters))
        #expect(isIdentical(second.result.parameters, whole.result.parameters))
      }
    }
  }

  @Test func anotherSeedIsAnotherRun() throws {
    func end(_ seed: Int) throws -> [Tensor<Float>] {
      var trainer = try Trainer<Float>(try small("seed=\(seed)"))
      _ = try trainer.train(1)
      return trainer.model.parameters
    }
    #expect(isIdentical(try end(1), try end(1)))
    #expect(!isIdentical(try end(1), try end(2)))
  }

  @Test func aCheckpointOfAnotherRunIsRefused() throws {
    try withFolder { url in
      let folder = RunFolder(url)
      var trainer = try Trainer<Float>(try small())
      _ = try trainer.train(1)
      for other in [
        "seed=4", "model.width=8", "model.shared=false", "training.averageDecay=0.5",
        "model.outerNorm=true",
      ] {
        try folder.create(try small(other), overwriting: true)
        try folder.save(trainer)
        let error = #expect(throws: (any Error).self, "\(other)") {
          try folder.resume(Float.self)
        }
        #expect("\(error.map { "\($0)" } ?? "")".contains("checkpoint.safetensors"), "\(other)")
      }
      // Neither is one that was cut short, nor another file.
      try folder.create(try small(), overwriting: true)
      let whole = try {
        try folder.save(trainer)
        return try Data(contentsOf: folder.checkpoint)
      }()
      for bytes in [Data(), whole.prefix(7), whole.prefix(whole.count / 2), whole.dropLast(1)] {
        try bytes.write(to: folder.checkpoint)
        #expect(throws: ModelError.self) { try folder.resume(Float.self) }
      }
      try trainer.model.safetensors().write(to: folder.checkpoint)
      #expect(throws: TrainingError.self) { try folder.resume(Float.self) }
    }
  }
}
