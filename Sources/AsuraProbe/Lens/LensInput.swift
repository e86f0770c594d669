internal import AsuraModel
internal import AsuraTensor
internal import AsuraTrace

/// The latents of a traced run, an iteration and some examples at a time, with the model to read them out.
struct LensInput: Sendable {
  let run: TracedRun
  /// The right class at each `[example, position]` of the whole batch, −1 where none is asked; nil without targets.
  let targets: [Int32]?

  var positions: Int { run.input.positions }
  var width: Int { run.model.configuration.width }
  var classes: Int { run.model.configuration.classes }

  init(_ run: TracedRun) throws {
    self.run = run
    let recorded = try run.reader.input()
    let shape = [run.input.batch, run.input.positions]
    guard let targets = recorded.targets, targets.shape == shape else {
      self.targets = nil
      return
    }
    let mask = recorded.mask.flatMap { $0.shape == shape ? $0.elements : nil }
    let classes = run.model.configuration.classes
    self.targets = targets.elements.enumerated().map { place, target in
      let isAsked = target >= 0 && target < classes && mask.map { $0[place] != 0 } ?? true
      return isAsked ? target : -1
    }
  }

  /// Whether the readout is asked for at each position of an example: everywhere, without targets.
  func isAsked(example: Int, position: Int) -> Bool {
    targets.map { $0[example * positions + position] >= 0 } ?? true
  }

  /// The right class; nil where none is asked.
  func target(example: Int, position: Int) -> Int? {
    guard let target = targets?[example * positions + position], target >= 0 else { return nil }
    return Int(target)
  }

  /// The recorded latents `[example, position, width]` of a stretch of examples, checked to be finite.
  func latents(iteration: Int, examples: Range<Int>) throws -> Tensor<Double> {
    let latent: Tensor<Double> = try run.reader.latent(
      iteration: iteration, entries: ["batch": examples])
    guard latent.isFinite else {
      let bad = (latent.elements.firstIndex { !$0.isFinite } ?? 0) / (positions * width)
      // Says where.
      _ = try run.latent(iteration: iteration, example: examples.lowerBound + bad)
      throw ProbeError(.notFinite, "a latent at iteration \(iteration) is not finite")
    }
    return latent
  }

  /// The parts in which a stretch of examples is read out side by side, with the readout of each: made once for all
  /// iterations, since no readout depends on the iteration.
  func readers(examples: Range<Int>) throws -> [(rows: Range<Int>, map: StepMap<Double>)] {
    let parts = run.model.parts(batch: examples.count, positions: positions)
    return try Workers.current.map(parts.count) { index in
      let rows = parts[index]
      let chosen = rows.lowerBound + examples.lowerBound..<rows.upperBound + examples.lowerBound
      return (rows, try run.model.stepMap(run.input.examples(chosen), of: run.iterations))
    }
  }
}
