import AsuraModel
import AsuraTensor
import AsuraTestSupport
import Foundation
import Testing

@Suite struct DynamicComputeTests {
  /// Iterates towards a fixed point, at a pace of its own for each example.
  private func settlingModel() throws -> RecurrentTransformer<Double> {
    try smallModel {
      $0.norm.placement = .post
      $0.update = Update(kind: .euler, step: 0.3)
    }
  }

  /// The first of `count` iterations at which each example's measure is under the tolerance.
  private func first(_ measures: [[Double]], under tolerance: Double, _ count: Int) -> [Int?] {
    (0..<measures[0].count).map { example in
      measures.prefix(count).firstIndex { $0[example] < tolerance }.map { $0 + 1 }
    }
  }

  private struct Straight {
    let run: Run<Double>
    var steps: [[Double]] = []
    var changes: [[Double]] = []

    init(_ model: RecurrentTransformer<Double>, _ input: ModelInput, _ count: Int) throws {
      var options = RunOptions<Double>()
      options.iterations = count
      options.readout = .iterations(.all)
      options.record = [.sites("latent")]
      run = try model.run(input, options)
      for t in 1...count {
        let (z, before) = (run.recorded[.latent, t]!, run.recorded[.latent, t - 1]!)
        let (p, q) = (Self.probabilities(run.readout[t]!), Self.probabilities(run.readout[t - 1]!))
        steps.append((0..<input.batch).map { (z[$0] - before[$0]).norm / z[$0].norm })
        let size = p.count / input.batch
        changes.append(
          (0..<input.batch).map { b in
            (b * size..<(b + 1) * size).map { abs(p[$0] - q[$0]) }.max() ?? 0
          })
      }
    }

    static func probabilities(_ logits: Tensor<Double>) -> [Double] {
      let classes = logits.rowLength
      return logits.reshaped([logits.rowCount, classes]).elements.enumerated().map { i, x in
        let row = i / classes * classes
        return exp(x) / (row..<row + classes).reduce(0) { $0 + exp(logits.elements[$1]) }
      }
    }
  }

