import AsuraDiff
import AsuraTensor

/// What a run with an active set took for one example.
public struct ActiveWork: Sendable, Equatable, Codable {
  /// How many iterations over all positions those computed come to.
  public let passes: Double
  /// How many iterations there were.
  public let iterations: Int
  /// The last iteration in which any position was computed: after it nothing changes any more.
  public let lastActive: Int

  /// The share of positions computed, of all in every iteration; 1 where there were no iterations.
  public var share: Double { iterations == 0 ? 1 : passes / Double(iterations) }

  /// - Returns: nil for a pass without an active set.
  init?<S>(_ pass: Pass<S>, from start: Int) {
    guard let set = pass.local?.activeSet else { return nil }
    passes = Double(set.computed) / Double(pass.computation.geometry.ids.count)
    iterations = pass.iteration - start
    lastActive = max(start, set.lastIteration)
  }
}

extension RecurrentTransformer {
  /// Refuses an active set where it cannot be, or would miss something.
  func check(activeSet tolerance: Double, _ options: RunOptions<S>) throws {
    func fail(_ message: String, _ remedy: String) -> ModelError {
      ModelError(.input, message, remedy: remedy)
    }
    guard tolerance >= 0, tolerance.isFinite else {
      throw fail(
        "an active set with tolerance \(tolerance)",
        "Give 0 for the same bits as without, or a small number such as 1e-3.")
    }
    let attention = configuration.attention
    guard attention.window != nil || attention.radius != nil else {
      throw fail(
        "an active set for attention that sees every position",
        "It needs a model with attention.window, or attention.mask: neighbourhood.")
    }
    guard configuration.recall != .cross else {
      throw fail(
        "an active set for a model with recall: cross, which computes every position",
        "It needs another recall, such as concat.")
    }
    guard configuration.shared else {
      throw fail(
        "an active set for unshared weights, with which every iteration is another map",
        "It needs a model with shared: true.")
    }
    guard options.record.isEmpty, options.edits.isEmpty, options.sites.isEmpty else {
      throw fail(
        "an active set computes some positions only, which cannot be recorded or edited",
        "Leave the recording and edits out, or the active set.")
    }
    guard options.schedule == nil else {
      throw fail(
        "an active set with a schedule of its own for the core",
        "Leave the schedule out, or the active set.")
    }
  }

  /// How the passes of a run with these options go through the positions: by themselves where an example is so large
  /// that all workers should share it, or an active set chooses them.
  func locality(
    _ options: RunOptions<S>, positions: Int, isHooked: Bool
  ) -> Pass<S>.Locality? {
    if let tolerance = options.activeSet { return .activeSet(tolerance: tolerance) }
    let isWhole = isHooked || options.schedule != nil || configuration.recall == .cross
    return isWhole || positions <= 1024 ? nil : .allPositions
  }
}
