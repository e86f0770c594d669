public import AsuraModel
public import AsuraTensor
internal import AsuraTrace
internal import Foundation

extension DepthLaw {
  /// One model run with several numbers of iterations from the same states `[example, position × width]`.
  ///
  /// Where the update is `euler` with Δ = 1/T, the number sets the step; otherwise the runs differ in length only.
  /// - Parameters:
  ///   - isCancelled: asked before each run; once true, the runs made so far are the result.
  ///   - progress: called after each iteration.
  public static func reruns(
    of model: RecurrentTransformer<Double>, _ input: ModelInput, from start: Tensor<Double>,
    depths: [Int], isCancelled: () -> Bool = { false }, progress: () -> Void = {}
  ) throws -> [Depth] {
    var results: [Depth] = []
    for depth in depths where !isCancelled() {
      let map = try LatentMap(model, input, of: depth)
      var recorder = PathRecorder()
      var states = start
      recorder.append(states)
      for _ in 0..<depth {
        states = try map(states)
        recorder.append(states)
        progress()
      }
      results.append(Depth(iterations: depth, paths: recorder.paths))
    }
    return results
  }

  /// Recorded runs, of one model or of several. Their i is what the models were made for, where that differs, and
  /// otherwise how many iterations were run.
  ///
  /// - Throws: `ProbeError` when the runs do not differ in i, `TraceError`.
  public init(traces: [RecordedLatents]) throws {
    let made = try traces.map { try Self.configuredIterations($0.reader) }
    let run = traces.map { $0.reader.iterations ?? $0.iterations.last ?? 0 }
    let depths = Set(made).count > 1 ? made.map { $0 ?? 0 } : run
    guard Set(depths).count > 1 else {
      throw ProbeError(
        .notFound, "all \(traces.count) traces are of runs of \(depths.first ?? 0) iterations",
        remedy: "Give traces of models made for other numbers of iterations.")
    }
    self.init(
      try zip(traces, depths).map { latents, depth in
        var recorder = PathRecorder(first: latents.iterations.first ?? 0)
        try latents.requireConsecutive()
        for iteration in latents.iterations {
          recorder.append(
            try latents.states(iteration: iteration, examples: Array(0..<latents.examples)))
        }
        return Depth(
          iterations: depth, name: latents.reader.url.lastPathComponent, paths: recorder.paths)
      })
  }

  private static func configuredIterations(_ reader: TraceReader) throws -> Int? {
    let text = try reader.configuration()
    guard !text.isEmpty else { return nil }
    return try ModelConfiguration(json: Data(text.utf8), source: "the model in \(reader.url.path)")
      .iterations
  }
}

extension RecordedLatents {
  /// The fewest states that make a path: three steps, with two turns between them.
  public static let fewest = 4

  /// Refuses iterations with gaps, and too few of them: a step is between one latent and the next.
  public func requireConsecutive(_ chosen: [Int]? = nil) throws {
    let chosen = chosen ?? iterations
    let path = reader.url.path
    if let gap = zip(chosen, chosen.dropFirst()).first(where: { $1 != $0 + 1 }) {
      throw ProbeError(
        .incompleteTrace,
        "\(path): the latents chosen go from iteration \(gap.0) to \(gap.1), but steps are between "
          + "each and the next",
        remedy: "Choose consecutive iterations, or capture every one.")
    }
    guard chosen.count >= Self.fewest else {
      throw ProbeError(
        .incompleteTrace,
        "\(path): \(chosen.count) latent\(chosen.count == 1 ? "" : "s") make no path; "
          + "at least \(Self.fewest) do",
        remedy: "Choose or capture more iterations.")
    }
  }
}
