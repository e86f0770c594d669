import AsuraModel
import AsuraTensor
import AsuraTrace
import AsuraTraining
import Foundation
import Testing

@Suite struct TrainingTraceTests {
  private func follow(
    _ trainer: inout Trainer<Float>, in folder: RunFolder, _ tracing: TrainingTraces,
    until last: Int
  ) throws {
    try folder.trace(trainer, tracing, program: "test", commandLine: "test")
    while trainer.step < last {
      _ = try trainer.update()
      try folder.trace(trainer, tracing, program: "test", commandLine: "test")
    }
  }

  @Test func examplesAreFollowedThroughTraining() throws {
    try withFolder { url in
      let recipe = try small("training.steps=8")
      let tracing = try TrainingTraces(every: 3, iterations: 5, examples: 4, of: recipe)
      let folder = RunFolder(url)
      try folder.create(recipe, tracing: tracing, overwriting: true)
      #expect(try folder.readTracing() == tracing)
      var followed = try Trainer<Float>(recipe)
      try follow(&followed, in: folder, tracing, until: 8)

      // Training has the same bits as without.
      var plain = try Trainer<Float>(recipe)
      _ = try plain.train(8)
      #expect(isIdentical(plain.model.parameters, followed.model.parameters))

      let names = try FileManager.default.contentsOfDirectory(atPath: folder.traces.path).sorted()
      #expect(names == [0, 3, 6, 8].map { "step-00000\($0).h5" })
      let linked = try LinkedTraces(folder.linkedTraces)
      #expect(linked.axis == "step" && linked.coordinates == [0, 3, 6, 8])

      // Each is of the same examples, with the weights of its step.
      var again = try Trainer<Float>(recipe)
      let input = try linked.open(0).input()
      for (index, step) in linked.coordinates.enumerated() {
        _ = try again.train(step - again.step)
        let reader = try linked.open(index)
        #expect(reader.status == .complete)
        #expect(try reader.input() == input)
        #expect(try reader.weightsHash() == again.model.weightsHash)
        let tokens = try #require(input.tokens)
        var options = RunOptions<Float>()
        options.iterations = 5
        let latent = try again.model.run(
          try ModelInput(
            tokens: tokens.elements, batch: 4, positions: 5,
            positionIDs: try again.task.layout(length: 5).positionIDs), options
        ).latent
        let stored: Tensor<Float> = try reader.latent(iteration: 5)
        #expect(stored.isIdentical(to: latent), "step \(step)")
      }
    }
  }

  @Test func aResumedRunGoesOnWithItsTraces() throws {
    try withFolder { url in
      let recipe = try small("training.steps=8")
      let tracing = try TrainingTraces(every: 2, sites: ["latent"], examples: 2, of: recipe)
      let (whole, cut) = (
        RunFolder(url.appending(path: "whole")), RunFolder(url.appending(path: "cut"))
      )
      var trainer = try Trainer<Float>(recipe)
      try whole.create(recipe, tracing: tracing, overwriting: true)
      try follow(&trainer, in: whole, tracing, until: 8)

      // Saved at 3, killed after the trace at 4, which is then made again.
      trainer = try Trainer<Float>(recipe)
      try cut.create(recipe, tracing: tracing, overwriting: true)
      try follow(&trainer, in: cut, tracing, until: 3)
      try cut.save(trainer)
      try follow(&trainer, in: cut, tracing, until: 4)
      trainer = try cut.resume()
      let read = try #require(try cut.readTracing())
      try follow(&trainer, in: cut, read, until: 8)

      let (a, b) = (try LinkedTraces(whole.linkedTraces), try LinkedTraces(cut.linkedTraces))
      #expect(a.coordinates == [0, 2, 4, 6, 8] && b.coordinates == a.coordinates)
      for index in a.coordinates.indices {
        let (x, y): (Tensor<Float>, Tensor<Float>) = (
          try a.open(index).latent(iteration: 4), try b.open(index).latent(iteration: 4)
        )
        #expect(x.isIdentical(to: y))
      }
      // A run that overwrites another takes its traces away.
      try cut.create(recipe, overwriting: true)
      #expect(try cut.readTracing() == nil)
      #expect(!FileManager.default.fileExists(atPath: cut.traces.path))
      #expect(!FileManager.default.fileExists(atPath: cut.linkedTraces.path))
    }
  }

  @Test func whatCannotBeTracedIsSaidBefore() throws {
    let recipe = try small()
    let trainer = try Trainer<Float>(recipe)
    #expect(throws: (any Error).self) { try TrainingTraces(every: 0, of: recipe) }
    #expect(throws: (any Error).self) { try TrainingTraces(every: 1, examples: 0, of: recipe) }
    let wrong = try TrainingTraces(every: 1, sites: ["latnet"], of: recipe)
    #expect {
      try wrong.check(trainer)
    } throws: { "\($0)".contains("Did you mean latent?") }
    try withFolder { url in
      let folder = RunFolder(url)
      for text in [
        "{", "{\"every\": 1}", "{\"every\":0,\"sites\":[],\"iterations\":1,\"examples\":1}",
      ] {
        try Data(text.utf8).write(to: folder.tracing)
        #expect {
          try folder.readTracing()
        } throws: { "\($0)".contains("traces.json") }
      }
    }
  }
}
