import AsuraModel
import AsuraTensor
import Testing

/// Runs that apply the core otherwise than once, block by block.
@Suite struct ScheduleTests {
  private func run(
    _ model: RecurrentTransformer<Double>, _ schedule: CoreSchedule?, record: [String] = []
  ) throws -> Run<Double> {
    var options = RunOptions<Double>()
    options.schedule = schedule
    if !record.isEmpty { options.record = [RecordRequest(record)] }
    return try model.run(tokens(batch: 2, positions: 5), options)
  }

  /// The same model with its core blocks in another order, or fewer or more of them.
  private func reordered(
    _ model: RecurrentTransformer<Double>, _ order: [Int]
  ) throws -> RecurrentTransformer<Double> {
    var configuration = model.configuration
    configuration.core = order.count
    var parameters = model.namedParameters.filter { !$0.key.hasPrefix("core.") }
    for (place, block) in order.enumerated() {
      for (name, tensor) in model.namedParameters where name.hasPrefix("core.\(block).") {
        parameters["core.\(place)." + name.dropFirst("core.0.".count)] = tensor
      }
    }
    return try RecurrentTransformer(configuration, parameters: parameters)
  }

  @Test(arguments: [[1, 0], [0], [1], [0, 0, 1], [], [1, 1]]) func blocksInAnyOrder(
    _ order: [Int]
  ) throws {
    let model: RecurrentTransformer<Double> = try smallModel()
    let scheduled = try run(model, .applying(blocks: order, iterations: 1...4))
    if order.isEmpty {
      // No block at all: what is recalled is the next latent.
      let recorded = try run(model, .applying(blocks: [], iterations: 1...4), record: ["recall"])
      #expect(recorded.recorded[.recall, 4]!.isIdentical(to: recorded.latent))
      return
    }
    let expected = try run(reordered(model, order), nil)
    #expect(scheduled.latent.isIdentical(to: expected.latent))
    #expect(scheduled.logits!.isIdentical(to: expected.logits!))
  }

  @Test func onlyTheIterationsNamedDiffer() throws {
    let model: RecurrentTransformer<Double> = try smallModel()
    let plain = try run(model, nil, record: ["latent"])
    let swapped = try run(model, .applying(blocks: [1, 0], iterations: 3...3), record: ["latent"])
    for t in 0...2 {
      #expect(swapped.recorded[.latent, t]!.isIdentical(to: plain.recorded[.latent, t]!))
    }
    #expect(swapped.recorded[.latent, 3]! != plain.recorded[.latent, 3]!)
    let skipped = try run(model, .skipping(iterations: 2...2), record: ["latent"])
    #expect(skipped.recorded[.latent, 2]!.isIdentical(to: plain.recorded[.latent, 1]!))
    #expect(skipped.recorded[.latent, 4]!.isIdentical(to: plain.recorded[.latent, 3]!))
    let repeated = try run(
      model, .repeating(iterations: 2...2), record: ["latent", "core.0.attn.z"])
    #expect(repeated.recorded[.latent, 3]!.isIdentical(to: plain.recorded[.latent, 4]!))
    // Hooks see the last time an iteration is made, and each site has one value.
    #expect(repeated.recorded[.block(.core, index: 0, .z), 2]!.shape == [2, 5, 12])
    #expect(repeated.recorded[.latent, 2]!.isIdentical(to: plain.recorded[.latent, 3]!))
  }

  @Test func aScheduleOfTheUsualOrderChangesNoBit() throws {
    let model: RecurrentTransformer<Double> = try smallModel()
    let usual = try run(
      model, CoreSchedule(blocks: [1: [0, 1], 2: [0, 1]], applications: [3: 1]))
    #expect(usual.latent.isIdentical(to: try run(model, nil).latent))
  }

  @Test func wrongSchedulesAreErrors() throws {
    let model: RecurrentTransformer<Double> = try smallModel()
    for (schedule, text) in [
      (CoreSchedule(blocks: [1: [2]]), "block 2"), (CoreSchedule(blocks: [5: [0]]), "iteration 5"),
      (CoreSchedule(applications: [0: 1]), "iteration 0"),
      (CoreSchedule(applications: [1: -1]), "-1 times"),
    ] {
      do {
        _ = try run(model, schedule)
        Issue.record("\(schedule) was taken")
      } catch let error as ModelError { #expect("\(error)".contains(text)) }
    }
  }
}