  private func check(
    _ rule: StoppingRule, _ expected: [Int?], _ straight: Straight,
    _ model: RecurrentTransformer<Double>, _ input: ModelInput, count: Int
  ) throws {
    #expect(Set(expected).count > 2, "the examples settle at several times")
    var options = RunOptions<Double>()
    options.iterations = count
    options.stop = rule
    let run = try model.run(input, options)
    #expect(run.settled == expected)
    #expect(run.iterations == (expected.contains(nil) ? count : expected.compactMap(\.self).max()))
    for (example, t) in expected.enumerated() {
      let t = t ?? run.iterations
      #expect(
        run.latent[example].isIdentical(to: straight.run.recorded[.latent, t]![example]),
        "example \(example)")
      #expect(
        run.logits![example].isIdentical(to: straight.run.readout[t]![example]),
        "example \(example)")
    }
  }

  @Test func relativeStep() throws {
    let (model, input) = (try settlingModel(), try tokens(batch: 20, positions: 30))
    let straight = try Straight(model, input, 30)
    // Between the fastest and the slowest, so that some settle soon and some not at all.
    let last = straight.steps[20].sorted()
    for tolerance in [last[10] * 1.0001, straight.steps[29].max()! * 1.5] {
      let count = tolerance == last[10] * 1.0001 ? 21 : 30
      try check(
        .relativeStep(tolerance), first(straight.steps, under: tolerance, count), straight, model,
        input, count: count)
    }
  }

  @Test func readoutChange() throws {
    let (model, input) = (try settlingModel(), try tokens(batch: 20, positions: 30))
    let straight = try Straight(model, input, 30)
    let tolerance = straight.changes[29].max()! * 1.5
    try check(
      .readoutChange(tolerance), first(straight.changes, under: tolerance, 30), straight, model,
      input,
      count: 30)
  }

  @Test func settledReadoutsAreThoseOfTheEditedRun() throws {
    let (model, input) = (try settlingModel(), try tokens(batch: 4, positions: 5))
    let more = Tensor<Double>([4, 5, 5], repeating: 3)
    for rule in [StoppingRule.relativeStep(0.05), .readoutChange(1e-2)] {
      var options = RunOptions<Double>()
      options.iterations = 60
      options.stop = rule
      let plain = try model.run(input, options)
      #expect(!plain.settled.contains(nil))
      options.edits = [.add("logits", more)]
      let edited = try model.run(input, options)
      #expect(edited.settled == plain.settled)
      #expect(edited.logits!.isIdentical(to: plain.logits! + more))
    }
  }

  @Test func aStoppingRuleWithoutReadout() throws {
    var options = RunOptions<Double>()
    options.readout = .none
    options.iterations = 60
    options.stop = .relativeStep(0.05)
    let run = try settlingModel().run(try tokens(batch: 3, positions: 5), options)
    #expect(run.readout.isEmpty && run.logits == nil)
    #expect(!run.settled.contains(nil) && run.iterations < 60)
  }

  @Test func goingOnEqualsAStraightRun() throws {
    try withEvery("shared", in: [true, false]) { shared in
      let model: RecurrentTransformer<Float> = try smallModel {
        $0.shared = shared
        $0.iterations = 8
        $0.update = Update(kind: .euler, step: 0.4)
      }
      let input = try severalParts()
      var options = RunOptions<Float>()
      options.record = [.sites("latent", "core.0.attn.pattern")]
      options.iterations = 8
      let straight = try model.run(input, options)
      options.iterations = 3
      let half = try model.run(input, options)
      #expect(half.iterations == 3)
      options.start = (half.latent, half.iterations)
      options.iterations = 5
      let rest = try model.run(input, options)
      #expect(rest.iterations == 8)
      #expect(rest.latent.isIdentical(to: straight.latent), "\(currentCase)")
      #expect(rest.logits!.isIdentical(to: straight.logits!), "\(currentCase)")
      for t in 4...8 {
        #expect(rest.recorded[.latent, t]!.isIdentical(to: straight.recorded[.latent, t]!))
      }
    }
  }

  @Test func startingLatentsAreChecked() throws {
    var options = RunOptions<Float>()
    options.start = (.zeros([1, 2, 3]), 1)
    #expect {
      try smallModel(as: Float.self).run(try severalParts(), options)
    } throws: { "\($0)" == "the start latent has shape [1, 2, 3], expected [20, 30, 12]" }
  }

  @Test func farMoreIterationsThanTrained() throws {
    let model: RecurrentTransformer<Float> = try smallModel { $0.norm.placement = .post }
    let run = try model.run(try tokens(batch: 1, positions: 4), iterations: 2000)
    #expect(run.iterations == 2000 && run.logits!.isFinite)
  }

  @Test func unsharedCoresEnd() throws {
    let model: RecurrentTransformer<Float> = try smallModel { $0.shared = false }
    let input = try tokens(batch: 1, positions: 4)
    #expect(try model.run(input, iterations: 4).iterations == 4)
    #expect {
      try model.run(input, iterations: 5)
    } throws: {
      "\($0)".contains("5 iterations of a model with unshared weights for 4")
    }
    var options = RunOptions<Float>()
    options.start = (.zeros([1, 4, 12]), 3)
    options.iterations = 2
    #expect(throws: ModelError.self) { try model.run(input, options) }
    for iteration in [0, -1, 5] {
      #expect(throws: ModelError.self) { try model.stepMap(input, iteration: iteration) }
    }
  }

  @Test func noIterations() throws {
    let model: RecurrentTransformer<Float> = try smallModel { $0.initialLatent = .input }
    let input = try tokens(batch: 2, positions: 4)
    let run = try model.run(input, iterations: 0, record: .sites("prelude.0.resid_post"))
    #expect(run.iterations == 0 && run.logits != nil)
    #expect(run.latent.isIdentical(to: run.recorded["prelude.0.resid_post", 0]!))
    #expect(throws: ModelError.self) { try model.run(input, iterations: -1) }
  }

  @Test func partsAndWorkersDoNotMatter() throws {
    let model: RecurrentTransformer<Double> = try smallModel { $0.initialLatent = .noise }
    let input = try severalParts()
    var options = RunOptions<Double>()
    options.seed = 5
    let runs = try [1, 2, 5].map { count in
      try Workers.$current.withValue(Workers(count: count)) { try model.run(input, options) }
    }
    #expect(runs.allSatisfy { $0.logits!.isIdentical(to: runs[0].logits!) })
    options.wholeBatch = true
    let whole = try model.run(input, options)
    #expect(relativeError(whole.logits!, runs[0].logits!) < 1e-13)
    // An example's run does not depend on its company.
    options.wholeBatch = false
    let alone = try model.run(input.examples(0..<3), options)
    #expect(relativeError(alone.logits!, runs[0].logits!.slice(0..<3)) < 1e-13)
  }

  @Test func noiseFollowsItsSeed() throws {
    let model: RecurrentTransformer<Double> = try smallModel {
      $0.initialLatent = .noise
      $0.noise = 0.5
    }
    let input = try tokens(batch: 40, positions: 30)
    func initial(_ seed: UInt64) throws -> Tensor<Double> {
      var options = RunOptions<Double>()
      options.iterations = 0
      options.seed = seed
      return try model.run(input, options).latent
    }
    let z = try initial(1)
    #expect(try initial(1).isIdentical(to: z))
    #expect(try !initial(2).isIdentical(to: z))
    #expect(z[0] != z[1])
    #expect(abs(z.dot(z) / Double(z.count) - 0.25) < 0.02)
  }
}
