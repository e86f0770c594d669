import Asura
import Testing

/// The code of the article on flows.
@Suite struct FlowExamples {
  @Test func refiningAndMeasuring() throws {
    let model = RecurrentTransformer<Double>(
      try ModelConfiguration(
        vocabulary: 10, classes: 10, width: 16, iterations: 20,
        attention: AttentionConfiguration(heads: 2), mlp: MLPConfiguration(width: 32)), seed: 1)
    let input = try ModelInput(tokens: [3, 1, 4, 1, 5, 9, 2, 6], batch: 2, positions: 4)

    let map = try LatentMap(model, input)
    let start = Tensor<Double>.zeros([map.count, map.dimension])
    let refinement = try Refinement(from: start, iterations: 8, factors: [1, 2, 4, 8]) { _ in map }
    let first = refinement.systems[0]
    print("order \(first.order) ± \(first.orderError)")
    print("at most \(100 * first.deviation)% of the path away from the flow")

    var recorder = PathRecorder()
    var states = start
    recorder.append(states)
    for _ in 1...20 {
      states = try map(states)
      recorder.append(states)
    }
    let path = recorder.paths[0]
    print("length \(path.length), straightness \(path.straightness), turning \(path.meanCosine)")
    let decay = StepDecay(path)?.law  // geometric, power, constant or undecided

    #expect(refinement.systems.count == 2 && abs(first.order - 1) < 0.3)
    // An untrained model jumps most of its way in the first iteration.
    #expect(first.deviation > FlowVerdict.nearness && decay == .geometric)
    #expect(path.length >= path.displacement && (0...1).contains(path.straightness))
  }
}
