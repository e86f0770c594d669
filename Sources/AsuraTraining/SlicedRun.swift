import AsuraModel
import AsuraTensor

/// What a run of a batch gave that was made a few examples at a time.
struct SlicedRun<S: Scalar> {
  /// The logits `[batch, position, class]` by iteration.
  var readout: [Int: Tensor<S>] = [:]
  /// The logits after each example's last iteration.
  var logits: Tensor<S>?
  /// For each example the iteration in which it settled.
  var settled: [Int?] = []
  /// For each example what it took with an active set.
  var work: [ActiveWork] = []
}

extension RecurrentTransformer {
  /// How many positions are run at once, unless one example has more.
  private static var positionsAtOnce: Int { 1 << 20 }

  /// Runs a batch a few examples at a time where they are large, so that memory does not grow with their number.
  func runInSlices(_ input: ModelInput, _ options: RunOptions<S>) throws -> SlicedRun<S> {
    precondition(options.start == nil, "a start latent is for a whole batch")
    let size = max(1, Self.positionsAtOnce / input.positions)
    var options = options
    var result = SlicedRun<S>()
    var readouts: [Int: [Tensor<S>]] = [:]
    var logits: [Tensor<S>] = []
    for start in stride(from: 0, to: input.batch, by: size) {
      let run = try run(input.examples(start..<min(input.batch, start + size)), options)
      for (t, values) in run.readout { readouts[t, default: []].append(values) }
      if let last = run.logits { logits.append(last) }
      result.settled += run.settled
      result.work += run.work
      // Noise of each slice's own.
      options.seed &+= 1
    }
    result.readout = readouts.mapValues { .concatenating($0) }
    result.logits = logits.isEmpty ? nil : .concatenating(logits)
    return result
  }
}
