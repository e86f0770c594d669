import Asura
import Foundation
import Testing

/// The code of the article on fixed points.
@Suite struct FixedPointExamples {
  private let model: RecurrentTransformer<Float>
  private let task = try! AdditionTask()

  init() throws {
    model = RecurrentTransformer<Float>(
      try ModelConfiguration(
        vocabulary: task.vocabulary.count, channels: task.channels, classes: task.outputs.count,
        width: 8, iterations: 12, attention: AttentionConfiguration(heads: 2, positions: .alibi),
        mlp: MLPConfiguration(width: 16)), seed: 1)
  }

  @Test func searchFromManyStarts() throws {
    let model = model.converted(to: Double.self)
    var random = Random(seed: 1)
    let input = try ModelInput(task.makeBatch(length: 2, examples: 1, random: &random))

    // The step map of one input, from many states at once.
    let map = try LatentMap(model, input.selecting(Array(repeating: 0, count: 16)))
    let starts = Tensor<Double>.normal([16, map.dimension], using: &random)
    let searches = try FixedPointSearch(NewtonKrylov()).run(map, from: starts)
    for case let found? in searches where found.end.isConverged {
      print(found.q, found.iterations, found.counts.jvps)
    }

    #expect(searches.contains { $0?.end.isConverged == true })
  }

  @Test func theWholeOfTheCommand() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "addition.h5")
      var random = Random(seed: 7, for: "examples")
      let batch = try task.makeBatch(length: 2, examples: 2, random: &random)
      try TraceCapture(model, on: batch, of: task, iterations: 12).write(to: url)
      let run = try TracedRun(TraceReader(url))

      var probe = FixedPointProbe()
      probe.solver = AndersonMixing()
      let findings = try probe.run(on: run, iterations: run.latentIterations, examples: [0])
      print(findings.reading.joined(separator: "\n"))

      #expect(findings.isComplete && findings.verdicts.count == 2)
      #expect(findings.overthinking?.exactMatch.count == 120)
    }
  }
}
