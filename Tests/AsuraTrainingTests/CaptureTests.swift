import AsuraModel
import AsuraTasks
import AsuraTensor
import AsuraTrace
import AsuraTraining
import Foundation
import Synchronization
import Testing

@Suite struct CaptureTests {
  private func capture(_ overrides: String..., iterations: Int = 3) throws -> TraceCapture<Float> {
    try capture(overrides, iterations: iterations)
  }

  private func capture(_ overrides: [String], iterations: Int = 3) throws -> TraceCapture<Float> {
    let trainer = try Trainer<Float>(try small(overrides))
    var random = Random(seed: 4)
    // More rows than one part of a run holds.
    let batch = try trainer.task.makeBatch(length: 5, examples: 60, random: &random)
    return try TraceCapture(trainer.model, on: batch, of: trainer.task, iterations: iterations)
  }

  /// Every site of the model, bit for bit what a run of the library records.
  @Test(arguments: [
    [], ["model.recall=gated", "model.copyGate={width: 4}"],
    ["model.recall=cross", "model.neuromodulation={width: 4}", "model.attention.window=1"],
  ])
  func valuesAreThoseOfARun(gates: [String]) throws {
    try withFolder { folder in
      let url = folder.appending(path: "a.h5")
      var capture = try capture(["model.prelude=1", "model.coda=1", "model.core=2"] + gates)
      capture.record = [.sites("*")]
      let seen = Mutex<[Int]>([])
      try capture.write(to: url, progress: { iteration in seen.withLock { $0.append(iteration) } })
      #expect(seen.withLock { $0 } == [0, 1, 2, 3])
      let reader = try TraceReader(url)
      #expect(reader.status == .complete && reader.lastIteration == 3)
      #expect(reader.sites.count == capture.model.siteList.count)

      var options = RunOptions<Float>()
      options.iterations = 3
      options.readout = .iterations(.all)
      options.record = [.sites("*")]
      let run = try capture.model.run(capture.subject.input, options)
      var compared = 0
      for site in reader.sites {
        for iteration in site.iterations {
          let stored: Tensor<Float> = try reader.values(site.name, iteration: iteration)
          let expected = try #require(run.recorded[site.name, iteration], "\(site.name)")
          #expect(stored.isIdentical(to: expected), "\(site.name) at \(iteration)")
          compared += 1
        }
      }
      #expect(compared > 3 * 20)
      #expect(try reader.site("latent").iterations == [0, 1, 2, 3])
      #expect(try reader.site("core.1.attn.pattern").iterations == [1, 2, 3])

      // The model, whole.
      let configuration = try ModelConfiguration(
        json: Data(try reader.configuration().utf8), source: "trace")
      #expect(configuration == capture.model.configuration)
      #expect(try Set(reader.weightNames()) == Set(capture.model.parameterNames))
      for (name, tensor) in capture.model.namedParameters {
        guard case .float32(let stored) = try reader.weight(name) else {
          Issue.record("\(name) is no float32")
          continue
        }
        #expect(stored.isIdentical(to: tensor))
      }
      #expect(try reader.input().tokens?.elements == capture.subject.input.tokens)
      #expect(try reader.input() == capture.subject.description)
    }
  }

  @Test func onlyTheIterationsAskedFor() throws {
    try withFolder { folder in
      var capture = try capture(iterations: 6)
      capture.record = [
        .sites("latent", "core.*.attn.pattern", "logits", iterations: .only([0, 3, 6]))
      ]
      capture.includesWeights = false
      let url = folder.appending(path: "a.h5")
      try capture.write(to: url)
      let reader = try TraceReader(url)
      #expect(try reader.site("latent").iterations == [0, 3, 6])
      #expect(try reader.site("core.0.attn.pattern").iterations == [3, 6])
      #expect(try reader.weightNames().isEmpty)
    }
  }

  /// What cannot be run leaves no file, and one that was there as it was.
  @Test func nothingIsLeftOfACaptureThatCannotRun() throws {
    try withFolder { folder in
      let url = folder.appending(path: "a.h5")
      let old = Data("precious".utf8)
      try old.write(to: url)
      func refuses(_ capture: TraceCapture<Float>, _ comment: String) throws {
        #expect(throws: (any Error).self, "\(comment)") {
          try capture.write(to: url, overwriting: true)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.h5"])
        #expect(try Data(contentsOf: url) == old, "\(comment)")
      }
      var nothing = try capture()
      nothing.record = [.sites("core.*.atn.pattern")]
      try refuses(nothing, "a pattern that matches nothing")
      nothing.record = [.sites([])]
      try refuses(nothing, "no sites")
      nothing = try capture()
      nothing.record = [.sites("latent", "core.*.attn.pattern", iterations: 0)]
      try refuses(nothing, "no pattern at iteration 0")
      try refuses(
        try capture("model.shared=false", "depth=2", iterations: 9), "unshared weights")
      let trainer = try Trainer<Float>(
        try small("model.embedding={positions: learned, maximumPositions: 5}"))
      var random = Random(seed: 1)
      let long = try trainer.task.makeBatch(length: 6, examples: 2, random: &random)
      try refuses(
        try TraceCapture(trainer.model, on: long, of: trainer.task, iterations: 1),
        "beyond learned positions")
      let other = try TaskConfiguration(.addition).makeTask()
      let sums = try other.makeBatch(length: 2, examples: 2, random: &random)
      try refuses(
        try TraceCapture(trainer.model, on: sums, of: other, iterations: 1), "another task")
      let exists = try capture()
      #expect(throws: TraceError.self) { try exists.write(to: url) }
      #expect(try Data(contentsOf: url) == old)
    }
  }

  @Test func stoppedOnTheWayItIsValidAndIncomplete() throws {
    struct Stop: Error {}
    try withFolder { folder in
      let url = folder.appending(path: "a.h5")
      #expect(throws: Stop.self) {
        try capture(iterations: 9).write(to: url, progress: { if $0 == 2 { throw Stop() } })
      }
      let reader = try TraceReader(url)
      #expect(reader.status == .incomplete && reader.lastIteration == 2)
      let latent: Tensor<Float> = try reader.latent(iteration: 2)
      #expect(latent.isFinite)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a.h5"])
    }
  }
}
