internal import AsuraDiff
public import AsuraModel
public import AsuraTensor

/// Activation patching: what a model answers when values of one run are put into another.
///
/// Each pair's base run is made once. A patched run starts from its latent before the first change, and ends where its
/// latent is, to the bit, the base's again after the last one; neither changes a bit of any result, for every run is
/// made by itself, of one example. Vig et al. 2020, Meng et al. 2022 (arXiv:2202.05262), Heimersheim and Nanda 2024
/// (arXiv:2404.15255).
public struct PatchExperiment<S: Scalar>: Sendable {
  /// One pair with what its two runs answer.
  public struct Pair: Sendable {
    /// Its number among the pairs given.
    public let number: Int
    public let clean: PatchValues
    public let corrupted: PatchValues
    let question: PatchQuestion
    let reference: [[Double]]
  }

  public let model: RecurrentTransformer<S>
  public let direction: PatchDirection
  /// How many iterations each run has.
  public let iterations: Int
  /// The pairs whose two answers differ.
  public let pairs: [Pair]
  /// How many pairs were left out since their answers do not differ anywhere.
  public let excluded: Int
  /// The seed of noise and of which pairs are drawn to resample from.
  public let seed: UInt64
  /// How many bytes recorded values may take, about.
  public var memory = 512 << 20
  /// Whether patched runs start from the base's latent; for tests that it changes nothing.
  package var reusesPrefix = true
  /// Whether patched runs end when they have rejoined the base; for tests that it changes nothing.
  package var stopsEarly = true
  let given: DirectedPairs
  /// Which keys each query of the base sees, of a model with a window.
  let neighbours: NeighbourTable?

  /// Runs the pairs unpatched.
  /// - Parameter iterations: of each run; the model's own number when nil.
  /// - Throws: `ProbeError` when no pair's answers differ, `ModelError`.
  public init(
    _ model: RecurrentTransformer<S>, _ pairs: ContrastPairs, direction: PatchDirection = .denoise,
    iterations: Int? = nil, seed: UInt64 = 0
  ) throws {
    self.model = model
    self.direction = direction
    self.iterations = iterations ?? model.configuration.iterations
    self.seed = seed
    let given = DirectedPairs(pairs: pairs, direction: direction)
    self.given = given
    neighbours = model.neighbours(for: given.input(.base))
    guard self.iterations >= 1 else {
      throw ProbeError(
        .badPatch, "runs of \(self.iterations) iterations", remedy: "Ask for 1 or more.")
    }
    let clean = try Self.logits(model, pairs.clean, self.iterations, seed)
    let corrupted = try Self.logits(model, pairs.corrupted, self.iterations, seed)
    let used: [Pair] = (0..<pairs.count).compactMap { pair in
      let question = PatchQuestion(
        given, pair: pair,
        clean: Self.answers(pairs.cleanAnswers, pair, clean[pair]),
        corrupted: Self.answers(pairs.corruptedAnswers, pair, corrupted[pair]))
      if question.places.isEmpty { return nil }
      let reference = question.reference(clean[pair])
      return Pair(
        number: pair,
        clean: question.values(clean[pair], onClean: true, reference: reference),
        corrupted: question.values(corrupted[pair], onClean: false, reference: reference),
        question: question, reference: reference)
    }
    guard !used.isEmpty else {
      throw ProbeError(
        .badPairs, "of none of the \(pairs.count) pairs do the two answers differ",
        remedy: "Give pairs with different answers at positions that correspond.")
    }
    self.pairs = used
    excluded = pairs.count - used.count
  }

  /// What the base run of a pair answers.
  public func base(_ pair: Int) -> PatchValues {
    direction == .noise ? pairs[pair].clean : pairs[pair].corrupted
  }

  /// What the run the values come from answers.
  public func source(_ pair: Int) -> PatchValues {
    direction == .noise ? pairs[pair].corrupted : pairs[pair].clean
  }

  /// What a run of a pair's base answers that gave these logits, `[1, position, class]`.
  public func values(of logits: Tensor<S>, pair: Int) -> PatchValues {
    pairs[pair].question.values(
      logits, onClean: direction == .noise, reference: pairs[pair].reference)
  }

  /// The input of one of a pair's runs.
  public func input(_ side: PatchSide, pair: Int) -> ModelInput {
    let number = pairs[pair].number
    return given.input(side).examples(number..<number + 1)
  }

  private static func logits(
    _ model: RecurrentTransformer<S>, _ input: ModelInput, _ iterations: Int, _ seed: UInt64
  ) throws -> [Tensor<S>] {
    var options = RunOptions<S>()
    options.iterations = iterations
    options.seed = seed
    return try model.runSeparately(
      input, (0..<input.batch).map { SeparateRun(noise: $0) }, options, into: PatchStore<S>()
    ).compactMap(\.logits)
  }

  private static func answers(_ given: [Int32]?, _ pair: Int, _ logits: Tensor<S>) -> [Int32] {
    let positions = logits.shape[1]
    if let given { return Array(given[pair * positions..<(pair + 1) * positions]) }
    return (0..<positions).map { Int32(PatchQuestion.largest(PatchQuestion.row(logits[0], $0))) }
  }
}

extension PatchExperiment {
  /// The site whose value every iteration recalls: the embedded input, or the prelude's result. Changed from an
  /// iteration on, it is another input from there; made zero, recall is cut.
  public var recalledSite: Site {
    let prelude = model.configuration.prelude
    return prelude > 0 ? .block(.prelude, index: prelude - 1, .residPost) : .embed
  }
}
