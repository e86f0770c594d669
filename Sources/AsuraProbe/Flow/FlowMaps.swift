internal import AsuraModel
internal import AsuraTensor

/// The maps that take the chosen examples' states on, one for each iteration where weights are unshared.
struct FlowMaps {
  private let run: TracedRun
  private let input: ModelInput
  private let shared: LatentMap?

  init(_ run: TracedRun, _ examples: [Int]) throws {
    self.run = run
    input = try run.input.selecting(examples)
    shared =
      run.model.configuration.shared ? try LatentMap(run.model, input, of: run.iterations) : nil
  }

  /// The map of an iteration, which leads to the state of that number.
  func map(_ iteration: Int) throws -> any StateMap {
    try shared ?? LatentMap(run.model, input, iteration: iteration, of: run.iterations)
  }

  /// Where iterating on from `states` comes to rest, by row, with how many iterations it took; rows that do not within
  /// `FlowProbe.mostFurther` are left out, and all where weights are unshared.
  func rests(
    from states: Tensor<Double>, _ isCancelled: () -> Bool, _ progress: (Int, String) -> Void
  ) throws -> [Int: (state: Tensor<Double>, after: Int)] {
    guard let shared else { return [:] }
    var found: [Int: (state: Tensor<Double>, after: Int)] = [:]
    var (current, followed) = (states, 0)
    let rows = states.shape[0]
    for further in 1...FlowProbe.mostFurther where found.count < rows && !isCancelled() {
      let next = try shared(current)
      for (row, step) in next.rowDistances(to: current).enumerated()
      where found[row] == nil && step <= FlowProbe.atRest * next[row].norm {
        found[row] = (next[row], further)
      }
      current = next
      followed = further
      progress(1, "on to rest")
    }
    progress(FlowProbe.mostFurther - followed, "at rest")
    return found
  }
}
