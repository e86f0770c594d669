internal import AsuraModel
internal import AsuraTensor
internal import AsuraTrace

extension TracedRun {
  /// The map that takes the latents of some examples at `iteration` to the next ones, as a map of flat states, a row
  /// an example.
  public func latentMap(examples: [Int], at iteration: Int) throws -> LatentMap {
    try LatentMap(model, input.selecting(examples), iteration: iteration + 1, of: iterations)
  }

  /// The recorded latents of some examples as states `[example, position × width]`, checked to be finite.
  func states(of examples: [Int], iteration: Int) throws -> Tensor<Double> {
    .concatenating(
      try examples.map {
        let latent = try latent(iteration: iteration, example: $0)
        return latent.reshaped([1, latent.count])
      })
  }

  /// Whether the answers at latents `[example, position × width]` after `iteration` are right, whole examples: nil
  /// where the trace has no target for an example.
  func answersAreRight(
    _ examples: [Int], latents: Tensor<Double>, iteration: Int
  ) throws -> [Bool?] {
    guard let targets = try reader.input().targets,
      targets.shape == [input.batch, input.positions]
    else { return examples.map { _ in nil } }
    let (positions, width) = (input.positions, model.configuration.width)
    return try examples.enumerated().map { row, example in
      let map = try stepMap(example: example, at: max(0, iteration - 1))
      let logits = try map.readout(latents[row].reshaped([1, positions, width]))[0]
      let wanted = targets.elements[example * positions..<(example + 1) * positions]
      let scored = zip(0..<positions, wanted).filter { $0.1 >= 0 }
      guard !scored.isEmpty else { return nil }
      return scored.allSatisfy { logits[$0.0].largestIndex == Int($0.1) }
    }
  }

  /// The trace's facts about one example: a count as it is, labels as one indicator each (of two, the second's).
  func positionFacts(of example: Int) throws -> [PositionFact] {
    try reader.input().facts.sorted { $0.key < $1.key }.flatMap { name, fact -> [PositionFact] in
      guard fact.values.shape == [input.batch, input.positions] else { return [] }
      let values = fact.values.elements[
        example * input.positions..<(example + 1) * input.positions]
      func indicator(_ name: String, _ value: (Int32) -> Double) -> PositionFact {
        PositionFact(name: name, values: values.map { $0 < 0 ? .nan : value($0) })
      }
      guard fact.labels.count > 2 else { return [indicator(name) { Double($0) }] }
      return fact.labels.enumerated().map { label, text in
        indicator("\(name)=\(text)") { Int($0) == label ? 1 : 0 }
      }
    }
  }
}
