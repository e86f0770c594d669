import AsuraConfiguration
import AsuraModel
import AsuraTasks
import AsuraTensor
import Foundation

extension ModelConfiguration {
  /// Checks that a model of these sizes can read a task's batches and give its answers.
  package func check(against task: any LearningTask) throws {
    for (field, found, needed) in [
      ("vocabulary", vocabulary, task.vocabulary.count), ("classes", classes, task.outputs.count),
      ("channels", channels, task.channels),
    ] where field == "channels" ? found != needed : found < needed {
      throw ModelError(
        .configuration, "model.\(field) is \(found), but the task \(task.name) needs \(needed)",
        remedy:
          "In a recipe, leave it out: it then follows the task. A trained model takes the task it was "
          + "trained on.")
    }
    let mode = try task.layout(length: task.lengths.lowerBound).mode
    if mode == .nextToken && attention.mask != .causal {
      throw ModelError(
        .configuration,
        "model.attention.mask is \(attention.mask), but with targets: nextToken the input holds "
          + "the answer",
        remedy: "Set model.attention.mask: causal, or task.targets: parallel.")
    }
  }

  /// Refuses inputs so long that one number for each query and key is more than the machine's memory holds.
  package func checkMemory<S: Scalar>(of _: S.Type, positions: Int) throws {
    let keys = min(positions, (attention.window ?? attention.radius).map { $0 + 1 } ?? positions)
    let bytes =
      Double(attention.heads * MemoryLayout<S>.size) * Double(positions) * Double(keys)
    let available = Double(ProcessInfo.processInfo.physicalMemory)
    guard bytes <= available else {
      throw ModelError(
        .input,
        String(
          format: "attention over %d positions needs %.3g GB of memory; this machine has %.3g",
          positions, bytes / 1e9, available / 1e9),
        remedy: "Use shorter inputs, or a model with attention.window or mask: neighbourhood.")
    }
  }
}

extension Recipe {
  /// Refuses options that do not go together.
  func checkOptions() throws {
    func check(_ isFine: Bool, _ field: String, _ found: String, _ expected: String) throws {
      guard isFine else {
        throw ConfigurationError(field: field, found: found, expected: expected)
      }
    }
    try check(
      model.shared || !depth.usesDifficulty, "depth", "the difficulty d with model.shared: false",
      "numbers or ranges of at most model.iterations, since d has no bound")
    let isPooled = depth.phases.contains(where: \.pooled)
    try check(
      isPooled == (training.pool != nil), "training.pool",
      training.pool.map(String.init) ?? "nothing",
      isPooled
        ? "how many latents to keep, since a phase of depth is pooled"
        : "a phase of depth with pooled: true to start from what is kept, or no pool")
    try check(
      !isPooled || model.shared, "depth.pooled", "true with model.shared: false",
      "a shared core, whose latents any iteration can go on from")
    if depth.equilibrium != nil {
      try check(
        model.shared, "model.shared", "false with depth.equilibrium",
        "true, since only a shared core has fixed points")
      try check(
        loss.kind == .last && loss.iterations == 1,
        loss.kind == .last ? "loss.iterations" : "loss.kind",
        loss.kind == .last
          ? "\(loss.iterations) with depth.equilibrium" : "every with depth.equilibrium",
        "the one readout there is: kind: last, iterations: 1")
      try check(
        loss.fixedPointPenalty == 0, "loss.fixedPointPenalty",
        "\(loss.fixedPointPenalty) with depth.equilibrium", "0, since latents are fixed points")
    }
  }

  /// Refuses a recipe that needs more memory than the machine has, before anything is allocated.
  ///
  /// What is counted is certain to be needed: weights, gradients and moments, the longest latents' pool, and of one example the latents of every
  /// iteration, with what is inside them unless it is recomputed. The difficulty is that of an example drawn.
  func checkMemory<S: Scalar>(of _: S.Type, for task: any LearningTask) throws {
    let size = Double(MemoryLayout<S>.size)
    let weights = 4 * size * model.parameterCount
    let length = task.lengths.upperBound
    let count = try task.layout(length: length).positions
    try model.checkMemory(of: S.self, positions: count)
    let positions = Double(count)
    // Beyond a budget training recomputes, unless it is told not to.
    let inside = training.recompute == false ? 4 * Double(model.core) : 1
    let kept = Double(model.width) * inside
    var random = Random(seed: seed, for: "longest")
    let difficulty =
      depth.usesDifficulty
      ? try task.makeBatch(length: length, examples: 1, random: &random).difficulty : 0
    let graded = depth.mostGraded(length: length, difficulty: difficulty)
    let latents = size * positions * kept * Double(graded)
    let pooled = size * positions * Double(model.width) * Double(training.pool ?? 0)
    let gigabytes = (weights + latents + pooled) / 1e9
    let available = Double(ProcessInfo.processInfo.physicalMemory) / 1e9
    guard gigabytes <= available else {
      throw ModelError(
        .configuration,
        String(
          format: "training needs at least %.3g GB of memory, %.3g of them for weights; "
            + "this machine has %.3g", gigabytes, weights / 1e9, available),
        remedy: "Lower model.width, mlp.width, depth, task.lengths or training.pool.")
    }
  }
}
