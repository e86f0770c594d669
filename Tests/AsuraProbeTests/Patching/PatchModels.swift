import AsuraModel
import AsuraProbe
import AsuraTensor

/// A small model with random weights; `change` makes variants.
func patchModel<S: Scalar>(
  as type: S.Type = S.self, _ change: (inout ModelConfiguration) -> Void = { _ in }
) throws -> RecurrentTransformer<S> {
  var c = try ModelConfiguration(
    vocabulary: 9, classes: 5, width: 12, prelude: 1, core: 2, coda: 1, iterations: 5,
    attention: AttentionConfiguration(heads: 3, positions: .alibi),
    mlp: MLPConfiguration(width: 20))
  change(&c)
  return RecurrentTransformer(c, seed: 7)
}

/// Pairs of random tokens that differ at position 1, asked for two classes at every position.
func patchPairs(
  count: Int = 4, positions: Int = 5, vocabulary: Int = 9, answered: Bool = true
) throws -> ContrastPairs {
  var random = Random(seed: 5, for: "pairs")
  var clean = (0..<count * positions).map { _ in Int32.random(in: 0..<9, using: &random) }
  var corrupted = clean
  for pair in 0..<count {
    clean[pair * positions + 1] = 2
    corrupted[pair * positions + 1] = 6
  }
  let answers = (0..<count * positions).map { Int32($0 % 4) }
  return try ContrastPairs(
    clean: ModelInput(tokens: clean, batch: count, positions: positions),
    corrupted: ModelInput(tokens: corrupted, batch: count, positions: positions),
    cleanAnswers: answered ? answers : nil,
    corruptedAnswers: answered ? answers.map { $0 + 1 } : nil)
}

/// What the experiment's own metrics say of a run's logits.
func values<S: Scalar>(
  _ logits: Tensor<S>?, _ experiment: PatchExperiment<S>, pair: Int
) throws -> PatchValues { experiment.values(of: logits!, pair: pair) }

/// The base's input of one pair, or the source's.
func input<S: Scalar>(
  _ side: PatchSide, _ experiment: PatchExperiment<S>, pair: Int
) -> ModelInput { experiment.input(side, pair: pair) }

/// All cells of some patches, in order of patch and pair.
func cells<S: Scalar>(
  _ experiment: PatchExperiment<S>, _ patches: [Patch]
) throws -> [PatchCell] {
  var cells: [PatchCell] = []
  try experiment.run(patches) { cells += $0 }
  return cells.sorted { ($0.patch, $0.pair) < ($1.patch, $1.pair) }
}
