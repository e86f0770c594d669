public import AsuraModel

/// Pairs of inputs that differ little and have different answers: the clean and the corrupted one.
public struct ContrastPairs: Sendable {
  public let clean: ModelInput
  public let corrupted: ModelInput
  /// The classes of the answers, `[pair, position]` of either input, negative where nothing is asked; nil takes the
  /// model's own answers, the likeliest class at each position.
  public let cleanAnswers: [Int32]?
  public let corruptedAnswers: [Int32]?
  /// Which position of the corrupted input each position of the clean one corresponds to, by pair; nil where there is
  /// none. Nil altogether: all to themselves.
  public let alignment: [[Int?]]?
  /// A position of each pair's clean input that relative places are counted from: by default the first where the two
  /// inputs differ, or 0.
  public var anchors: [Int]
  /// What each pair is called; empty, or one a pair.
  public var names: [String] = []
  /// What stands at each position of the first clean input, for charts; empty, or one a position.
  public var labels: [String] = []

  /// How many pairs there are.
  public var count: Int { clean.batch }

  /// - Parameter alignment: needed where the two have different lengths.
  /// - Throws: `ProbeError` where the parts do not fit one another.
  public init(
    clean: ModelInput, corrupted: ModelInput, cleanAnswers: [Int32]? = nil,
    corruptedAnswers: [Int32]? = nil, alignment: [[Int?]]? = nil
  ) throws {
    guard clean.batch == corrupted.batch else {
      throw ProbeError(
        .badPairs, "\(clean.batch) clean inputs and \(corrupted.batch) corrupted ones",
        remedy: "Give one of each for every pair.")
    }
    guard clean.positions == corrupted.positions || alignment != nil else {
      throw ProbeError(
        .badPairs,
        "the clean inputs have \(clean.positions) positions, the corrupted ones "
          + "\(corrupted.positions)",
        remedy: "Make them equally long, or say which positions correspond.")
    }
    for (name, answers, input) in [
      ("clean", cleanAnswers, clean), ("corrupted", corruptedAnswers, corrupted),
    ] {
      let expected = input.batch * input.positions
      if let answers, answers.count != expected {
        throw ProbeError(
          .badPairs, "\(answers.count) \(name) answers for \(expected) positions",
          remedy: "Give one for each position, negative where nothing is asked.")
      }
    }
    guard (cleanAnswers == nil) == (corruptedAnswers == nil) else {
      throw ProbeError(
        .badPairs, "answers of one input only", remedy: "Give those of both, or neither.")
    }
    for (pair, map) in (alignment ?? []).enumerated() {
      let used = map.compactMap { $0 }
      guard map.count == clean.positions, Set(used).count == used.count,
        used.allSatisfy({ (0..<corrupted.positions).contains($0) })
      else {
        throw ProbeError(
          .badPairs, "pair \(pair): the map of positions is \(map.map { $0 ?? -1 })",
          remedy: "Give for each of the \(clean.positions) clean positions another of the "
            + "\(corrupted.positions) corrupted ones, or none.")
      }
    }
    if let alignment, alignment.count != clean.batch {
      throw ProbeError(.badPairs, "\(alignment.count) maps of positions for \(clean.batch) pairs")
    }
    self.clean = clean
    self.corrupted = corrupted
    self.cleanAnswers = cleanAnswers
    self.corruptedAnswers = corruptedAnswers
    self.alignment = alignment
    anchors = (0..<clean.batch).map { pair in
      guard clean.positions == corrupted.positions, clean.channels == corrupted.channels else {
        return 0
      }
      let (a, b) = (clean.examples(pair..<pair + 1), corrupted.examples(pair..<pair + 1))
      let first = zip(a.tokens, b.tokens).enumerated().first { $1.0 != $1.1 }?.offset
      return (first ?? 0) / clean.channels
    }
  }
}

/// Which of a pair's runs is patched, with values of the other.
public enum PatchDirection: String, Sendable, CaseIterable {
  /// Clean values into the corrupted run: what is enough to restore the clean answer?
  case denoise
  /// Corrupted values into the clean run: what does the clean answer need?
  case noise
}

/// The pairs as a direction sees them: the base is patched with values of the source.
struct DirectedPairs: Sendable {
  let pairs: ContrastPairs
  let direction: PatchDirection

  func input(_ side: PatchSide) -> ModelInput {
    (side == .base) == (direction == .noise) ? pairs.clean : pairs.corrupted
  }

  /// The source's position that a position of the base corresponds to.
  func sourcePosition(of position: Int, pair: Int) -> Int? {
    guard let map = pairs.alignment?[pair] else { return position }
    return direction == .noise ? map[position] : map.firstIndex(of: position)
  }

  /// The position of the base that relative places are counted from; nil where the base has none.
  func anchor(_ pair: Int) -> Int? {
    let clean = pairs.anchors[pair]
    guard direction == .denoise, let map = pairs.alignment?[pair] else { return clean }
    return map[clean]
  }

  /// The corresponding positions of the two, as the clean and the corrupted run number them.
  func aligned(_ pair: Int) -> [(clean: Int, corrupted: Int)] {
    guard let map = pairs.alignment?[pair] else {
      return (0..<pairs.clean.positions).map { ($0, $0) }
    }
    return map.enumerated().compactMap { clean, corrupted in corrupted.map { (clean, $0) } }
  }
}

/// One of a pair's two runs.
public enum PatchSide: Sendable, Hashable, CaseIterable {
  /// The run that is patched.
  case base
  /// The run the values come from.
  case source
}
