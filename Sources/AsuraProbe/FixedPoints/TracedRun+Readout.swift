internal import AsuraModel
internal import AsuraTensor
internal import AsuraTrace
internal import Foundation

extension TracedRun {
  /// The class probabilities `[row, position, class]` read out of states `[row, position × width]`, each of an example
  /// of the trace's input.
  func probabilities(
    _ states: Tensor<Double>, examples: [Int], iteration: Int
  ) throws -> Tensor<Double> {
    let input = try input.selecting(examples)
    var options = RunOptions<Double>()
    options.iterations = 0
    options.start = (
      states.reshaped([examples.count, input.positions, model.configuration.width]), iteration
    )
    guard var logits = try model.run(input, options).logits else { return .zeros([0, 0, 0]) }
    let (classes, places) = (logits.rowLength, logits.rowCount)
    logits.update { x in
      for place in 0..<places {
        let row = x + place * classes
        var (largest, sum) = (-Double.infinity, 0.0)
        for c in 0..<classes { largest = max(largest, row[c]) }
        for c in 0..<classes {
          row[c] = exp(row[c] - largest)
          sum += row[c]
        }
        for c in 0..<classes { row[c] /= sum }
      }
    }
    return logits
  }

  /// Reads answers out of states of one example.
  func answerReader(example: Int) -> AnswerReader {
    { states in
      let count = states.shape[0]
      let read = try probabilities(
        states, examples: Array(repeating: example, count: count), iteration: iterations)
      return (0..<count).map { row in
        let positions = read[row]
        return (0..<positions.shape[0]).map { positions[$0].largestIndex }
      }
    }
  }

  /// The right classes where the loss counts; nil where the trace has no targets.
  func targets() throws -> Overthinking.Targets? {
    let recorded = try reader.input()
    guard let targets = recorded.targets, targets.shape == [input.batch, input.positions] else {
      return nil
    }
    let mask = recorded.mask?.elements
    return Overthinking.Targets(
      (0..<input.batch).map { example in
        (0..<input.positions).map { position in
          let place = example * input.positions + position
          let isAsked = mask.map { $0.count > place && $0[place] != 0 } ?? true
          return isAsked ? Int(targets.elements[place]) : -1
        }
      })
  }

  /// All examples' recorded latents after an iteration, `[example, position × width]`, checked to be finite.
  func states(iteration: Int) throws -> Tensor<Double> {
    let latent: Tensor<Double> = try reader.latent(iteration: iteration)
    let states = latent.reshaped([examples, latent.count / examples])
    guard let bad = states.rowNorms.firstIndex(where: { !$0.isFinite }) else { return states }
    // Says where.
    _ = try self.latent(iteration: iteration, example: bad)
    throw ProbeError(
      .notFinite,
      "\(reader.url.path): the latent of example \(bad) at iteration \(iteration) is too large "
        + "for its norm to be a number")
  }
}
