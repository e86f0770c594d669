import AsuraModel
import AsuraTasks
import AsuraTensor

extension Recipe {
  /// More positions than this are not looked at.
  private static let mostPositions = 2048

  /// What to tell when attention cannot carry all of the longest training input to any one place of the answer, so that
  /// the model may be unable to express the task; nil when it can, and when there are too many positions to find out.
  ///
  /// Only positions whose tokens vary between examples count, and of the answer its first place, the middle one and the
  /// last. A task of difficulty 1 needs no such way.
  func sightWarning(for task: any LearningTask) throws -> String? {
    let length = task.lengths.upperBound
    guard !model.attention.seesAll, try task.layout(length: length).positions <= Self.mostPositions
    else { return nil }
    var random = Random(seed: seed, for: "sight")
    let batch = try task.makeBatch(length: length, examples: 32, random: &random)
    guard batch.difficulty > 1 else { return nil }
    let tokens = (0..<batch.examples).map { Array(batch.tokens(ofExample: $0)) }
    let varied = (0..<batch.positions).filter { position in
      (position * batch.channels..<(position + 1) * batch.channels).contains { place in
        tokens.contains { $0[place] != tokens[0][place] }
      }
    }
    let iterations = depth.most(length: length, difficulty: batch.difficulty)
    // Recall by attention goes one step further, once: what it reads is the embedded input, not a latent.
    let steps =
      model.prelude + iterations * model.core + model.coda + (model.recall == .cross ? 1 : 0)
    let sight = Sight(model, batch.layout)
    let answer = batch.layout.answer
    let most =
      Set([answer[0], answer[answer.count / 2], answer[answer.count - 1]])
      .map { place in
        let isSeen = sight.seen(from: place, steps: steps)
        return varied.count { isSeen[$0] }
      }.max() ?? 0
    guard most < varied.count else { return nil }
    return """
      at length \(length), \(iterations) iterations carry at most \(most) of the \(varied.count) positions that vary to any \
      one place of the answer, and an answer that needs all of them cannot be learned.
      Raise depth, or widen model.attention: window, radius, directions, mask.
      """
  }
}

extension AttentionConfiguration {
  /// Whether every query sees every key.
  fileprivate var seesAll: Bool {
    mask == .full && window == nil && directions?.contains { $0 != .both } != true
  }
}

/// Which positions attention can bring to which, whatever the weights.
private struct Sight {
  private let attention: AttentionConfiguration
  private let layout: Layout
  private let ids: [Int]

  init(_ model: ModelConfiguration, _ layout: Layout) {
    attention = model.attention
    self.layout = layout
    ids =
      model.positionIDs == .coupled
      ? layout.positionIDs.map(Int.init) : Array(0..<layout.positions)
  }

  /// Whether any head at `query` sees `key`.
  private func sees(_ query: Int, _ key: Int) -> Bool {
    let (from, to) = (ids[query], ids[key])
    if attention.mask == .causal && key > query { return false }
    if let window = attention.window, abs(from - to) > window { return false }
    if let radius = attention.radius {
      let (rows, columns) = (
        query / layout.columns - key / layout.columns, query % layout.columns - key % layout.columns
      )
      if max(abs(rows), abs(columns)) > radius { return false }
    }
    guard let directions = attention.directions else { return true }
    return directions.contains { $0 == .both || ($0 == .backward ? to <= from : to >= from) }
  }

  /// `[position]`, whether what is there gets to `place` in so many steps of attention.
  func seen(from place: Int, steps: Int) -> [Bool] {
    var isSeen = Array(repeating: false, count: ids.count)
    isSeen[place] = true
    var newest = [place]
    var unseen = ids.indices.filter { $0 != place }
    for _ in 0..<steps where !newest.isEmpty {
      let found = unseen.filter { key in newest.contains { sees($0, key) } }
      for key in found { isSeen[key] = true }
      unseen.removeAll { isSeen[$0] }
      newest = found
    }
    return isSeen
  }
}
